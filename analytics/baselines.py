"""Resource baselines: what is normal for traces like this one, just before this one.

Every metric of every candidate is compared with the earlier traces of its cohort (operation,
model and agent) in a trailing window that ends before the candidate; the candidate is never part
of its own norm. Values of zero or unknown are no samples. A cohort of fewer than sixty traces is
judged around its own median by how far the traces of a wider cohort lie from theirs, and the
answer says which one that was and how many samples it had (:mod:`analytics.families`).

Norms are robust and live on the log scale (:mod:`analytics.norms`); a value is an outlier when it
exceeds the limit of the cohort's own upper tail (:mod:`analytics.tails`) and ``ratio_min`` times
the median. The false-alarm budget is shared among the metrics (``_BUDGET_SHARES``), most of it
for duration and tokens together: a few samples cannot tell how far a single metric strays by
itself, but that two stray at once is rare whatever their tails.

Baselines move in steps: within a cohort the window's end advances when a quarter more samples
have come or an hour of the clock is over, so that the cost stays linear; all of it follows from
the window's own samples, so a backfill and a run every minute reach the same verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.judging import Cohorts, Judged, Samples, judge_metric, limits
from analytics.tails import Spending
from analytics.traces import METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig

    Floats = NDArray[np.float64]

LEVELS = ("operation_model_agent", "operation_model", "operation", "project")
"""Cohort levels from narrow to wide."""

COHORT_SOURCES = ("operation_name", "request_model", "agent_name", "name")
"""The facts that cohorts are named by."""

COHORT_COLUMNS = ("cohort",)
"""What :func:`with_cohorts` adds; wider cohorts are named where one is told, for a few traces."""

_LEVEL_COLUMNS = tuple(f"cohort_{level}" for level in LEVELS)

BASELINES_VERSION = "4"
"""Changes whenever the same history may give another norm; every run records it."""

TOGETHER = "duration_and_tokens"
"""Duration and tokens at once: their geometric mean is large, or both are. It shows what is not so
large on either that it would stand out alone; its cohort tells how far the two go together."""

TOGETHER_PARTS = ("duration_ms", "total_tokens")

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
        "own_n": pl.Int64(),
        "median": pl.Float64(),
        "p95": pl.Float64(),
        "p99": pl.Float64(),
        "threshold": pl.Float64(),
        "ratio": pl.Float64(),
        "z": pl.Float64(),
        "z_threshold": pl.Float64(),
    }
)
"""One metric of one trace that exceeds its norm.

``n`` samples of ``cohort`` tell the limit. ``median`` is that of the ``own_n`` earlier traces of
the narrow cohort; where that has none, of ``cohort``.
"""

_PARTS = {metric: (metric,) for metric in METRICS} | {TOGETHER: TOGETHER_PARTS}
_SUMMARY_SAMPLES_MIN = 5
_SUMMARY = pl.Schema(
    dict.fromkeys(("cohort_level", "cohort", "metric"), pl.String())
    | {"n": pl.Int64()}
    | dict.fromkeys(("median", "p90", "p95", "p99", "log_mad"), pl.Float64())
)
_HUGE = 1e100
_NO_CLAIM_RATIO = 1_000.0
"""A limit beyond so many times the usual says that the tail cannot be told."""
_BUDGET_SHARES = dict.fromkeys(METRICS, (0.15, 0.05)) | {TOGETHER: (0.85, 0.65)}
"""The share of the false-alarm budget that each metric may spend, where its tail is surely light
and where it may be heavy. Those of light tails add up to more than one: their limits keep a margin,
and about half of each share is spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the baselines say about the candidates."""

    outliers: pl.DataFrame
    """:data:`OUTLIERS`: the metrics that exceed their norm."""
    judged: pl.DataFrame
    """``trace_id, metrics_judged``: on how many metrics each candidate had a norm; sorted."""

    def judged_of(self, trace_ids: pl.Series) -> pl.DataFrame:
        """The rows of ``judged`` of some traces, at the price of these few alone; maybe others."""
        rows = self.judged["trace_id"].search_sorted(trace_ids)
        return self.judged[rows.filter(rows < self.judged.height).unique()]


def with_cohorts(traces: pl.DataFrame) -> pl.DataFrame:
    """Add the name of the narrow cohort as ``cohort``."""
    return traces.with_columns(cohort=_cohort(0))


def with_levels(traces: pl.DataFrame) -> pl.DataFrame:
    """Add the cohort's name at every level, as ``cohort_LEVEL``."""
    return traces.with_columns(
        _cohort(level).alias(name) for level, name in enumerate(_LEVEL_COLUMNS)
    )


