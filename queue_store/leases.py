"""Leases: the seats of an item, one a label that is being made, and who sits there until when.

Every change of an item's leases happens while its row is locked, so that seats are never given
twice. The item's ``open_seats`` are the labels it wants, less those done, less its live leases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, exists, func, select, update

from queue_store.column_types import Moment
from queue_store.endings import give
from queue_store.model import ItemState
from queue_store.moves import move
from queue_store.tables.collections import MEMBERS
from queue_store.tables.items import ITEMS, LEASES
from queue_store.tables.queues import QUEUES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from queue_store.model import Action, Item
    from queue_store.writing import Writing

EXPIRED_MAX = 1000
"""Items whose leases end in one go; the rest by the next claim."""

_LIVE = LEASES.c.lease_until.is_not(None)

_BY_ITEM, _QUEUE = LEASES.c.item_id + 0, LEASES.c.queue_id + 0
"""As sums: by the bare columns, the engines would at times rather walk the primary key, or the
leases of the whole queue, than the holder's index."""

HELD: Select[Any] = (
    select(LEASES.c.item_id, LEASES.c.token)
    .where(
        LEASES.c.reviewer == bindparam("for_reviewer"),
        bindparam("in_queue") == _QUEUE,
        _LIVE,
    )
    .order_by(_BY_ITEM)
    .limit(1)
)
"""The item that the reviewer holds in this queue."""

ENDED: Select[Any] = (
    select(LEASES.c.item_id)
    .where(
        LEASES.c.queue_id == bindparam("in_queue"),
        LEASES.c.lease_until <= bindparam("at", type_=Moment),
        _LIVE,
    )
    .order_by(LEASES.c.lease_until)
    .limit(EXPIRED_MAX)
)
"""Items of the queue with a lease that ran out, oldest first."""

_IN_THIS = LEASES.c.queue_id == QUEUES.c.id
LOOK: Select[Any] = select(
    QUEUES,
    exists().where(MEMBERS.c.project == QUEUES.c.project).label("is_guarded"),
    # Not as EXISTS: without an order, the engines are glad to read every lease of the queue.
    func.coalesce(
        select(LEASES.c.item_id)
        .where(_IN_THIS, LEASES.c.lease_until <= bindparam("at", type_=Moment), _LIVE)
        .order_by(LEASES.c.lease_until)
        .limit(1)
        .scalar_subquery(),
        select(LEASES.c.item_id)
        .where(LEASES.c.reviewer == bindparam("for_reviewer"), QUEUES.c.id == _QUEUE, _LIVE)
        .order_by(_BY_ITEM)
        .limit(1)
        .scalar_subquery(),
    )
    .is_not(None)
    .label("has_leases"),
).where(QUEUES.c.project == bindparam("in_project"), QUEUES.c.name == bindparam("called"))
"""A queue, whether its project has members, and whether a lease ran out or is the reviewer's: all
that most claims have to know, in one question."""

_ALL = select(LEASES).where(LEASES.c.item_id == bindparam("of_item"))
_LOCKED = (
    select(ITEMS.c.id, ITEMS.c.state)
    .where(ITEMS.c.id.in_(bindparam("item_ids", expanding=True)))
    .order_by(ITEMS.c.id)
    .with_for_update(skip_locked=True)
)


def leases_of(writing: Writing, item_id: int) -> dict[str, Any]:
    """Every lease of an item by reviewer, also those that ran out and were not taken over."""
    rows = writing.connection.execute(_ALL, {"of_item": item_id})
    return {row.reviewer: row for row in rows}


def held_now(writing: Writing, queue_id: int, reviewer: str) -> Any:
    """The lease that the reviewer holds in the queue, once those that ran out have ended.

    A row of ``item_id, token``, or None.
    """
    expire_leases(writing, queue_id)
    mine = {"in_queue": queue_id, "for_reviewer": reviewer}
    return writing.connection.execute(HELD, mine).one_or_none()


