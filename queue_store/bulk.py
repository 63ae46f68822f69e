"""Many new items at once: the fastest way into the table that each engine has.

Both leave alone what is there already, and tell the numbers of the new rows.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSON

from queue_store.column_types import JsonText, Moment, storable, to_json, to_microseconds
from queue_store.tables.items import ITEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queue_store.model import ItemDraft
    from queue_store.writing import Writing

Key = tuple[str, str]
"""Object type and object id."""

WHY = (
    "trace_id",
    "conversation_id",
    "priority",
    "priority_terms",
    "reason",
    "source",
    "detector",
    "metadata",
    "selection_rule",
    "selection_rule_version",
    "selection_p",
    "selection_u",
    "selection_salt",
    "selection_selected",
)
"""Columns that say why a person should look, and how the object was drawn."""

_OWN = ("object_type", "object_id", "revision", "labels_wanted", "open_seats", "assignee", *WHY)
_SHARED = ("queue_id", "added_at", "added_by", "updated_at")
_OBJECT = ["queue_id", "object_type", "object_id"]
_NOT_DRAWN = (None,) * 6


def why(draft: ItemDraft) -> tuple[Any, ...]:
    """The values of the columns of ``WHY``, as they are stored.

    Detectors quote what models said: characters that cannot be stored must not stop them.
    """
    selection = draft.selection
    terms, metadata = draft.priority_terms, draft.metadata
    trace_id, conversation_id = draft.trace_id or _trace_of(draft), draft.conversation_id
    return (
        None if trace_id is None else storable(trace_id),
        None if conversation_id is None else storable(conversation_id),
        draft.priority,
        storable(to_json(terms)) if terms else None,
        storable(draft.reason),
        str(draft.source),
        draft.detector,
        storable(to_json(metadata)) if metadata else None,
        *(
            _NOT_DRAWN
            if selection is None
            else (
                selection.rule,
                selection.rule_version,
                selection.p,
                selection.u,
                selection.salt,
                selection.selected,
            )
        ),
    )


def _trace_of(draft: ItemDraft) -> str | None:
    """The trace inside the object id; sessions have none."""
    return None if draft.object_type == "session" else draft.object_id.partition(":")[0]


def insert_new(
    writing: Writing,
    queue_id: int,
    drafts: dict[Key, ItemDraft],
    wanted: Sequence[int],
    assignees: Sequence[str],
) -> dict[Key, int]:
    """Insert the drafts whose object is new in the queue; gives the new rows' ids by object.

    ``wanted`` are the labels each wants, ``assignees`` whose each is, in the order of the drafts.
    """
    if not drafts:
        return {}
    own = [
        (*key, draft.revision, labels, labels, assignee, *why(draft))
        for (key, draft), labels, assignee in zip(drafts.items(), wanted, assignees, strict=True)
    ]
    if writing.database.is_sqlite:
        return _into_sqlite(writing, queue_id, own)
    return _into_postgresql(writing, queue_id, own)


def _into_sqlite(writing: Writing, queue_id: int, own: Sequence[tuple[Any, ...]]) -> dict[Key, int]:
    """The driver's own bulk insert. There is one writer, so that new rows get the next numbers."""
    connection = writing.connection
    before = connection.scalar(_HIGHEST) or 0
    at = to_microseconds(writing.now)
    shared = (queue_id, at, writing.actor, at)
    # What a new row says was checked draft by draft; SQLite's own checks would cost a third.
    connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
    try:
        done = connection.exec_driver_sql(_SQLITE_INSERT, [shared + values for values in own])
    finally:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
    if done.rowcount == len(own):
        return {
            (values[0], values[1]): number for number, values in enumerate(own, start=before + 1)
        }
    rows = connection.execute(_NEW, {"before": before, "in_queue": queue_id})
    return {(row.object_type, row.object_id): row.id for row in rows}


def _into_postgresql(
    writing: Writing, queue_id: int, own: Sequence[tuple[Any, ...]]
) -> dict[Key, int]:
    """One statement, every row in one JSON text: the driver binds four values, not thousands."""
    told = [
        {name: value for name, value in zip(_OWN, values, strict=True) if value is not None}
        for values in own
    ]
    given = {
        "in_queue": queue_id,
        "at": writing.now,
        "by": writing.actor,
        "told": to_json(told),
    }
    rows = writing.connection.execute(_postgresql_insert(), given)
    return {(row.object_type, row.object_id): row.id for row in rows}


_HIGHEST = select(func.max(ITEMS.c.id))
_NEW = select(ITEMS.c.id, ITEMS.c.object_type, ITEMS.c.object_id).where(
    ITEMS.c.id > bindparam("before"), ITEMS.c.queue_id == bindparam("in_queue")
)


_COLUMNS = (*_SHARED, *_OWN)
_SQLITE_INSERT = (
    f"INSERT INTO items ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT ({', '.join(_OBJECT)}) DO NOTHING"
)
"""As text, so that a million rows need not be bound one by one."""


@cache
def _postgresql_insert() -> Any:
    columns = []
    for name in _OWN:
        kind = ITEMS.c[name].type
        columns.append(column(name, Text() if isinstance(kind, JsonText) else kind))
    told = (
        func.json_to_recordset(cast(bindparam("told", type_=Text), JSON))
        .table_valued(*columns)
        .render_derived(name="told", with_types=True)
    )
    shared: tuple[Any, ...] = (
        bindparam("in_queue"),
        bindparam("at", type_=Moment),
        bindparam("by", type_=Text),
        bindparam("at", type_=Moment),
    )
    labelled = [value.label(name) for name, value in zip(_SHARED, shared, strict=True)]
    chosen = select(*labelled, *(told.c[name] for name in _OWN))
    return (
        postgresql.insert(ITEMS)
        .from_select([*_SHARED, *_OWN], chosen, include_defaults=False)
        .on_conflict_do_nothing(index_elements=_OBJECT)
        .returning(ITEMS.c.id, ITEMS.c.object_type, ITEMS.c.object_id)
    )
