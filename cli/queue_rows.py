"""Rows of the queue store under the names of the command line, and what tables show of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_store.plain_rows import (
    agreement_rows,
    annotation_row,
    field_row,
    item_row,
    progress_row,
    queue_row,
)

if TYPE_CHECKING:
    from queue_store.agreement import Agreement

__all__ = [
    "ANNOTATION_COLUMNS",
    "FIELD_COLUMNS",
    "ITEM_COLUMNS",
    "PROGRESS_COLUMNS",
    "QUEUE_COLUMNS",
    "agreement_rows",
    "agreement_text",
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
    "agreement",
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


def agreement_text(found: dict[str, Agreement]) -> str | None:
    """How far reviewers agree in a word for each field; None when no two answered the same."""
    told = [
        f"{name} {entry.percent:.0f} % (kappa {_short(entry.kappa)}, alpha {_short(entry.alpha)})"
        for name, entry in found.items()
        if entry.percent is not None
    ]
    return ", ".join(told) or None


def _short(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.2f}"