def _cohort(level: int) -> pl.Expr:
    """The name of a cohort of this level; reads :data:`COHORT_SOURCES`."""
    operation, model, agent, name = (pl.col(source) for source in COHORT_SOURCES)
    known = [part.fill_null("-") for part in (operation, model, pl.coalesce(agent, name))]
    parts = known[: len(LEVELS) - 1 - level]
    return pl.concat_str(parts, separator=" | ") if parts else pl.lit("all")


def judge(traces: pl.DataFrame, config: AnalysisConfig) -> Verdicts:
    """Compare every candidate with its norm, metric by metric.

    ``traces`` holds ``trace_id``, ``end_time`` (ns), ``cohort``, :data:`COHORT_SOURCES`, the
    metrics, and ``is_candidate``: history that only serves as samples is not judged again.
    """
    samples = Samples(traces, _cohorts(traces), config)
    candidate = samples.candidate
    judged = np.zeros(candidate.size, dtype=np.int64)
    found = [pl.DataFrame(schema=OUTLIERS)]
    for metric in JUDGED:
        layouts = samples.known(_PARTS[metric])
        asked = layouts.own(candidate)
        if asked.size < config.baseline_samples_min or not asked.any():
            continue
        logs = [layouts.own(samples.logs(part)) for part in _PARTS[metric]]
        light, heavy = (config.false_alarm_budget * share for share in _BUDGET_SHARES[metric])
        spending = Spending(light=light, heavy=heavy)
        answer = judge_metric(logs, asked, layouts, spending, config)
        judged[layouts.is_known] += answer.has_norm
        places = np.flatnonzero(layouts.is_known)[answer.outliers]
        rows = with_levels(samples.rows(places, ("trace_id", *COHORT_SOURCES)))
        logs = [values[answer.outliers] for values in logs]
        found.append(_outliers(rows, metric, logs, answer, config))
    return Verdicts(
        outliers=pl.concat(found).sort("trace_id", "metric"),
        judged=samples.candidates(metrics_judged=judged).sort("trace_id"),
    )


def _cohorts(traces: pl.DataFrame) -> Cohorts:
    """The cohorts as numbers; traces of one narrow cohort share the wider ones."""

    def wider(rows: NDArray[np.int64]) -> pl.DataFrame:
        return with_levels(traces.select(COHORT_SOURCES)[rows]).select(_LEVEL_COLUMNS[1:])

    return Cohorts.of(traces["cohort"], wider)


def _outliers(
    rows: pl.DataFrame, metric: str, logs: list[Floats], answer: Judged, config: AnalysisConfig
) -> pl.DataFrame:
    """The outliers of one metric, with everything a reason needs."""
    norms = answer.norms
    location = norms.location.mean(axis=0)
    distance = sum(logs) / len(logs) - location
    limit = np.maximum(limits(norms, config), norms.bars.mean(axis=0))
    # A cohort of identical values has no spread; a tenth of a per cent keeps z finite.
    spread = np.maximum(norms.spread, 0.001)
    levels = answer.levels.tolist()
    return pl.DataFrame(
        {
            "trace_id": rows["trace_id"],
            "metric": [metric] * rows.height,
            "value": _told(np.exp(location + distance)),
            "cohort_level": [LEVELS[level] for level in levels],
            "cohort": [rows[_LEVEL_COLUMNS[level]][row] for row, level in enumerate(levels)],
            "n": norms.n,
            "own_n": norms.own_n,
            "median": _told(np.exp(location)),
            "p95": _told(np.exp(location + norms.p95)),
            "p99": _told(np.exp(location + norms.p99)),
            "threshold": _told(np.exp(location + limit)),
            "ratio": _told(np.exp(distance)),
            "z": _told(distance / spread),
            "z_threshold": _told(limit / spread),
        },
        schema=OUTLIERS,
    )


