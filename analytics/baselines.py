"""Resource baselines: what is normal for traces like this one, just before this one.

Every metric of every candidate is compared with the earlier traces of its cohort (operation,
model and agent) in a trailing window that ends before the candidate; the candidate is never part
of its own norm. A small cohort falls back to a wider one, and the answer says which one it used
and how many samples that had. Values of zero or unknown are no samples.

The norm is robust and lives on the log scale: median, and a spread that is the largest of the
scaled median absolute deviation and the upper tail's own scale (p90, from 200 samples on p95), so
that skewed cohorts do not flood the queue. A value is an outlier when it exceeds
``median * exp(z * spread)`` and ``ratio_min`` times the median; where the upper tail is not that
of a normal sample, a generalised Pareto tail fitted to the cohort takes the place of
``z * spread``. A cohort that drifts is judged by its latest steady part. ``z`` spends the
false-alarm budget over the metrics (``_BUDGET_SHARES``) and is inflated for small samples (factors
from simulation of normal samples, see ``_INFLATION``).

Baselines move in steps: within a cohort the window's end advances when a quarter more samples
have come or an hour has passed, so that the cost stays linear; all of it follows from the data's
own times, so a backfill and a run every minute reach the same verdicts on the same history.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.norms import OWN_SAMPLES_MIN, Norms, level_norms, norm_of, spread_within, steady
from analytics.traces import METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

LEVELS = ("operation_model_agent", "operation_model", "operation", "project")
"""Cohort levels from narrow to wide."""

COHORT_COLUMNS = tuple(f"cohort_{level}" for level in LEVELS)

BASELINES_VERSION = "3"
"""Changes whenever the same history may give another norm; every run records it."""

TOGETHER = "duration_and_tokens"
"""The geometric mean of duration and tokens: it shows what is large on both, but not so large on
either that it would stand out alone; its spread knows how far the two go together anyway."""

JUDGED = (*METRICS, TOGETHER)
"""What is compared with a norm; the false-alarm budget is shared among these."""

OUTLIERS = pl.Schema(
    {
        "trace_id": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
        "cohort_level": pl.String(),
        "cohort": pl.String(),
        "n": pl.Int64(),
        "median": pl.Float64(),
        "p95": pl.Float64(),
        "p99": pl.Float64(),
        "threshold": pl.Float64(),
        "ratio": pl.Float64(),
        "z": pl.Float64(),
        "z_threshold": pl.Float64(),
    }
)
"""One metric of one trace that exceeds its norm."""

_STRANGER_SAMPLES_MIN = 100
_SUMMARY_SAMPLES_MIN = 5
_BUDGET_SHARES = dict.fromkeys(METRICS, 0.3) | {TOGETHER: 0.8}
"""The share of the false-alarm budget that each metric may spend. They add up to more than one,
but tokens and cost rise and fall together, and so do the wait for the first chunk, the duration,
and what is made of duration and tokens. What is large on two metrics at once is told best by the
two together, so that measure may spend most."""
_INFLATION = (
    np.log([30.0, 40.0, 60.0, 100.0, 150.0]),
    np.array([1.06, 1.03, 1.0, 1.0, 1.0]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the baselines say about the candidates."""

    outliers: pl.DataFrame
    """:data:`OUTLIERS`: the metrics that exceed their norm."""
    judged: pl.DataFrame
    """``trace_id, metrics_judged``: on how many metrics each candidate had a norm."""


def with_cohorts(traces: pl.DataFrame) -> pl.DataFrame:
    """Add the cohort's name at every level, and the narrow one as ``cohort``."""
    unknown = pl.lit("-")
    operation = pl.col("operation_name").fill_null(unknown)
    model = pl.col("request_model").fill_null(unknown)
    agent = pl.coalesce("agent_name", "name").fill_null(unknown)
    return traces.with_columns(
        cohort_operation_model_agent=pl.concat_str(operation, model, agent, separator=" | "),
        cohort_operation_model=pl.concat_str(operation, model, separator=" | "),
        cohort_operation=operation,
        cohort_project=pl.lit("all"),
        cohort=pl.concat_str(operation, model, agent, separator=" | "),
    )


def z_of(budget: float) -> float:
    """The one-sided z that a share ``budget`` of normal samples exceeds."""
    return -NormalDist().inv_cdf(budget)


