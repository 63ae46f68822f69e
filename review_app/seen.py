"""What may be seen of others' work: all of it in an open queue, nothing while one labels blind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from queue_store.model import Role
from review_app.answers import plain
from span_store.score_order import oldest_first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queue_store.model import AnnotationRow, Item
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


def visible_answers(
    queues: QueueStore, project: str, person: str, rows: Iterable[AnnotationRow]
) -> list[AnnotationRow]:
    """The answers without those that would bias the person.

    Whoever labels and no more, an annotator, sees in blind queues their own answers alone.
    """
    members = queues.members(project=project)
    if not members:
        return list(rows)
    hidden = set()
    for queue in queues.queues(project=project):
        held = [
            member.role
            for member in members
            if member.person == person and member.queue in {None, queue.name}
        ]
        highest = max(held, key=lambda role: role.rank, default=Role.VIEWER)
        if queue.blind and highest is Role.ANNOTATOR:
            hidden.add(queue.name)
    return [row for row in rows if row.reviewer == person or row.queue not in hidden]


def others_answers(queues: QueueStore, item: Item, reviewer: str) -> list[dict[str, Any]]:
    """What others said about the item."""
    rows = queues.annotations(project=item.project, item_id=item.id)
    return [
        {
            "reviewer": row.reviewer,
            "field": row.field,
            "value": plain(row.value),
            "comment": row.comment,
            "quote": None if row.anchor is None else row.anchor.quote,
        }
        for row in rows
        if row.reviewer != reviewer
    ]


def verdicts(spans: SpanStore, item: Item) -> list[dict[str, Any]]:
    """What evaluators said about the item's object."""
    columns = ["evaluator", "score", "label", "explanation"]
    traces = None if item.trace_id is None else [item.trace_id]
    frame = spans.scan("evaluations", project=item.project, trace_ids=traces)
    found = frame.filter(
        (pl.col("object_type") == str(item.object_type)) & (pl.col("object_id") == item.object_id)
    )
    return found.sort("evaluator", *oldest_first()).select(columns).collect().to_dicts()
