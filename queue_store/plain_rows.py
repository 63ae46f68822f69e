"""Rows as plain JSON values, under the names that the command line and the HTTP API give them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from queue_store.agreement import Agreement
    from queue_store.model import AnnotationRow, Field, Item, Progress, Queue


def progress_row(progress: Progress) -> dict[str, Any]:
    """A queue's progress; percentages of an empty queue are null."""
    return {
        "queue": progress.queue,
        "state": progress.state,
        "finished": progress.finished,
        "total": progress.total,
        "pending": progress.pending,
        "in_progress": progress.in_progress,
        "awaiting_adjudication": progress.awaiting_adjudication,
        "completed": progress.completed,
        "skipped": progress.skipped,
        "removed": progress.removed,
        "with_responses": progress.with_responses,
        "completed_percent": progress.completed_percent,
        "with_responses_percent": progress.with_responses_percent,
    }


def agreement_rows(found: dict[str, Agreement]) -> list[dict[str, Any]]:
    """How far reviewers agree, one row a field."""
    return [
        {
            "field": name,
            "items": entry.units,
            "percent": entry.percent,
            "kappa": entry.kappa,
            "alpha": entry.alpha,
            "pairs": [
                {"reviewers": list(pair), "kappa": kappa} for pair, kappa in entry.pairs.items()
            ],
        }
        for name, entry in found.items()
    ]


def queue_row(queue: Queue, progress: Progress) -> dict[str, Any]:
    """A queue with its settings and its progress."""
    counts = progress_row(progress)
    del counts["queue"]
    return {
        "name": queue.name,
        "link": queue.link,
        "kind": queue.kind.value,
        "status": queue.state.value,
        "detector": queue.detector,
        "description": queue.description,
        "instructions": queue.instructions,
        "fields": list(queue.field_names),
        "field_versions": list(queue.field_versions),
        "assignees": list(queue.assignees),
        "filter": queue.filter_sql,
        "sample": queue.sample_rate,
        "shown": list(queue.shown),
        "labels_wanted": queue.labels_wanted,
        "overlap_share": queue.overlap_share,
        "extra_reviewers_max": queue.extra_reviewers_max,
        "adjudicate": queue.adjudicate,
        "blind": queue.blind,
        "lease_seconds": queue.lease_seconds,
        "assignment": queue.assignment.value,
        "created_at": queue.created_at,
        "created_by": queue.created_by,
        **counts,
    }


def item_row(item: Item) -> dict[str, Any]:
    """An item with everything that says why it is there and where it stands."""
    selection = item.selection
    return {
        "id": item.id,
        "queue": item.queue,
        "object_type": item.object_type.value,
        "object_id": item.object_id,
        "trace_id": item.trace_id,
        "conversation_id": item.conversation_id,
        "status": item.state.value,
        "priority": item.priority,
        "priority_terms": item.priority_terms,
        "reason": item.reason or None,
        "source": item.source.value,
        "detector": item.detector,
        "metadata": item.metadata,
        "selection": None if selection is None else asdict(selection),
        "inclusion_probability": None if selection is None else selection.p,
        "revision": item.revision,
        "labels_wanted": item.labels_wanted,
        "labels_done": item.labels_done,
        "assignee": item.assignee,
        "holder": item.holder,
        "lease_until": item.lease_until,
        "holders": [asdict(hold) for hold in item.holds],
        "skip_reason": item.skip_reason,
        "added_at": item.added_at,
        "added_by": item.added_by,
        "updated_at": item.updated_at,
        "completed_at": item.completed_at,
        "completed_by": item.completed_by,
    }


def field_row(field: Field) -> dict[str, Any]:
    """A field's definition."""
    return {
        "name": field.name,
        "version": field.version,
        "project": field.project,
        "type": field.type.value,
        "description": field.description,
        "options": [option.value for option in field.options],
        "option_help": {option.value: option.help for option in field.options if option.help},
        "multiple": field.multiple,
        "min": field.minimum,
        "max": field.maximum,
        "required": field.required,
        "purpose": field.purpose.value,
        "positive": field.positive,
        "created_at": field.created_at,
        "created_by": field.created_by,
    }


def annotation_row(annotation: AnnotationRow) -> dict[str, Any]:
    """An answer with whom, what and how it may be weighted."""
    row = asdict(annotation)
    del row["selection"], row["project"]
    return row | {
        "object_type": annotation.object_type.value,
        "state": annotation.state.value,
        "also_acceptable": list(annotation.also_acceptable),
    }
