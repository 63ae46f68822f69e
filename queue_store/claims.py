"""Claims: an item goes into one reviewer's hands, for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, exists, func, literal_column, select, update

from queue_store.base import StoreBase, find_item, find_queue
from queue_store.column_types import Moment
from queue_store.errors import (
    InvalidValueError,
    ItemLockedError,
    NoItemsAvailableError,
    NotPermittedError,
)
from queue_store.model import Action, Claim, ItemState, QueueState, Role
from queue_store.moves import move
from queue_store.rows import item_from_row
from queue_store.tables.items import ITEMS, NOBODY, RESPONSES
from queue_store.tables.metadata import word
from queue_store.tables.queues import COUNTED, QUEUE_COUNTERS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, ScalarSelect, Select

    from queue_store.model import Item, Queue
    from queue_store.writing import Writing

EXPIRED_MAX = 1000
"""Leases ended in one go; the rest by the next claim."""


class Claims(StoreBase):
    """The part of the store that hands out work."""

    def claim_next(
        self,
        *,
        project: str,
        queue: str,
        reviewer: str,
        now: datetime,
        lease_seconds: float | None = None,
    ) -> Claim:
        """The next item for this reviewer: what they hold, what is assigned to them, the rest.

        Within each, by priority, then by age. Never what they labelled or passed on already.
        Raises NoItemsAvailableError, NotFoundError, NotPermittedError.
        """
        with self._writing(project=project, now=now, actor=reviewer) as writing:
            target = find_queue(writing.connection, project, queue, with_form=False)
            may_work(target, reviewer)
            writing.require(Role.ANNOTATOR, "claim items", target.id)
            expire_leases(writing, target.id)
            until = now + timedelta(seconds=self.lease_of(target, lease_seconds))
            mine = {"in_queue": target.id, "for_reviewer": reviewer}
            held = writing.connection.scalar(HELD, mine)
            if held is not None:
                return _renewed(writing, held, until)
            token = self.new_token()
            row = writing.connection.execute(
                CLAIM, mine | {"with_token": token, "at": now, "until": until}
            ).one_or_none()
            if row is not None:
                writing.moved(target.id, row.id, ItemState.PENDING, ItemState.IN_PROGRESS)
                writing.audit("claim", queue_id=target.id, item_id=row.id)
                item = item_from_row(row, target)
                return Claim(item=item, token=token, lease_until=until)
        raise self._nothing(target)

    def claim_item(
        self,
        *,
        project: str,
        item_id: int,
        reviewer: str,
        now: datetime,
        lease_seconds: float | None = None,
    ) -> Claim:
        """This item; raises ItemLockedError (holder, until) when another has it."""
        with self._writing(project=project, now=now, actor=reviewer) as writing:
            item, token = find_item(writing.connection, project, item_id, lock=True)
            target = find_queue(writing.connection, project, item.queue)
            may_work(target, reviewer)
            writing.require(Role.ANNOTATOR, "claim items", target.id)
            until = now + timedelta(seconds=self.lease_of(target, lease_seconds))
            if item.holder == reviewer and token is not None:
                return _renewed(writing, item.id, until)
            if item.lease_until is not None and item.lease_until <= now:
                move(writing, item, Action.EXPIRE, ItemState.PENDING)
                item, _ = find_item(writing.connection, project, item_id)
            if item.state is not ItemState.PENDING:
                raise ItemLockedError(item.id, item.holder, item.lease_until, item.state.value)
            _refuse_repeat(writing.connection, item, reviewer)
            token = self.new_token()
            take(writing, item, Action.CLAIM, reviewer, token, until)
            item, _ = find_item(writing.connection, project, item_id)
            return Claim(item=item, token=token, lease_until=until)

    def heartbeat(
        self,
        *,
        project: str,
        item_id: int,
        token: str,
        now: datetime,
        lease_seconds: float | None = None,
    ) -> Claim:
        """Keep the item for another lease from now; raises ItemLockedError for a stale token."""
        with self._writing(project=project, now=now, actor="") as writing:
            item = self.held(writing, item_id, token)
            target = find_queue(writing.connection, project, item.queue)
            until = now + timedelta(seconds=self.lease_of(target, lease_seconds))
            return _renewed(writing, item.id, until)

    def release(self, *, project: str, item_id: int, token: str, now: datetime) -> Item:
        """Give the item back unanswered; raises ItemLockedError for a stale token."""
        with self._writing(project=project, now=now, actor="") as writing:
            item = self.held(writing, item_id, token)
            move(writing, item, Action.RELEASE, ItemState.PENDING, token=None, claimed_at=None)
            return find_item(writing.connection, project, item_id)[0]

    def expire(self, *, project: str, queue: str, now: datetime, actor: str) -> int:
        """End every lease that ran out; gives their number. Claims do this by themselves."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            target = find_queue(writing.connection, project, queue)
            total = 0
            while ended := expire_leases(writing, target.id):
                total += ended
            return total

    def lease_of(self, queue: Queue, asked: float | None) -> float:
        """Seconds of a lease: as asked, else the queue's, else the setting."""
        seconds = asked or queue.lease_seconds or self.config.lease_seconds
        if seconds <= 0:
            raise InvalidValueError("lease_seconds", seconds, "must be more than 0")
        return seconds

    def held(self, writing: Writing, item_id: int, token: str) -> Item:
        """The item that this token holds, locked; the writer becomes its holder.

        A lease that ran out while nobody else took the item still counts: no work is lost.
        Otherwise raises ItemLockedError with who holds the item until when.
        """
        item, current = find_item(writing.connection, writing.project, item_id, lock=True)
        if current is None or current != token:
            raise ItemLockedError(item.id, item.holder, item.lease_until, item.state.value)
        if item.state is ItemState.PENDING:
            writing.actor = item.claimed_by or ""
            until = writing.now + timedelta(seconds=self.config.lease_seconds)
            take(writing, item, Action.CLAIM, writing.actor, token, until, again=True)
            item, _ = find_item(writing.connection, writing.project, item_id)
        writing.actor = item.holder or writing.actor
        return item

    def _nothing(self, queue: Queue) -> NoItemsAvailableError:
        """Why there is nothing to claim."""
        with self.database.reading() as connection:
            left = counted(connection, queue.id)
            holders = connection.execute(
                select(ITEMS.c.holder, func.max(ITEMS.c.lease_until))
                .where(
                    ITEMS.c.queue_id == queue.id,
                    ITEMS.c.state == word(ItemState.IN_PROGRESS),
                )
                .group_by(ITEMS.c.holder)
                .order_by(ITEMS.c.holder)
                .limit(20)
            ).all()
        if sum(left[state.value] for state in ItemState) - left["removed"] == 0:
            why = "empty"
        elif left["pending"]:
            why = "labelled"
        elif left["in_progress"]:
            why = "held"
        elif left["awaiting_adjudication"]:
            why = "awaiting"
        else:
            why = "finished"
        pairs = [(row[0], row[1]) for row in holders]
        return NoItemsAvailableError(queue.name, why, pairs, queue.state.value)


