"""When a trace is complete, and why.

``root_quiet``  its root was seen and it has been quiet for ``quiet_seconds`` (default 30 s)
``timeout``     it has been quiet for ``timeout_seconds`` (5 min), or is older than the age cap
``size``        it has ``spans_max`` spans or more
``shutdown``    never set here: reserved for a service that flushes what it holds

Quiet is measured at the moment the run stands for, on **receive** time, because senders' clocks
skew and retries are slow. A trace whose own latest span *ended* longer ago than the quiet period
counts as quiet too: files that were imported a second ago are finished work, and a person who
imports and analyses at once expects findings. Late spans re-open a trace in either case.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND


def with_completion(
    traces: pl.DataFrame, *, as_of: datetime, config: AnalysisConfig
) -> pl.DataFrame:
    """Add ``complete_reason`` (null while the trace is open) and ``complete_at`` (ns).

    ``complete_at`` is the moment at which an open trace will count as complete if nothing more
    arrives.
    """
    now = nanoseconds(as_of)
    # A span that ends in the future of the run, by a skewed clock, does not delay its trace.
    last_sign = pl.min_horizontal(
        "received_at", pl.when(pl.col("end_time") <= now).then(pl.col("end_time"))
    )
    has_root = pl.col("root_span_id").is_not_null()
    wait = pl.when(has_root).then(config.quiet_seconds).otherwise(config.timeout_seconds)
    quiet_at = last_sign + (wait * _SECOND).cast(pl.Int64)
    old_at = pl.col("first_received_at") + int(config.age_seconds_max * _SECOND)
    complete_at = pl.min_horizontal(quiet_at, old_at)
    return traces.with_columns(
        complete_at=complete_at,
        complete_reason=pl.when(quiet_at <= now)
        .then(pl.when(has_root).then(pl.lit("root_quiet")).otherwise(pl.lit("timeout")))
        .when(pl.col("span_count") >= config.spans_max)
        .then(pl.lit("size"))
        .when(old_at <= now)
        .then(pl.lit("timeout")),
    )


def first_arrival(config: AnalysisConfig) -> pl.Expr:
    """The earliest moment (ns) at which spans of an evaluated trace can have arrived.

    Spans arrive after their trace begins; an hour allows for clocks that differ. Where a clock
    went wrong by more, or nobody knows when the trace began, they arrived while it was open.
    """
    begin, arrived = pl.col("start_time"), pl.col("received_at")
    open_ns = int(config.age_seconds_max * _SECOND)
    return pl.when(begin <= arrived).then(begin).otherwise(arrived - open_ns) - _HOUR


def nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970 UTC of an aware time, exactly."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * _SECOND + moment.microsecond * 1000


def moment_of(nanosecond: int) -> datetime:
    """The aware time of nanoseconds since 1970 UTC, to the microsecond."""
    whole, rest = divmod(nanosecond, _SECOND)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest // 1000)
