"""What a dataset keeps of an item: input, output, expected output, answers, provenance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

import polars as pl

from queue_store.model import DatasetEntry, FieldPurpose, ItemState, ObjectType

if TYPE_CHECKING:
    from queue_store.model import AnnotationRow, Item
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


def completed_items(store: QueueStore, project: str, queue: str) -> list[Item]:
    """Every completed item of a queue."""
    found: list[Item] = []
    cursor = None
    while True:
        page = store.items(
            project=project,
            queue=queue,
            status=ItemState.COMPLETED,
            limit=1000,
            cursor=cursor,
        )
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


def entry_of(queues: QueueStore, spans: SpanStore, item: Item) -> DatasetEntry:
    """The item as a dataset keeps it."""
    answers = queues.annotations(project=item.project, item_id=item.id)
    given, answered = _messages(spans, item.project, item.object_type, item.object_id)
    return DatasetEntry(
        object_type=item.object_type,
        object_id=item.object_id,
        input=given,
        output=answered,
        expected=_expected(queues, item.project, answers),
        annotations=_told(answers),
        provenance={"queue": item.queue, "item_id": item.id, "revision": item.revision},
    )


def entry_of_object(
    queues: QueueStore, spans: SpanStore, project: str, object_type: ObjectType, object_id: str
) -> DatasetEntry:
    """An object that is no item, with what was said about it in any queue."""
    answers = queues.annotations(project=project, object_type=object_type, object_id=object_id)
    given, answered = _messages(spans, project, object_type, object_id)
    return DatasetEntry(
        object_type=object_type,
        object_id=object_id,
        input=given,
        output=answered,
        expected=_expected(queues, project, answers),
        annotations=_told(answers),
        provenance={"queues": sorted({row.queue for row in answers if row.queue is not None})},
    )


def _told(answers: list[AnnotationRow]) -> list[dict[str, Any]]:
    return [
        {
            "reviewer": row.reviewer,
            "field": row.field,
            "value": row.value,
            "adjudicated": row.adjudicated,
            "comment": row.comment,
        }
        for row in answers
    ]


def _messages(
    spans: SpanStore, project: str, object_type: ObjectType, object_id: str
) -> tuple[Any, Any]:
    """What went into the last model call of the object, and what came out."""
    trace_id, _, span_id = object_id.partition(":")
    traces: list[str] | None = [trace_id]
    match object_type:
        case ObjectType.TRACE:
            condition = pl.lit(value=True)
        case ObjectType.SPAN:
            condition = pl.col("span_id") == span_id
        case ObjectType.SESSION:
            traces, condition = None, pl.col("conversation_id") == object_id
        case _:
            assert_never(object_type)
    frame = (
        spans.scan("spans", project=project, trace_ids=traces)
        .filter(condition & pl.col("output_messages").is_not_null())
        .sort("end_time", "span_id")
        .select("input_messages", "output_messages")
        .tail(1)
        .collect()
    )
    if frame.is_empty():
        return None, None
    given, answered = frame.row(0)
    return (json.loads(given) if given else None), json.loads(answered)


def _expected(queues: QueueStore, project: str, answers: list[AnnotationRow]) -> Any:
    """What people said should have come out: a correction, else answers to expectation fields.

    An adjudicated answer goes before others, a later one before an earlier.
    """
    ordered = sorted(answers, key=lambda row: (row.adjudicated, row.time, row.id), reverse=True)
    for row in ordered:
        if row.corrected_output is not None:
            return row.corrected_output
    purposes = {field.name: field.purpose for field in queues.fields(project=project)}
    expected: dict[str, Any] = {}
    for row in ordered:
        if purposes.get(row.field) is FieldPurpose.EXPECTATION:
            expected.setdefault(row.field, row.value)
    return expected or None
