"""How far a queue is, who worked on it, and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A queue's counters. Removed items count nowhere; skipped ones never as completed."""

    queue: str
    pending: int
    in_progress: int
    awaiting_adjudication: int
    completed: int
    skipped: int
    removed: int
    with_responses: int
    """Items, not removed, that at least one person has answered."""

    @property
    def total(self) -> int:
        """Items in the queue, removed ones left out."""
        open_items = self.pending + self.in_progress + self.awaiting_adjudication
        return open_items + self.completed + self.skipped

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do: everything is completed or skipped."""
        return self.total > 0 and self.total == self.completed + self.skipped

    @property
    def state(self) -> str:
        """``completed`` when every item is; a skipped item is not. Else how it began."""
        if self.total > 0 and self.completed == self.total:
            return "completed"
        touched = self.completed or self.skipped or self.awaiting_adjudication
        return "in_progress" if touched or self.with_responses else "not_started"

    @property
    def completed_percent(self) -> float | None:
        """Completed of total; None for an empty queue."""
        return 100.0 * self.completed / self.total if self.total else None

    @property
    def with_responses_percent(self) -> float | None:
        """Answered of total; None for an empty queue."""
        return 100.0 * self.with_responses / self.total if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerProgress:
    """What one reviewer did in one queue."""

    queue: str
    reviewer: str
    done: int
    skipped: int
    last_active: datetime | None
    median_seconds: float | None
    """From claim to submit; None when nothing was submitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One write."""

    id: int
    time: datetime
    project: str
    actor: str
    action: str
    queue: str | None
    item_id: int | None
    details: dict[str, Any]
