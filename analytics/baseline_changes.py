"""What changed between the baselines of two runs, cohort by cohort and metric by metric."""

from __future__ import annotations

import polars as pl

KEY = ("cohort_level", "cohort", "metric")

CHANGES = pl.Schema(
    {
        **dict.fromkeys(KEY, pl.String()),
        "change": pl.String(),
        "n_before": pl.Int64(),
        "n_after": pl.Int64(),
        "median_before": pl.Float64(),
        "median_after": pl.Float64(),
        "median_ratio": pl.Float64(),
        "p95_ratio": pl.Float64(),
        "p99_ratio": pl.Float64(),
        "log_mad_before": pl.Float64(),
        "log_mad_after": pl.Float64(),
        "z": pl.Float64(),
    }
)
"""One metric of one cohort in two runs; what one of the runs lacks is null.

``change`` is ``appeared``, ``vanished``, ``moved`` or ``steady``; ``z`` is the shift of the median
in its own standard errors, as if the two windows shared no trace.
"""

Z_MIN = 3.0
"""A median moved when chance alone would hardly shift it so far."""

_MEDIAN_EFFICIENCY = 1.2533
"""The standard error of a median of normal samples, in sigma / sqrt(n)."""
_SPREAD_MIN = 0.001


def changes(before: pl.DataFrame, after: pl.DataFrame, *, ratio_min: float) -> pl.DataFrame:
    """:data:`CHANGES` between two runs' rows of ``baselines``, the largest shift first.

    A metric moved when its median changed by at least ``ratio_min`` times, up or down, and by
    :data:`Z_MIN` standard errors.
    """
    values = ("n", "median", "p95", "p99", "log_mad")
    joined = _named(before, values, "before").join(
        _named(after, values, "after"), on=list(KEY), how="full", coalesce=True
    )
    shift = (pl.col("median_after") / pl.col("median_before")).log()
    error = _MEDIAN_EFFICIENCY * (_variance("before") + _variance("after")).sqrt()
    far = (shift.abs() >= pl.lit(ratio_min).log()) & ((shift / error).abs() >= Z_MIN)
    return (
        joined.with_columns(
            change=pl.when(pl.col("n_before").is_null())
            .then(pl.lit("appeared"))
            .when(pl.col("n_after").is_null())
            .then(pl.lit("vanished"))
            .when(far)
            .then(pl.lit("moved"))
            .otherwise(pl.lit("steady")),
            z=shift / error,
            **{f"{name}_ratio": _ratio(name) for name in ("median", "p95", "p99")},
        )
        .select(pl.col(name).cast(kind) for name, kind in CHANGES.items())
        .sort(pl.col("z").abs().fill_null(float("inf")), *KEY, descending=[True, *[False] * 3])
    )


def _named(rows: pl.DataFrame, values: tuple[str, ...], when: str) -> pl.DataFrame:
    return rows.select(*KEY, *(pl.col(name).alias(f"{name}_{when}") for name in values))


def _ratio(name: str) -> pl.Expr:
    return pl.col(f"{name}_after") / pl.col(f"{name}_before")


def _variance(when: str) -> pl.Expr:
    """The squared standard error of a log median, in sigma; equal samples keep a tiny one."""
    return pl.max_horizontal(f"log_mad_{when}", pl.lit(_SPREAD_MIN)) ** 2 / pl.col(f"n_{when}")
