"""Where a trace is now: every station from the receiver to the reviewers, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from cli.output import rfc3339
from span_store.plain_rows import canonical_rows
from span_store.schema import TRACES

if TYPE_CHECKING:
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

STATES = ("unknown", "refused", "received", "loaded", "analysed", "queued", "reviewed")
"""What can be said of a trace, from nothing at all to the end of its way."""


def whereabouts(
    *,
    project: str,
    trace_id: str,
    spans: SpanStore,
    queues: QueueStore | None,
    receipt: dict[str, Any],
) -> dict[str, Any]:
    """What is known of the trace.

    ``receipt`` is what the receiver knows: ``waiting_spans``, ``refusals``, ``quarantined``.
    ``queues`` is None where no queue store was made yet.
    """
    loaded = _loaded(spans, project, trace_id)
    analysed = _analysed(spans, project, trace_id, loaded)
    session = None if analysed is None else analysed["conversation_id"]
    items = [] if queues is None else _items(queues, project, trace_id, session)
    reviews = [] if queues is None else _reviews(queues, project, trace_id)
    reached = (
        ("reviewed", bool(reviews)),
        ("queued", bool(items)),
        ("analysed", analysed is not None),
        ("loaded", loaded is not None),
        ("received", bool(receipt["waiting_spans"])),
        ("refused", bool(receipt["refusals"] or receipt["quarantined"])),
    )
    return {
        "trace_id": trace_id,
        "project": project,
        "state": next((state for state, holds in reached if holds), "unknown"),
        "receipt": receipt,
        "loaded": loaded,
        "analysed": analysed,
        "queues": items,
        "reviews": reviews,
        "other_projects": _other_projects(spans, project, trace_id),
    }


def _loaded(store: SpanStore, project: str, trace_id: str) -> dict[str, Any] | None:
    frame = store.scan("spans", project=project, trace_ids=[trace_id])
    columns = ("start_time", "end_time", "received_at")
    times = frame.select(pl.col(columns).dt.epoch("ns")).collect()
    if times.is_empty():
        return None
    return {
        "spans": times.height,
        "start_time": _moment(times["start_time"].min()),
        "end_time": _moment(times["end_time"].max()),
        "first_received_at": _moment(times["received_at"].min()),
        "last_received_at": _moment(times["received_at"].max()),
    }


def _moment(nanoseconds: Any) -> str | None:
    return None if nanoseconds is None else rfc3339(int(nanoseconds))


def _analysed(
    store: SpanStore, project: str, trace_id: str, loaded: dict[str, Any] | None
) -> dict[str, Any] | None:
    frame = store.scan("traces", project=project).filter(pl.col("trace_id") == trace_id)
    rows = list(canonical_rows(frame.sort("revision").collect(), TRACES))
    if not rows:
        return None
    latest = rows[-1]
    kept = (
        *("revision", "evaluated_at", "complete_reason", "span_count", "conversation_id"),
        *("detectors", "priority"),
    )
    came_later = 0 if loaded is None else loaded["spans"] - latest["span_count"]
    return {name: latest[name] for name in kept} | {"spans_since": max(came_later, 0)}


def _items(
    store: QueueStore, project: str, trace_id: str, session: str | None
) -> list[dict[str, Any]]:
    return [
        {
            "queue": item.queue,
            "item_id": item.id,
            "object_type": str(item.object_type),
            "object_id": item.object_id,
            "status": str(item.state),
            "priority": item.priority,
            "reason": item.reason,
            "holder": item.holder,
            "lease_until": item.lease_until,
            "completed_by": item.completed_by,
            "completed_at": item.completed_at,
            "skip_reason": item.skip_reason,
        }
        for item in store.items_of_trace(
            project=project, trace_id=trace_id, conversation_id=session
        )
    ]


def _reviews(store: QueueStore, project: str, trace_id: str) -> list[dict[str, Any]]:
    return [
        {
            "reviewer": row.reviewer,
            "object_id": row.object_id,
            "queue": row.queue,
            "field": row.field,
            "value": row.value,
            "time": row.time,
        }
        for row in store.annotations(project=project, trace_id=trace_id)
    ]


def _other_projects(store: SpanStore, project: str, trace_id: str) -> list[str]:
    elsewhere = store.scan_raw("spans", trace_ids=[trace_id]).filter(pl.col("project") != project)
    found = elsewhere.select("project").unique().collect()
    return sorted(found["project"])
