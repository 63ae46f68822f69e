"""Rows of the queue store under the names of the command line, and what tables show of them."""

from __future__ import annotations

from queue_store.plain_rows import (
    agreement_rows,
    annotation_row,
    field_row,
    item_row,
    progress_row,
    queue_row,
)

__all__ = [
    "ANNOTATION_COLUMNS",
    "FIELD_COLUMNS",
    "ITEM_COLUMNS",
    "PROGRESS_COLUMNS",
    "QUEUE_COLUMNS",
    "agreement_rows",
    "annotation_row",
    "field_row",
    "item_row",
    "progress_row",
    "queue_row",
]

PROGRESS_COLUMNS = [
    "queue",
    "state",
    "total",
    "pending",
    "in_progress",
    "completed",
    "skipped",
    "completed_percent",
    "with_responses_percent",
]
QUEUE_COLUMNS = [
    "name",
    "kind",
    "status",
    "state",
    "total",
    "completed",
    "completed_percent",
    "description",
]
ITEM_COLUMNS = [
    "id",
    "object_type",
    "object_id",
    "status",
    "priority",
    "reason",
    "source",
    "holder",
    "lease_until",
]
FIELD_COLUMNS = [
    "name",
    "version",
    "type",
    "options",
    "min",
    "max",
    "required",
    "purpose",
    "description",
]
ANNOTATION_COLUMNS = [
    "object_type",
    "object_id",
    "reviewer",
    "field",
    "value",
    "queue",
    "time",
    "inclusion_probability",
    "cluster",
]