def judge(traces: pl.DataFrame, config: AnalysisConfig) -> Verdicts:
    """Compare every candidate with its norm, metric by metric.

    ``traces`` holds ``trace_id``, ``end_time`` (ns), :data:`COHORT_COLUMNS`, the metrics, and
    ``is_candidate``: history that only serves as samples is not judged again.
    """
    ordered = traces.filter(pl.col("end_time").is_not_null()).sort("end_time", "trace_id")
    codes = {
        column: ordered[column].cast(pl.Categorical).to_physical().cast(pl.Int64).to_numpy()
        for column in COHORT_COLUMNS
    }
    times = ordered["end_time"].to_numpy()
    candidate = ordered["is_candidate"].to_numpy()
    judged = np.zeros(ordered.height, dtype=np.int64)
    found = []
    ordered = ordered.with_columns(
        (pl.col("duration_ms") * pl.col("total_tokens")).sqrt().alias(TOGETHER)
    )
    for metric in JUDGED:
        values = ordered[metric].cast(pl.Float64).fill_null(0.0).fill_nan(0.0).to_numpy()
        known = np.flatnonzero((values > 0) & np.isfinite(values))
        if known.size < config.baseline_samples_min or not candidate[known].any():
            continue
        share = config.false_alarm_budget * _BUDGET_SHARES[metric]
        norms, level = _norms(
            np.log(values[known]),
            times[known],
            [codes[column][known] for column in COHORT_COLUMNS],
            candidate[known],
            share,
            config,
        )
        has_norm = candidate[known] & (level >= 0)
        judged[known[has_norm]] += 1
        found.append(
            _exceeding(ordered[known], metric, values[known], norms, level, has_norm, share, config)
        )
    outliers = pl.concat(found) if found else pl.DataFrame(schema=OUTLIERS)
    return Verdicts(
        outliers=outliers.sort("trace_id", "metric"),
        judged=ordered.select("trace_id")
        .with_columns(metrics_judged=pl.Series(judged))
        .filter(pl.Series(candidate)),
    )


def _norms(
    values: Floats,
    times: Integers,
    codes: list[Integers],
    candidate: NDArray[np.bool_],
    share: float,
    config: AnalysisConfig,
) -> tuple[Norms, Integers]:
    """For each sample the narrowest norm with enough samples, and its level (-1 for none)."""
    size = values.size
    window = int(config.baseline_window_seconds * 1_000_000_000)
    needed = config.baseline_samples_min
    own = level_norms(values, times, codes[0], candidate, window, OWN_SAMPLES_MIN, share)
    level = np.where(own.n >= config.baseline_samples_min, 0, -1).astype(np.int64)
    chosen = own.copy()
    for wider in range(1, len(codes)):
        needy = candidate & (level < 0)
        if not needy.any():
            break
        wanted = np.isin(codes[wider], np.unique(codes[wider][needy]))
        picked = np.flatnonzero(wanted)
        norms = level_norms(
            values[picked],
            times[picked],
            codes[wider][picked],
            needy[picked],
            window,
            config.baseline_samples_min,
            share,
        )
        within = spread_within(values, times, codes[wider], own, picked, needy, window, needed)
        source = np.flatnonzero((norms.n >= needed) & needy[picked])
        taken = picked[source]
        stranger = own.n[taken] < OWN_SAMPLES_MIN
        # A workload never seen before may be normal at any size: it is an outlier only when it
        # exceeds, twice over, nearly everything the wider cohort ever did.
        usable = ~stranger | (norms.n[source] >= _STRANGER_SAMPLES_MIN)
        taken, source, stranger = taken[usable], source[usable], stranger[usable]
        own_n = own.n[taken]
        own_median = np.where(stranger, norms.median[source], own.median[taken])
        uncertainty = np.where(stranger, 1.0, np.sqrt(1 + 1.57 / np.maximum(own_n, 1)))
        own_spread = np.where(stranger, 0.0, np.nan_to_num(own.spread[taken]))
        # Small cohorts of one family spread alike around medians of their own, when enough of
        # them are known; otherwise the family's whole spread has to do.
        family = np.where(stranger | np.isnan(within[taken]), norms.spread[source], within[taken])
        chosen.median[taken] = own_median
        chosen.spread[taken] = uncertainty * np.maximum(family, own_spread)
        chosen.n[taken] = norms.n[source]
        chosen.p95[taken] = norms.p95[source]
        chosen.p99[taken] = norms.p99[source]
        chosen.tail[taken] = np.nan
        chosen.drift[taken] = 0.0
        chosen.floor[taken] = np.where(
            stranger, norms.p99[source] + np.log(config.ratio_min), np.nan
        )
        level[taken] = wider
    assert level.size == size
    return chosen, level


