"""How a metric varies with the hour of the week.

Baselines do not follow the seasons, so the seasons are shown: for every hour of the week the
median, the p95, and how the hour compares with the usual for the same kind of traces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analytics.baselines import LEVELS, with_levels
from analytics.traces import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

HOURS = pl.Schema(
    {
        "cohort_level": pl.String(),
        "cohort": pl.String(),
        "metric": pl.String(),
        "weekday": pl.Int64(),
        "hour": pl.Int64(),
        "n": pl.Int64(),
        "median": pl.Float64(),
        "p95": pl.Float64(),
        "ratio": pl.Float64(),
    }
)
"""One hour of the week of one metric of one cohort.

``weekday`` is 1 for Monday to 7 for Sunday, ``hour`` 0 to 23; ``ratio`` is the median of the
values over the median of their own narrowest cohort, so that a changing mixture of workloads does
not look like a season.
"""


def hours_of_week(
    traces: pl.DataFrame,
    *,
    metrics: Sequence[str] = METRICS,
    levels: Sequence[str] = LEVELS,
    time_zone: str = "UTC",
) -> pl.DataFrame:
    """:data:`HOURS` of these traces, by the hour in which each trace ended.

    ``traces`` holds ``end_time`` (ns, UTC), the columns that name a cohort, and the metrics.
    Values of zero or unknown are no samples; hours without samples have no row.
    """
    local = (
        pl.from_epoch("end_time", time_unit="ns")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(time_zone)
    )
    named = with_levels(traces.filter(pl.col("end_time").is_not_null())).with_columns(
        weekday=local.dt.weekday().cast(pl.Int64), hour=local.dt.hour().cast(pl.Int64)
    )
    parts = [pl.DataFrame(schema=HOURS)]
    for metric in metrics:
        value = pl.col(metric).cast(pl.Float64)
        known = named.filter(value > 0).with_columns(value=value)
        known = known.with_columns(
            ratio=pl.col("value") / pl.col("value").median().over(f"cohort_{LEVELS[0]}")
        )
        parts += [_by_hour(known, level, metric) for level in levels]
    return pl.concat(parts).sort("cohort_level", "cohort", "metric", "weekday", "hour")


def _by_hour(known: pl.DataFrame, level: str, metric: str) -> pl.DataFrame:
    return (
        known.group_by(pl.col(f"cohort_{level}").alias("cohort"), "weekday", "hour")
        .agg(
            n=pl.len().cast(pl.Int64),
            median=pl.col("value").median(),
            p95=pl.col("value").quantile(0.95, "linear"),
            ratio=pl.col("ratio").median(),
        )
        .with_columns(cohort_level=pl.lit(level), metric=pl.lit(metric))
        .select(pl.col(name).cast(kind) for name, kind in HOURS.items())
    )
