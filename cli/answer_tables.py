"""Answers as a wide table, one row an object, and such a table as answers again.

Columns: object_type, object_id, queue, status, inclusion_probability, cluster, then one
``{reviewer}_{field}`` for each reviewer and field, then ``adjudicated_{field}``, last ``answers``:
a JSON list with what no cell can hold, so that nothing is lost on the way back. It has one entry an
answer: reviewer, field, value, time, adjudicated, and what else was said (place, comment, ...).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.output import as_text, rfc3339_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from queue_store.model import AnnotationRow
    from queue_store.store import QueueStore

LEADING = ("object_type", "object_id", "queue", "status", "inclusion_probability", "cluster")
ADJUDICATED = "adjudicated"
DETAILS = "answers"


def wide_rows(
    store: QueueStore,
    project: str,
    *,
    queue: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and columns; an answer that points at a place stands in the last column alone."""
    answers = [
        row
        for row in store.annotations(project=project, queue=queue)
        if (since is None or row.time >= since) and (until is None or row.time < until)
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
        line[DETAILS].append(_detail(row))
        if row.anchor is not None:
            continue
        who = ADJUDICATED if row.adjudicated else row.reviewer
        column = f"{who}_{row.field}"
        (decided if row.adjudicated else given)[column] = None
        line[column] = row.value
    return list(rows.values()), [*LEADING, *sorted(given), *sorted(decided), DETAILS]


def _detail(row: AnnotationRow) -> dict[str, Any]:
    """Everything that was said with one answer; what was not said is left out."""
    told = {
        "reviewer": row.reviewer,
        "field": row.field,
        "value": row.value,
        "time": rfc3339_of(row.time),
        "adjudicated": row.adjudicated,
        "blind": row.blind,
        "comment": row.comment,
        "corrected_output": row.corrected_output,
        "also_acceptable": list(row.also_acceptable) or None,
        "anchor": None if row.anchor is None else asdict(row.anchor),
        "seconds_spent": row.seconds_spent,
    }
    return {name: value for name, value in told.items() if value is not None}


def _leading(row: AnnotationRow, state: str | None) -> dict[str, Any]:
    return {
        "object_type": row.object_type.value,
        "object_id": row.object_id,
        "queue": row.queue,
        "status": state,
        "inclusion_probability": row.inclusion_probability,
        "cluster": row.cluster,
        DETAILS: [],
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
    """One wide row as long rows, and the columns that end with no known field.

    A cell that says what its entry in the last column says is that answer, with its time and all;
    one that was changed by hand is a new answer. Raises ValueError for a last column that is none.
    """
    common = {
        name: row.get(name)
        for name in ("object_type", "object_id", "queue", "inclusion_probability", "cluster")
    }
    entries = _entries(row.get(DETAILS))
    whole = {
        (ADJUDICATED if entry.get("adjudicated") else entry["reviewer"], entry["field"]): entry
        for entry in entries
        if "anchor" not in entry
    }
    found = [common | entry for entry in entries if "anchor" in entry]
    unknown = []
    for column, value in row.items():
        if column in {*LEADING, DETAILS}:
            continue
        field = max((name for name in fields if column.endswith(f"_{name}")), key=len, default=None)
        if field is None:
            unknown.append(column)
        elif value is not None and value != "":
            who = column.removesuffix(f"_{field}")
            told = whole.get((who, field))
            if told is not None and _text(told["value"]) == _text(value):
                found.append(common | told)
                continue
            answer = {"reviewer": who, "field": field, "value": value}
            found.append(common | answer | {"adjudicated": who == ADJUDICATED})
    return [(line, entry) for entry in found], unknown


def _text(value: Any) -> str:
    return as_text(value, unknown="")


def _entries(value: Any) -> list[dict[str, Any]]:
    """What the last column holds, as a list; CSV and Parquet have it as text."""
    if value is None or value == "":
        return []
    entries = json.loads(value) if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and {"reviewer", "field", "value"} <= set(entry)
        for entry in entries
    ):
        raise ValueError(f"{DETAILS} is not what annotations export writes")
    return [{name: entry[name] for name in entry if name in _TOLD} for entry in entries]


_TOLD = (
    "reviewer",
    "field",
    "value",
    "time",
    "adjudicated",
    "blind",
    "comment",
    "corrected_output",
    "also_acceptable",
    "anchor",
    "seconds_spent",
)
