"""What a run did, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCount:
    """One detector in one run."""

    detector: str
    version: str
    matched: int
    """Traces that it flags now, those of earlier runs included."""
    ambiguous: int
    """Traces it is unsure about now, those of earlier runs included."""
    matched_new: int
    """Matches among the traces that this run evaluated."""
    ambiguous_new: int
    skipped_new: int
    """Skips among the traces that this run evaluated."""
    skip_reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCount:
    """One queue in one run."""

    queue: str
    selected: int
    """Evaluated traces that a rule of this queue kept."""
    considered: int
    """Evaluated traces that had a chance above zero."""
    added: int
    duplicates: int
    reentered: int
    removed: int
    capped: int
    """Kept, but over the cap of items per run and queue; a backfill offers them again."""

    @classmethod
    def nothing(cls, queue: str) -> QueueCount:
        """A queue in a run that did nothing for it."""
        numbers = {field.name: 0 for field in fields(cls) if field.name != "queue"}
        return cls(queue=queue, **numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What one run saw, decided and wrote."""

    run_id: str
    project: str
    as_of: datetime
    since: datetime | None
    until: datetime | None
    """The range that a backfill asked for."""
    incremental: bool
    """Whether it read only what had arrived since the run before it (``--follow``)."""
    dry_run: bool
    traces_seen: int
    """Traces with spans received up to ``as_of``, in the range asked for."""
    traces_evaluated: int
    """Complete and new or changed since they were last evaluated; those taken over included."""
    traces_taken_over: int
    """Those that a run had written which died before it was recorded; its items count as added."""
    traces_unchanged: int
    """Complete and already evaluated with the same spans."""
    traces_waiting: int
    """Not complete yet."""
    traces_looked_at_again: int
    """Evaluated before, and offered to the live queues again: new scores, or a backfill."""
    waiting_until: datetime | None
    """When the last of the waiting traces will be complete, if nothing more arrives."""
    watermark: datetime
    """Everything received up to here has been looked at."""
    scores_watermark_nanoseconds: int
    """The latest arrival among the scores that rules have looked at, since 1970 UTC."""
    detectors: tuple[DetectorCount, ...]
    queues: tuple[QueueCount, ...]
    queues_left_out: dict[str, str]
    """Live queues that took no part, for their filter cannot be read, and why."""
    judge: dict[str, Any] | None
    """What the run's judge answered, failed at and was not asked; None when none is set up."""
    seconds: dict[str, float]
    """Seconds by stage; empty when no clock was given."""

    def as_json(self) -> dict[str, Any]:
        """The report as plain values, for schedulers; the same input gives the same ones.

        How long the stages took is left out: the run's own row tells it.
        """
        from dataclasses import asdict

        values = asdict(self)
        del values["seconds"]
        return values
