"""Answers as a wide table, one row an object, and such a table as answers again.

Columns: object_type, object_id, queue, status, inclusion_probability, cluster, then one
``{reviewer}_{field}`` for each reviewer and field, then ``adjudicated_{field}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from queue_store.model import AnnotationRow
    from queue_store.store import QueueStore

LEADING = ("object_type", "object_id", "queue", "status", "inclusion_probability", "cluster")
ADJUDICATED = "adjudicated"


def wide_rows(
    store: QueueStore,
    project: str,
    *,
    queue: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and columns; only answers about whole objects, for a place has no cell."""
    answers = [
        row
        for row in store.annotations(project=project, queue=queue)
        if row.anchor is None
        and (since is None or row.time >= since)
        and (until is None or row.time < until)
    ]
    states = _states(store, project, {row.queue for row in answers if row.queue is not None})
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    given: dict[str, None] = {}
    decided: dict[str, None] = {}
    for row in answers:
        state = states.get((row.queue, row.item_id))
        if status is not None and state != status:
            continue
        key = (row.queue or "", row.object_type.value, row.object_id)
        line = rows.setdefault(key, _leading(row, state))
        who = ADJUDICATED if row.adjudicated else row.reviewer
        column = f"{who}_{row.field}"
        (decided if row.adjudicated else given)[column] = None
        line[column] = row.value
    return list(rows.values()), [*LEADING, *sorted(given), *sorted(decided)]


def _leading(row: AnnotationRow, state: str | None) -> dict[str, Any]:
    return {
        "object_type": row.object_type.value,
        "object_id": row.object_id,
        "queue": row.queue,
        "status": state,
        "inclusion_probability": row.inclusion_probability,
        "cluster": row.cluster,
    }


def _states(
    store: QueueStore, project: str, queues: Iterable[str]
) -> dict[tuple[str | None, int | None], str]:
    """The state of every item of these queues."""
    found: dict[tuple[str | None, int | None], str] = {}
    for name in sorted(queues):
        cursor = None
        while True:
            page = store.items(project=project, queue=name, limit=1000, cursor=cursor)
            found |= {(name, item.id): item.state.value for item in page.items}
            cursor = page.cursor
            if cursor is None:
                break
    return found


def is_wide(columns: Sequence[str]) -> bool:
    """Whether these columns are such a table's."""
    return "object_id" in columns and not {"reviewer", "field", "value"} & set(columns)


def long_rows(
    line: int, row: dict[str, Any], fields: Sequence[str]
) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    """One wide row as long rows, and the columns that end with no known field."""
    common = {
        name: row.get(name)
        for name in ("object_type", "object_id", "queue", "inclusion_probability", "cluster")
    }
    found = []
    unknown = []
    for column, value in row.items():
        if column in LEADING:
            continue
        field = max((name for name in fields if column.endswith(f"_{name}")), key=len, default=None)
        if field is None:
            unknown.append(column)
        elif value not in {None, ""} if not isinstance(value, list) else True:
            who = column.removesuffix(f"_{field}")
            found.append(
                (
                    line,
                    common
                    | {
                        "reviewer": who,
                        "field": field,
                        "value": value,
                        "adjudicated": who == ADJUDICATED,
                    },
                )
            )
    return found, unknown