def _told(values: Floats) -> list[float]:
    """Ten digits: processors differ in the last ones of a logarithm, evidence must not."""
    return [float(f"{value:.10g}") for value in values.tolist()]


def next_limits(traces: pl.DataFrame, config: AnalysisConfig) -> dict[tuple[str, str], float]:
    """From where on the next trace of a cohort would be an outlier, by narrow cohort and metric.

    ``traces`` hold what :func:`judge` asks for but ``is_candidate``. What nothing is claimed of is
    missing: too few samples, or a tail that they cannot tell.
    """
    numbers = {metric: pl.col(metric).cast(pl.Float64) for metric in METRICS}
    samples = traces.select("trace_id", "end_time", "cohort", *COHORT_SOURCES, **numbers)
    # The next trace of each cohort is so large that it exceeds any limit.
    following = (
        samples.filter(pl.col("end_time").is_not_null())
        .unique("cohort", keep="first", maintain_order=True)
        .with_columns(
            *(pl.lit(_HUGE).alias(metric) for metric in METRICS),
            trace_id=pl.lit("~") + pl.col("cohort"),
            end_time=pl.lit(samples["end_time"].max(), dtype=pl.Int64),
        )
    )
    together = [samples.with_columns(is_candidate=False), following.with_columns(is_candidate=True)]
    found = judge(pl.concat(together), config).outliers
    names = dict(following.select("trace_id", "cohort").iter_rows())
    columns = ("trace_id", "metric", "median", "threshold")
    return {
        (names[trace_id], metric): threshold
        for trace_id, metric, median, threshold in found.select(columns).iter_rows()
        if threshold <= _NO_CLAIM_RATIO * median
    }


def summary(traces: pl.DataFrame, *, window_start: int, window_end: int) -> pl.DataFrame:
    """The baselines as they stand at the end of the window, for every level, cohort and metric.

    Cohorts of fewer than five samples are left out.
    """
    recent = traces.select("end_time", "cohort", *COHORT_SOURCES, *METRICS)
    is_recent = recent["end_time"].is_between(window_start, window_end)
    if not is_recent.all(ignore_nulls=False):
        recent = recent.filter(is_recent)
    cohorts = _cohorts(recent)
    parts = [pl.DataFrame(schema=_SUMMARY)]
    for metric in METRICS:
        known = recent.select(value=pl.col(metric).cast(pl.Float64)).with_row_index("row")
        known = known.filter(pl.col("value") > 0).with_columns(log=pl.col("value").log())
        narrow = cohorts.narrow[known["row"].to_numpy()]
        groups, statistics = -1, pl.DataFrame(schema={"row": pl.UInt32})
        for number, count in enumerate(cohorts.counts(narrow)):
            # Levels are nested: with as many groups as the one before, this one has the same.
            if count != groups:
                code = pl.Series(cohorts.above(narrow, number))
                statistics, groups = _statistics(known.with_columns(code=code)), count
            named = with_levels(recent.select(COHORT_SOURCES)[statistics["row"]])
            parts.append(
                statistics.with_columns(
                    cohort_level=pl.lit(LEVELS[number]),
                    cohort=named[_LEVEL_COLUMNS[number]],
                    metric=pl.lit(metric),
                ).select(pl.col(name).cast(kind) for name, kind in _SUMMARY.items())
            )
    listed = pl.concat(parts).filter(pl.col("n") >= _SUMMARY_SAMPLES_MIN)
    return listed.sort("cohort_level", "cohort", "metric")


def _statistics(keyed: pl.DataFrame) -> pl.DataFrame:
    """Of each ``code``: a row of it, and what is told of its values."""
    value, log_value = pl.col("value"), pl.col("log")
    return keyed.group_by("code").agg(
        row=pl.col("row").first(),
        n=pl.len(),
        median=value.median(),
        p90=value.quantile(0.9, "linear"),
        p95=value.quantile(0.95, "linear"),
        p99=value.quantile(0.99, "linear"),
        log_mad=(log_value - log_value.median()).abs().median() * 1.4826,
    )
