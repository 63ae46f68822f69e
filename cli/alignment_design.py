"""How each object came before people: from selection records, items and how far queues are.

An object's probability is taken from, in this order: the imported answer; the rules of the queues
that ask for the field (one shared draw: the largest), cut by how far reviewers got down each
queue; the traces table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl

from analytics.alignment.design import priority_probability, priority_threshold, union_shared

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import AnnotationRow, Field, Item, Queue

_PAGE = 10_000
_OPEN = ("pending", "in_progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """How far reviewers got down one queue."""

    tau: float
    """The highest priority that nobody reviewed; 0 when the queue is done."""
    reviewed_share: float


def probabilities(
    context: Context, field: Field, frame: pl.DataFrame, rows: list[AnnotationRow]
) -> dict[str, pl.Series]:
    """Columns inclusion_probability, stratum and the flags that leave items out, for each row."""
    queues = [
        queue
        for queue in context.queue_store.queues(project=context.project)
        if not queue.field_names or field.name in queue.field_names
    ]
    items = {queue.name: _items(context, queue) for queue in queues}
    reached = {name: _reach(entries) for name, entries in items.items()}
    by_object: dict[tuple[str, str], list[Item]] = {}
    for entries in items.values():
        for item in entries:
            by_object.setdefault((item.object_type.value, item.object_id), []).append(item)
    answered_in = {(row.object_type.value, row.object_id): row.queue for row in rows}
    known = {queue.name for queue in queues}
    columns: dict[str, list[Any]] = {
        name: [] for name in ("inclusion_probability", "stratum", "manual", "reopened",
                              "out_of_order")
    }  # fmt: skip
    for row in frame.select(
        "object_type", "object_id", "given_probability", "selections", "trace_probability",
        "detectors", "human",
    ).iter_rows(named=True):  # fmt: skip
        key = (row["object_type"], row["object_id"])
        found = by_object.get(key, [])
        p, out_of_order = _probability(row, found, reached, known)
        columns["inclusion_probability"].append(p)
        columns["out_of_order"].append("true" if out_of_order else None)
        columns["stratum"].append(_stratum(row, found))
        by_hand = bool(found) and all(_by_hand(item) for item in found)
        columns["manual"].append("true" if by_hand and answered_in.get(key) else None)
        again = any(item.round > 1 for item in found)
        columns["reopened"].append("true" if again else None)
    kinds: dict[str, Any] = {"inclusion_probability": pl.Float64}
    return {
        name: pl.Series(name, values, dtype=kinds.get(name, pl.String))
        for name, values in columns.items()
    }


def _items(context: Context, queue: Queue) -> list[Item]:
    """Every item of a queue, removed ones left out."""
    entries: list[Item] = []
    cursor = None
    while True:
        page = context.queue_store.items(
            project=context.project, queue=queue.name, limit=_PAGE, cursor=cursor
        )
        entries += page.items
        cursor = page.cursor
        if cursor is None:
            return entries


def _by_hand(item: Item) -> bool:
    return item.selection is None or item.selection.p is None


def _reach(entries: list[Item]) -> _Reached:
    drawn = [item for item in entries if not _by_hand(item)]
    waiting = [item.priority for item in drawn if item.state.value in _OPEN]
    share = 1.0 if not drawn else 1 - len(waiting) / len(drawn)
    return _Reached(tau=priority_threshold(np.array(waiting)), reviewed_share=share)


def _probability(
    row: dict[str, Any], items: list[Item], reached: dict[str, _Reached], known: set[str]
) -> tuple[float | None, bool]:
    """The object's probability, and whether it was reviewed out of the queue's order."""
    if row["given_probability"] is not None:
        return float(row["given_probability"]), False
    drawn = [item for item in items if not _by_hand(item)]
    if not drawn:
        return _of_trace(row, known), False
    chances = []
    jumped = []
    for item in drawn:
        assert item.selection is not None
        assert item.selection.p is not None
        state = reached[item.queue]
        importance = item.priority_terms.get("importance")
        if importance is None or item.selection.u is None:
            chances.append(item.selection.p * state.reviewed_share)
            continue
        chance = priority_probability(
            np.array([float(importance)]),
            state.tau,
            np.array([item.selection.p]),
            same_draw=True,
        )
        chances.append(float(chance[0]))
        jumped.append(item.priority < state.tau)
    labelled = row["human"] is not None
    return union_shared(chances) or None, labelled and bool(jumped) and all(jumped)


def _of_trace(row: dict[str, Any], known: set[str]) -> float | None:
    """The largest probability among the rules of queues that ask for the field.

    A label on a trace that no rule selected did not come from these rules: it has none.
    """
    records = orjson.loads(row["selections"]) if row["selections"] is not None else []
    asked = [
        record for record in records if record.get("p") is not None and record.get("queue") in known
    ]
    if row["human"] is not None and not any(record.get("selected") for record in asked):
        return None
    if asked:
        return union_shared([float(record["p"]) for record in asked])
    found = row["trace_probability"]
    return None if found is None else float(found)


def _stratum(row: dict[str, Any], items: list[Item]) -> str | None:
    """Flagged when a detector matched; unflagged when the trace was analysed and none did."""
    detectors = row["detectors"]
    if detectors is None:
        return None if not any(item.detector for item in items) else "flagged"
    return "flagged" if detectors else "unflagged"
