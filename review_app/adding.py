"""Adding objects to a queue: what the tables know goes in, what they do not is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from queue_store.model import ItemDraft, ObjectType
from review_app.traces import matching_condition
from span_store.filters import applying
from span_store.object_ids import typed, unknown_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from queue_store.store import QueueStore
    from span_store.store import SpanStore

Objects = list[tuple[str, str]]
"""Pairs of object type and object id."""


def typed_ids(ids: Sequence[str], object_type: str | None) -> Objects:
    """Each id with its type: as told, else by its form."""
    return [typed(text, object_type) for text in ids]


def add_known(
    queues: QueueStore,
    spans: SpanStore,
    *,
    project: str,
    queue: str,
    wanted: Sequence[tuple[str, str, Mapping[str, Any]]],
    now: datetime,
    actor: str,
) -> dict[str, Any]:
    """Add objects; each is its type, its id, and the facts of its draft. Tells what happened.

    A span may be named by its own id alone when one trace of the project has it. ``unknown`` are
    the ids that no stored span belongs to; the others are added.
    """
    queues.queue(project=project, name=queue)
    named = with_traces(spans, project, [(kind, object_id) for kind, object_id, _ in wanted])
    unknown = unknown_objects(spans, project, named)
    left_out = set(unknown)
    result = queues.add_items(
        project=project,
        queue=queue,
        drafts=[
            ItemDraft(object_type=ObjectType(kind), object_id=object_id, **facts)
            for (kind, object_id), (_, _, facts) in zip(named, wanted, strict=True)
            if (kind, object_id) not in left_out
        ],
        now=now,
        actor=actor,
    )
    return {
        "queue": queue,
        "added": result.added,
        "duplicates": result.duplicates,
        "reentered": result.reentered,
        "removed": result.removed,
        "unknown": [object_id for _, object_id in unknown],
        "item_ids": list(result.item_ids),
    }


def with_traces(spans: SpanStore, project: str, objects: Objects) -> Objects:
    """The objects, span ids that stand alone completed by the one trace that has them."""
    alone = {object_id for kind, object_id in objects if kind == "span" and ":" not in object_id}
    if not alone:
        return objects
    found = (
        spans.scan_raw("spans", project=project)
        .filter(pl.col("span_id").is_in(sorted(alone)))
        .select("trace_id", "span_id")
        .unique()
        .collect()
    )
    traces: dict[str, list[str]] = {}
    for trace_id, span_id in found.iter_rows():
        traces.setdefault(span_id, []).append(trace_id)
    whole = {span_id: f"{ids[0]}:{span_id}" for span_id, ids in traces.items() if len(ids) == 1}
    return [
        (kind, whole.get(object_id, object_id) if kind == "span" else object_id)
        for kind, object_id in objects
    ]


def matching_traces(spans: SpanStore, project: str, where: str) -> Objects:
    """The traces of the project whose facts match the condition."""
    with applying(where):
        found = matching_condition(spans, project, where).select("trace_id").collect()
    return [("trace", trace_id) for trace_id in found["trace_id"]]
