"""What a run was asked for: the traces of its range, and how far it can claim to have seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import nanoseconds

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from analytics.job.rerouting import LastRun

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The range of one run, and the run before it."""

    as_of_ns: int
    since: datetime | None
    until: datetime | None
    incremental: bool
    before: LastRun | None
    """The last recorded run."""
    config: AnalysisConfig

    @property
    def asked_for(self) -> pl.Expr:
        """The traces asked for: by the arrival of their last span."""
        expression = pl.lit(value=True)
        if self.since is not None:
            expression &= pl.col("received_at") >= nanoseconds(self.since)
        if self.until is not None:
            expression &= pl.col("received_at") < nanoseconds(self.until)
        return expression

    def backfilled(self, traces: pl.DataFrame) -> list[str]:
        """Evaluated traces of the range that a backfill names; without a range, none."""
        if self.since is None and self.until is None:
            return []
        unchanged = ~pl.col("is_candidate") & pl.col("previous_hash").is_not_null()
        return traces.filter(self.asked_for & unchanged)["trace_id"].to_list()

    def watermark(self, traces: pl.DataFrame) -> int:
        """The latest moment up to which nothing waits or was left out any more.

        What was acknowledged lately may not be in the table yet, but it gets there in the order
        of its arrival: nothing is claimed beyond the newest span that is there.
        """
        newest = traces["received_at"].max()
        seen = newest if isinstance(newest, int) else self._seen_before()
        if self.incremental and self.before is not None:
            # What it looked at again may be older than what the run before saw.
            seen = max(seen, self.before.watermark)
        left = traces.filter(
            pl.col("complete_reason").is_null() | (pl.col("is_changed") & ~pl.col("is_candidate"))
        )
        earliest = left["first_received_at"].min()
        return min(self.as_of_ns, seen, earliest - 1 if isinstance(earliest, int) else seen)

    def _seen_before(self) -> int:
        """Where a run stands that saw no span at all."""
        if self.before is not None:
            return self.before.watermark
        return self.as_of_ns - int(self.config.age_seconds_max * _SECOND)