def _limits(norms: Norms, share: float, config: AnalysisConfig) -> Floats:
    """The logarithms from which on values are outliers."""
    inflation = np.interp(np.log(np.maximum(norms.n, 1)), *_INFLATION)
    usual = norms.median + z_of(share) * inflation * norms.spread
    limit = np.where(np.isnan(norms.tail), usual, norms.tail) + np.nan_to_num(norms.drift)
    limit = np.maximum(limit, norms.median + np.log(config.ratio_min))
    return np.asarray(np.fmax(limit, norms.floor))


def _exceeding(  # The parts of one comparison.
    ordered: pl.DataFrame,
    metric: str,
    values: Floats,
    norms: Norms,
    level: Integers,
    has_norm: NDArray[np.bool_],
    share: float,
    config: AnalysisConfig,
) -> pl.DataFrame:
    """The candidates whose value exceeds the norm, with everything a reason needs."""
    limit = _limits(norms, share, config)
    logs = np.log(values)
    hits = np.flatnonzero(has_norm & (logs > limit))
    # A cohort of identical values has no spread; a tenth of a per cent keeps z finite.
    spread = np.maximum(norms.spread[hits], 0.001)
    z = (logs[hits] - norms.median[hits]) / spread
    rows = ordered[hits]
    cohorts = [rows[COHORT_COLUMNS[code]][place] for place, code in enumerate(level[hits])]
    return pl.DataFrame(
        {
            "trace_id": rows["trace_id"],
            "metric": [metric] * hits.size,
            "value": values[hits],
            "cohort_level": [LEVELS[code] for code in level[hits]],
            "cohort": cohorts,
            "n": norms.n[hits].astype(np.int64),
            "median": np.exp(norms.median[hits]),
            "p95": np.exp(norms.p95[hits]),
            "p99": np.exp(norms.p99[hits]),
            "threshold": np.exp(limit[hits]),
            "ratio": values[hits] / np.exp(norms.median[hits]),
            "z": z,
            "z_threshold": (limit[hits] - norms.median[hits]) / spread,
        },
        schema=OUTLIERS,
    )


def limit_of(values: pl.Series, metric: str, config: AnalysisConfig) -> float | None:
    """From where on the next trace of a cohort would be an outlier; None for too few samples.

    ``values`` are the cohort's samples in order of time, above zero.
    """
    sample = np.log(values.cast(pl.Float64).to_numpy())
    if sample.size < config.baseline_samples_min:
        return None
    norms, share = Norms.blank(1), config.false_alarm_budget * _BUDGET_SHARES[metric]
    latest, drift = steady(sample)
    for name, value in (norm_of(latest, share) | {"drift": drift}).items():
        getattr(norms, name)[:] = value
    return float(np.exp(_limits(norms, share, config)[0]))


def summary(traces: pl.DataFrame, *, window_start: int, window_end: int) -> pl.DataFrame:
    """The baselines as they stand at the end of the window, for every level, cohort and metric.

    Cohorts of fewer than five samples are left out.
    """
    recent = traces.filter(pl.col("end_time").is_between(window_start, window_end))
    parts = []
    for level, column in zip(LEVELS, COHORT_COLUMNS, strict=True):
        for metric in METRICS:
            value = pl.col(metric).cast(pl.Float64)
            known = recent.filter(value > 0).select(column, value=value)
            parts.append(
                known.group_by(column)
                .agg(
                    n=pl.len().cast(pl.Int64),
                    median=pl.col("value").median(),
                    p90=pl.col("value").quantile(0.9, "linear"),
                    p95=pl.col("value").quantile(0.95, "linear"),
                    p99=pl.col("value").quantile(0.99, "linear"),
                    log_mad=(pl.col("value").log() - pl.col("value").log().median()).abs().median()
                    * 1.4826,
                )
                .filter(pl.col("n") >= _SUMMARY_SAMPLES_MIN)
                .select(
                    pl.lit(level).alias("cohort_level"),
                    pl.col(column).alias("cohort"),
                    pl.lit(metric).alias("metric"),
                    "n",
                    "median",
                    "p90",
                    "p95",
                    "p99",
                    "log_mad",
                )
            )
    return pl.concat(parts).sort("cohort_level", "cohort", "metric")
