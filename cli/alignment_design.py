"""How each object came before people: from selection records, items and how far queues are.

An object's probability is taken from, in this order: the imported answer; the rules of every queue
that asks for the field, whether that queue took the object or not (queues with one salt share a
draw: the largest; other salts draw for themselves), cut by how far reviewers got down each queue;
the traces table. Where only the queues that took it are known and drew for themselves, each
counts its share of the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl

from analytics.alignment.design import (
    cell_shares,
    multiplicity_weight,
    priority_probability,
    priority_threshold,
    union_of_draws,
)

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import AnnotationRow, Field, Item, Queue

_PAGE = 10_000
_OPEN = ("pending", "in_progress")
_CLASSES_MAX = 5
_SAME_DRAW = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """How far reviewers got down one queue."""

    tau: float
    """The highest priority that nobody reviewed; 0 when the queue is done."""
    shares: dict[int, float]
    """By item: the reviewed share of its cell (priority class, week of its arrival)."""


def probabilities(
    context: Context, field: Field, frame: pl.DataFrame, rows: list[AnnotationRow]
) -> dict[str, pl.Series]:
    """Columns inclusion_probability, stratum, rule and the flags that leave items out, by row."""
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
        name: [] for name in ("inclusion_probability", "stratum", "rule", "manual", "reopened",
                              "out_of_order")
    }  # fmt: skip
    for row in frame.select(
        "object_type", "object_id", "given_probability", "selections", "trace_probability",
        "detectors", "human", "about_type", "about_id",
    ).iter_rows(named=True):  # fmt: skip
        key = (row["about_type"] or row["object_type"], row["about_id"] or row["object_id"])
        found = by_object.get(key, [])
        p, out_of_order = _probability(row, found, reached, known)
        columns["inclusion_probability"].append(p)
        columns["out_of_order"].append("true" if out_of_order else None)
        columns["stratum"].append(_stratum(row, found))
        columns["rule"].append(_rule(row, found, known))
        by_hand = bool(found) and all(_by_hand(item) for item in found)
        columns["manual"].append("true" if by_hand and answered_in.get(key) else None)
        again = any(item.round > 1 for item in found)
        columns["reopened"].append("true" if again else None)
    kinds: dict[str, Any] = {"inclusion_probability": pl.Float64}
    return {
        name: pl.Series(name, values, dtype=kinds.get(name, pl.String))
        for name, values in columns.items()
    }


def _rule(row: dict[str, Any], items: list[Item], known: set[str]) -> str | None:
    """The queue and rule that took the object: the likeliest of several; None when none did."""
    drawn = [item for item in items if not _by_hand(item)]
    if drawn:
        first = max(
            drawn, key=lambda item: ((item.selection and item.selection.p) or 0, item.queue)
        )
        assert first.selection is not None
        return _named(first.queue, first.selection.rule)
    if items:
        return f"{items[0].queue}: by hand"
    taken = [record for record in _records(row, known) if record.get("selected")]
    if not taken:
        return None
    best = max(taken, key=lambda record: (float(record["p"]), str(record["queue"])))
    return _named(str(best["queue"]), str(best.get("rule") or ""))


def _named(queue: str, rule: str) -> str:
    return queue if not rule or rule == queue else f"{queue}: {rule}"


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
    waiting = [item for item in drawn if item.state.value in _OPEN]
    open_ids = {item.id for item in waiting}
    shares = cell_shares(
        list(zip(_classes(drawn), (_week(item) for item in drawn), strict=True)),
        [item.id not in open_ids for item in drawn],
    )
    return _Reached(
        tau=priority_threshold(np.array([item.priority for item in waiting])),
        shares={item.id: share for item, share in zip(drawn, shares, strict=True)},
    )


def _classes(items: list[Item]) -> list[str]:
    """Priority classes: each priority when there are few, else fifths."""
    priorities = np.array([item.priority for item in items])
    known = np.unique(priorities)
    if len(known) > _CLASSES_MAX:
        known = np.unique(np.quantile(priorities, [0.2, 0.4, 0.6, 0.8]))
    return [str(index) for index in np.searchsorted(known, priorities, side="right")]


def _week(item: Item) -> str:
    year, week, _ = item.added_at.isocalendar()
    return f"{year}-W{week:02d}"


def _probability(
    row: dict[str, Any], items: list[Item], reached: dict[str, _Reached], known: set[str]
) -> tuple[float | None, bool]:
    """The object's probability, and whether it was reviewed out of the queue's order."""
    if row["given_probability"] is not None:
        return float(row["given_probability"]), False
    drawn = [item for item in items if not _by_hand(item)]
    if not drawn:
        return _of_trace(row, known), False
    chances: dict[str, tuple[str | None, float]] = {}
    jumped = []
    for item in drawn:
        assert item.selection is not None
        chances[item.queue] = (item.selection.salt, _chance(item, reached[item.queue]))
        if _ordered(item):
            jumped.append(item.priority < reached[item.queue].tau)
    out_of_order = row["human"] is not None and bool(jumped) and all(jumped)
    records = _records(row, known)
    if not records and len({salt for salt, _ in chances.values()}) > 1:
        named = {queue: chance for queue, (_, chance) in chances.items() if chance > 0}
        return (1 / multiplicity_weight(named, list(named)) if named else None), out_of_order
    # A queue that looked and passed over had its chance too. With the shared draw it was smaller.
    for record in records:
        chances.setdefault(record["queue"], (record.get("salt"), float(record["p"])))
    return union_of_draws(list(chances.values())) or None, out_of_order


def _ordered(item: Item) -> bool:
    """Whether the queue serves the item by importance over a draw."""
    terms = item.priority_terms
    assert item.selection is not None
    return terms.get("importance") is not None and (
        terms.get("u") is not None or item.selection.u is not None
    )


def _chance(item: Item, state: _Reached) -> float:
    """Chance of being enqueued and reviewed in one queue."""
    selection = item.selection
    assert selection is not None
    assert selection.p is not None
    if not _ordered(item):
        return selection.p * state.shares[item.id]
    # The draw of the order may be the one that enqueued the item, or one of its own.
    own = item.priority_terms.get("u")
    same = own is None or selection.u is None or abs(float(own) - selection.u) < _SAME_DRAW
    chance = priority_probability(
        np.array([float(item.priority_terms["importance"])]),
        state.tau,
        np.array([selection.p]),
        same_draw=same,
    )
    return float(chance[0])


def _records(row: dict[str, Any], known: set[str]) -> list[dict[str, Any]]:
    """What the rules of the queues that ask for the field decided about the object.

    A rule about the trace's session draws the session, whose answers are no answers on the trace.
    """
    if row["selections"] is None:
        return []
    kind = "session" if (row["about_type"] or row["object_type"]) == "session" else "trace"
    return [
        record
        for record in orjson.loads(row["selections"])
        if record.get("p") is not None
        and record.get("queue") in known
        and record.get("object_type", "trace") == kind
    ]


def _of_trace(row: dict[str, Any], known: set[str]) -> float | None:
    """The largest probability among the rules of queues that ask for the field.

    A label on a trace that no rule selected did not come from these rules: it has none.
    """
    asked = _records(row, known)
    if row["human"] is not None and not any(record.get("selected") for record in asked):
        return None
    if asked:
        return union_of_draws([(record.get("salt"), float(record["p"])) for record in asked])
    found = row["trace_probability"]
    return None if found is None else float(found)


def _stratum(row: dict[str, Any], items: list[Item]) -> str | None:
    """Flagged when a detector matched; unflagged when the trace was analysed and none did."""
    detectors = row["detectors"]
    if detectors is None:
        return None if not any(item.detector for item in items) else "flagged"
    return "flagged" if detectors else "unflagged"