def may_work(queue: Queue, reviewer: str) -> None:
    """Raise when the queue hands this reviewer nothing."""
    if queue.state is not QueueState.ACTIVE:
        raise NoItemsAvailableError(queue.name, "closed", state=queue.state.value)
    if not reviewer.strip():
        raise InvalidValueError("reviewer", reviewer, "a reviewer needs a name")
    if queue.assignees and reviewer not in queue.assignees:
        raise NotPermittedError(
            reviewer,
            f"work on {queue.name!r}",
            f"it is assigned to {', '.join(queue.assignees)}",
        )


HELD: Select[Any] = (
    select(ITEMS.c.id)
    .where(
        ITEMS.c.holder == bindparam("for_reviewer"),
        ITEMS.c.queue_id == bindparam("in_queue"),
        ITEMS.c.state == word(ItemState.IN_PROGRESS),
    )
    .order_by(ITEMS.c.id)
    .limit(1)
)
"""The item that the reviewer holds in this queue."""


def _best(*, mine: bool, put_off: bool) -> ScalarSelect[int]:
    """The best pending item of the reviewer, or of nobody, that they have not answered."""
    candidate = ITEMS.alias(f"{'own' if mine else 'free'}_{'later' if put_off else 'now'}")
    reviewer = bindparam("for_reviewer", type_=Text)
    answered = exists().where(
        RESPONSES.c.item_id == candidate.c.id,
        RESPONSES.c.reviewer == reviewer,
        RESPONSES.c.round == candidate.c.round,
    )
    return (
        select(candidate.c.id)
        .where(
            candidate.c.queue_id == bindparam("in_queue"),
            candidate.c.state == word(ItemState.PENDING),
            candidate.c.assignee == (reviewer if mine else literal_column(f"'{NOBODY}'")),
            candidate.c.turn > 0 if put_off else candidate.c.turn == 0,
            ~answered,
        )
        .order_by(candidate.c.turn, candidate.c.priority.desc(), candidate.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


CLAIM = (
    update(ITEMS)
    .where(
        ITEMS.c.id
        == func.coalesce(
            _best(mine=True, put_off=False),
            _best(mine=False, put_off=False),
            _best(mine=True, put_off=True),
        )
    )
    .values(
        state=ItemState.IN_PROGRESS.value,
        came_from=ItemState.PENDING.value,
        holder=bindparam("for_reviewer", type_=Text),
        token=bindparam("with_token"),
        claimed_by=bindparam("for_reviewer", type_=Text),
        claimed_at=bindparam("at", type_=Moment),
        lease_until=bindparam("until", type_=Moment),
        claim_count=ITEMS.c.claim_count + 1,
        updated_at=bindparam("at", type_=Moment),
    )
    .returning(*ITEMS.c)
)
"""Takes the best pending item, if any, in one conditional statement.

Assigned to the reviewer first, then anyone's, then what they put off for themselves.
On PostgreSQL rows that another claim holds are skipped; SQLite has one writer.
"""

EXPIRED: Select[Any] = (
    select(ITEMS.c.id, ITEMS.c.holder)
    .where(
        ITEMS.c.queue_id == bindparam("in_queue"),
        ITEMS.c.state == word(ItemState.IN_PROGRESS),
        ITEMS.c.lease_until <= bindparam("at", type_=Moment),
    )
    .order_by(ITEMS.c.lease_until)
    .limit(EXPIRED_MAX)
    .with_for_update(skip_locked=True)
)
"""Leases of the queue that ran out, oldest first; locked ones are somebody's business."""


def expire_leases(writing: Writing, queue_id: int) -> int:
    """Make items pending whose lease ran out; their token stays good until another claims."""
    ended = writing.connection.execute(EXPIRED, {"in_queue": queue_id, "at": writing.now}).all()
    if not ended:
        return 0
    writing.connection.execute(
        update(ITEMS)
        .where(ITEMS.c.id.in_([row.id for row in ended]))
        .values(
            state=ItemState.PENDING.value,
            came_from=ItemState.IN_PROGRESS.value,
            holder=None,
            lease_until=None,
            updated_at=writing.now,
        )
    )
    for row in ended:
        writing.moved(queue_id, row.id, ItemState.IN_PROGRESS, ItemState.PENDING)
        writing.audit("expire", queue_id=queue_id, item_id=row.id, holder=row.holder)
    return len(ended)


def take(
    writing: Writing,
    item: Item,
    action: Action,
    reviewer: str,
    token: str,
    until: datetime,
    *,
    again: bool = False,
) -> None:
    """Put a locked item into the reviewer's hands."""
    move(
        writing,
        item,
        action,
        ItemState.IN_PROGRESS,
        details={"again": True} if again else None,
        **{
            "holder": reviewer,
            "token": token,
            "claimed_by": reviewer,
            "lease_until": until,
            "claim_count": item.claim_count + (not again),
            **({} if again else {"claimed_at": writing.now}),
        },
    )


def counted(connection: Connection, queue_id: int) -> dict[str, int]:
    """The queue's counters, summed over their stripes."""
    columns = QUEUE_COUNTERS.c
    row = connection.execute(
        select(*(func.sum(columns[name]).label(name) for name in COUNTED)).where(
            columns.queue_id == queue_id
        )
    ).one()
    return {name: int(getattr(row, name) or 0) for name in COUNTED}


def _refuse_repeat(connection: Connection, item: Item, reviewer: str) -> None:
    """Raise when the reviewer has answered the item in this round."""
    answered = connection.scalar(
        select(
            exists().where(
                RESPONSES.c.item_id == item.id,
                RESPONSES.c.reviewer == reviewer,
                RESPONSES.c.round == item.round,
            )
        )
    )
    if answered:
        raise NotPermittedError(
            reviewer, f"claim item {item.id} again", "it has their answer; edit or undo that"
        )
    if item.assignee is not None and item.assignee != reviewer:
        raise NotPermittedError(
            reviewer, f"claim item {item.id}", f"it is assigned to {item.assignee}"
        )


def _renewed(writing: Writing, item_id: int, until: datetime) -> Claim:
    """The same claim with a new end."""
    writing.connection.execute(update(ITEMS).where(ITEMS.c.id == item_id).values(lease_until=until))
    item, token = find_item(writing.connection, writing.project, item_id)
    assert token is not None
    writing.audit("heartbeat", queue_id=item.queue_id, item_id=item_id, until=until.isoformat())
    return Claim(item=item, token=token, lease_until=until)
