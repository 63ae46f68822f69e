"""One batch of drafts into a queue: insert what is new, then settle what was there."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from queue_store.assignment import deal
from queue_store.base import items_of
from queue_store.column_types import to_json, to_microseconds
from queue_store.errors import InvalidValueError
from queue_store.model import Action, ItemState
from queue_store.moves import move
from queue_store.tables.items import ITEMS, NOBODY
from queue_store.tables.queues import QUEUES, STRIPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queue_store.model import Item, ItemDraft, Queue
    from queue_store.writing import Writing

_FINISHED = {ItemState.COMPLETED, ItemState.SKIPPED, ItemState.AWAITING_ADJUDICATION}


def add_batch(
    writing: Writing, queue: Queue, drafts: Sequence[ItemDraft]
) -> tuple[list[int], dict[str, int]]:
    """Add drafts; gives the item id of each and what became of them."""
    first: dict[tuple[str, str], ItemDraft] = {}
    for draft in drafts:
        _check(draft)
        known = first.setdefault((draft.object_type.value, draft.object_id), draft)
        if draft.revision > known.revision:
            first[draft.object_type.value, draft.object_id] = draft
    rows = [_row(writing, queue, draft) for draft in first.values()]
    deal(writing, queue, rows)
    ids = _inserted(writing, queue, rows)
    for stripe, number in Counter(item_id % STRIPES for item_id in ids.values()).items():
        writing.count(queue.id, stripe, ItemState.PENDING.value, number)
    counts = {"added": len(ids), "duplicates": len(drafts) - len(first)}
    counts |= {"reentered": 0, "removed": 0}
    for item in _present(writing, queue, [key for key in first if key not in ids]):
        key = (item.object_type.value, item.object_id)
        ids[key] = item.id
        counts[_settle(writing, item, first[key])] += 1
    return [ids[draft.object_type.value, draft.object_id] for draft in drafts], counts


def _inserted(
    writing: Writing, queue: Queue, rows: Sequence[dict[str, Any]]
) -> dict[tuple[str, str], int]:
    """Insert the rows that are new; gives their ids by object.

    SQLite has one writer, so that new rows are those above the highest number before, and the
    driver's own bulk insert can be used; PostgreSQL tells by RETURNING which rows it took.
    """
    connection = writing.connection
    columns = (ITEMS.c.id, ITEMS.c.object_type, ITEMS.c.object_id)
    if writing.database.is_sqlite:
        before = connection.scalar(_HIGHEST) or 0
        if rows:
            names = tuple(column.name for column in ITEMS.c if column.name in rows[0])
            bound = [_bound(row, names) for row in rows]
            connection.exec_driver_sql(_sqlite_insert(names), bound)
        result = connection.execute(_NEW, {"before": before, "in_queue": queue.id})
    else:
        result = connection.execute(_POSTGRESQL_INSERT.returning(*columns), rows)
    return {(row.object_type, row.object_id): row.id for row in result}


_OBJECT = ["queue_id", "object_type", "object_id"]


@cache
def _sqlite_insert(names: tuple[str, ...]) -> str:
    """The statement as text, so that a million rows need not be bound one by one."""
    statement = sqlite.insert(ITEMS).on_conflict_do_nothing(index_elements=_OBJECT)
    dialect = sqlite.dialect(paramstyle="qmark")
    columns: dict[str, Any] = {name: bindparam(name) for name in names}
    return str(statement.values(columns).compile(dialect=dialect))


def _bound(row: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    """A row as SQLite stores it."""
    for name in ("added_at", "updated_at"):
        row[name] = to_microseconds(row[name])
    for name in ("priority_terms", "metadata"):
        if row[name] is not None:
            row[name] = to_json(row[name])
    return tuple(row[name] for name in names)


_POSTGRESQL_INSERT = postgresql.insert(ITEMS).on_conflict_do_nothing(index_elements=_OBJECT)
_HIGHEST = select(func.max(ITEMS.c.id))
_NEW = select(ITEMS.c.id, ITEMS.c.object_type, ITEMS.c.object_id).where(
    ITEMS.c.id > bindparam("before"), ITEMS.c.queue_id == bindparam("in_queue")
)


def _check(draft: ItemDraft) -> None:
    if not draft.object_id:
        raise InvalidValueError("object_id", draft.object_id, "an item needs an object id")
    if not math.isfinite(draft.priority):
        raise InvalidValueError("priority", draft.priority, "must be a finite number")
    if draft.revision < 1:
        raise InvalidValueError("revision", draft.revision, "starts at 1")


def _row(writing: Writing, queue: Queue, draft: ItemDraft) -> dict[str, Any]:
    """A draft as column values; columns left out have their defaults in the schema."""
    wanted = labels_wanted(queue, draft)
    return {
        "queue_id": queue.id,
        "object_type": draft.object_type.value,
        "object_id": draft.object_id,
        "revision": draft.revision,
        "labels_wanted": wanted,
        "open_seats": wanted,
        "assignee": draft.assignee or NOBODY,
        "added_at": writing.now,
        "added_by": writing.actor,
        "updated_at": writing.now,
        **_why(draft),
    }


def _why(draft: ItemDraft) -> dict[str, Any]:
    """What says why a person should look, and how the object was drawn."""
    selection = draft.selection
    return {
        "trace_id": draft.trace_id or _trace_of(draft),
        "conversation_id": draft.conversation_id,
        "priority": draft.priority,
        "priority_terms": draft.priority_terms or None,
        "reason": draft.reason,
        "source": draft.source.value,
        "detector": draft.detector,
        "metadata": draft.metadata or None,
        "selection_rule": selection.rule if selection else None,
        "selection_rule_version": selection.rule_version if selection else None,
        "selection_p": selection.p if selection else None,
        "selection_u": selection.u if selection else None,
        "selection_salt": selection.salt if selection else None,
        "selection_selected": selection.selected if selection else None,
    }


def _trace_of(draft: ItemDraft) -> str | None:
    """The trace inside the object id; sessions have none."""
    if draft.object_type.value == "session":
        return None
    return draft.object_id.partition(":")[0]


def labels_wanted(queue: Queue, draft: ItemDraft) -> int:
    """The labels this object needs: the same for the same object, whoever adds it when."""
    if queue.labels_wanted == 1 or queue.overlap_share >= 1:
        return queue.labels_wanted
    text = f"{queue.link}:{draft.object_type.value}:{draft.object_id}"
    draw = int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64
    return queue.labels_wanted if draw < queue.overlap_share else 1


def _present(writing: Writing, queue: Queue, keys: Sequence[tuple[str, str]]) -> list[Item]:
    """The items that were there before, locked."""
    if not keys:
        return []
    rows = writing.connection.execute(
        select(ITEMS, QUEUES.c.name.label("queue"), QUEUES.c.project)
        .join(QUEUES, QUEUES.c.id == ITEMS.c.queue_id)
        .where(
            ITEMS.c.queue_id == queue.id,
            tuple_(ITEMS.c.object_type, ITEMS.c.object_id).in_(keys),
        )
        .order_by(ITEMS.c.id)
        .with_for_update(of=ITEMS)
    )
    return items_of(writing.connection, rows.all())


def _settle(writing: Writing, item: Item, draft: ItemDraft) -> str:
    """Decide what a draft means for the item that is there; names the count it adds to."""
    if item.state is ItemState.REMOVED:
        return "removed"
    if draft.revision <= item.revision:
        return "duplicates"
    if item.state in _FINISHED:
        move(
            writing,
            item,
            Action.REENTER,
            ItemState.PENDING,
            details={"revision": draft.revision, "reason": draft.reason},
            revision=draft.revision,
            round=item.round + 1,
            labels_done=0,
            open_seats=item.labels_wanted,
            **_why(draft),
        )
        return "reentered"
    writing.connection.execute(
        update(ITEMS)
        .where(ITEMS.c.id == item.id)
        .values(revision=draft.revision, updated_at=writing.now, **_why(draft))
    )
    writing.audit("item_revised", queue_id=item.queue_id, item_id=item.id, revision=draft.revision)
    return "duplicates"
