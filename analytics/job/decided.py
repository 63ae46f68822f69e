"""What a run decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    import polars as pl

    from analytics.job.routing_stage import RoutedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Everything a run decided, before anything is written."""

    run_id: str
    traces: pl.DataFrame
    """Every trace the run can see."""
    baselines: Future[pl.DataFrame] | None
    """Rows of ``baselines`` as they stand after the run; None when none are to be written."""
    evaluated: pl.DataFrame
    """Those it evaluated, with draw and item revision."""
    found: pl.DataFrame
    """Decisions other than ``no_match``."""
    findings: pl.DataFrame
    """Matched and ambiguous ones as rows of the table."""
    routing: RoutedRun