def expire_leases(writing: Writing, queue_id: int) -> int:
    """Open the seats whose lease ran out; their token stays good while a seat is open.

    Gives their number. Items that somebody is writing to are left to the next call.
    """
    given = {"in_queue": queue_id, "at": writing.now}
    ended = writing.connection.scalars(ENDED, given).all()
    return _expire(writing, queue_id, ended) if ended else 0


def _expire(writing: Writing, queue_id: int, ended: Sequence[int]) -> int:
    locked = writing.connection.execute(_LOCKED, {"item_ids": sorted(set(ended))}).all()
    if not locked:
        return 0
    return _lapse(writing, queue_id, {row.id: ItemState(row.state) for row in locked})


def _lapse(writing: Writing, queue_id: int, items: dict[int, ItemState]) -> int:
    """End what ran out of these locked items."""
    lapsed = writing.connection.execute(
        update(LEASES)
        .where(LEASES.c.item_id.in_(list(items)), _LIVE, LEASES.c.lease_until <= writing.now)
        .values(lease_until=None)
        .returning(LEASES.c.item_id, LEASES.c.reviewer)
    ).all()
    freed: dict[int, int] = {}
    for row in lapsed:
        freed[row.item_id] = freed.get(row.item_id, 0) + 1
    columns = ITEMS.c
    for number in sorted(set(freed.values())):
        all_open = columns.open_seats + number == columns.labels_wanted - columns.labels_done
        rows = writing.connection.execute(
            update(ITEMS)
            .where(columns.id.in_([item for item, seats in freed.items() if seats == number]))
            .values(
                open_seats=columns.open_seats + number,
                state=case((all_open, ItemState.PENDING.value), else_=columns.state),
                came_from=case((all_open, ItemState.IN_PROGRESS.value), else_=columns.came_from),
                updated_at=writing.now,
            )
            .returning(columns.id, columns.state)
        )
        for row in rows:
            writing.moved(queue_id, items[row.id], ItemState(row.state))
    for row in lapsed:
        writing.audit("expire", queue_id=queue_id, item_id=row.item_id, holder=row.reviewer)
    return len(lapsed)


def expire_item(writing: Writing, item: Item) -> bool:
    """End the leases of one locked item that ran out; tells whether there were any."""
    return bool(_lapse(writing, item.queue_id, {item.id: item.state}))


def take(
    writing: Writing,
    item: Item,
    action: Action,
    token: str,
    until: datetime,
    *,
    again: bool = False,
    **values: Any,
) -> None:
    """Give who writes a seat of a locked item; one must be open. ``values`` change with it.

    ``again`` renews the lease that they had, and keeps when it was claimed.
    """
    seats = values.pop("open_seats", item.open_seats)
    assert seats > 0, f"item {item.id} has no open seat"
    move(
        writing,
        item,
        action,
        ItemState.IN_PROGRESS,
        details={"again": True} if again else None,
        open_seats=seats - 1,
        claim_count=item.claim_count + (not again),
        **values,
    )
    if again:
        writing.connection.execute(
            update(LEASES)
            .where(LEASES.c.item_id == item.id, LEASES.c.reviewer == writing.actor)
            .values(lease_until=until)
        )
    else:
        give(writing.connection, lease_row(writing, item.id, item.queue_id, token, until))


def lease_row(
    writing: Writing, item_id: int, queue_id: int, token: str, until: datetime
) -> dict[str, Any]:
    """The lease of the one who writes, from now on."""
    return {
        "item_id": item_id,
        "reviewer": writing.actor,
        "queue_id": queue_id,
        "token": token,
        "claimed_at": writing.now,
        "lease_until": until,
    }


def leave(writing: Writing, item_id: int, reviewer: str) -> None:
    """Remove the reviewer's lease; the item's seats are the caller's to count."""
    writing.connection.execute(_LEAVE, {"of_item": item_id, "of_reviewer": reviewer})


def clear(writing: Writing, item_id: int) -> None:
    """Remove every lease of an item that is open to nobody any more."""
    writing.connection.execute(_CLEAR, {"of_item": item_id})


_CLEAR = delete(LEASES).where(LEASES.c.item_id == bindparam("of_item"))
_LEAVE = _CLEAR.where(LEASES.c.reviewer == bindparam("of_reviewer"))
