"""The HTML page of a run: counts, and each cohort's distribution, limits and flagged traces."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.baselines import TOGETHER, TOGETHER_PARTS, next_limits, with_cohorts
from analytics.run_figures import distribution, week
from analytics.seasons import hours_of_week
from analytics.traces import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from analytics.config import AnalysisConfig

_NARROW = "operation_model_agent"
_CHANGES_MAX = 30
_CHANGE_COLUMNS = (
    *("change", "cohort_level", "cohort", "metric", "n_before", "n_after"),
    *("median_before", "median_after", "median_ratio", "z"),
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right}"
    "td:first-child,th:first-child{text-align:left}h2{margin-top:2rem}"
    "figure{margin:1rem 0;overflow-x:auto}"
)


def render(
    run: Mapping[str, Any],
    baselines: pl.DataFrame,
    traces: pl.DataFrame,
    outliers: pl.DataFrame,
    changes: pl.DataFrame,
    *,
    config: AnalysisConfig,
    cohorts_max: int,
) -> str:
    """One self-contained page; the same input gives the same bytes.

    ``run`` is a row of ``runs`` with parsed JSON, ``baselines`` its rows, ``traces`` the facts of
    the window, ``outliers`` the ``resource_outliers`` findings by ``trace_id`` and ``metric``,
    ``changes`` what moved since the run before (:data:`analytics.baseline_changes.CHANGES`).
    """
    counts = run["counts"]
    about = (
        f"Project {escape(run['project'])}, as of {escape(str(run['as_of']))}: "
        f"{counts['traces_evaluated']} traces evaluated, {counts['traces_unchanged']} unchanged, "
        f"{counts['traces_waiting']} waiting."
    )
    narrow = baselines.filter(pl.col("cohort_level") == _NARROW)
    sizes = narrow.group_by("cohort").agg(n=pl.col("n").max())
    ordered = sizes.sort(["n", "cohort"], descending=[True, False])["cohort"].to_list()
    sections = [
        f"<h1>Run {escape(run['run_id'])}</h1><p>{about}</p>",
        "<h2>Detectors</h2>",
        _table(counts["detectors"], ("detector", "version", "matched", "matched_new", "ambiguous")),
        "<h2>Queues</h2>",
        _table(counts["queues"], ("queue", "considered", "selected", "added", "duplicates")),
        *_changed(changes),
        f"<h2>Baselines</h2><p>{_legend(len(ordered), cohorts_max)}</p>",
    ]
    limits = next_limits(with_cohorts(traces), config)
    for cohort in ordered[:cohorts_max]:
        norms = narrow.filter(pl.col("cohort") == cohort)
        own = traces.filter(pl.col("cohort") == cohort).sort("end_time", "trace_id")
        sections += [f"<h3>{escape(cohort)}</h3>", *_figures(norms, own, outliers, limits)]
    body = "\n".join(sections)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Run {escape(run['run_id'])}</title><style>{_STYLE}</style>{body}</html>\n"
    )


def _table(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in columns) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


def _legend(cohorts: int, cohorts_max: int) -> str:
    shown = (
        f"The {cohorts_max} largest of {cohorts} cohorts" if cohorts > cohorts_max else "Cohorts"
    )
    return (
        f"{shown}. Bars: traces of the window. Lines: median, p95 and p99, and the limit beyond "
        "which the next trace is an outlier, where one is claimed. Dots: traces flagged for this "
        "metric, alone or together with another. "
        "Below, the hours of the week against what is usual."
    )


def _changed(changes: pl.DataFrame) -> Iterator[str]:
    """What moved since the run before, the largest shifts first."""
    moved = changes.filter(pl.col("change") != "steady")
    if moved.is_empty():
        return
    yield f"<h2>Baselines that moved</h2><p>{moved.height} since the run before.</p>"
    rows = [
        {name: "" if row[name] is None else _amount(row[name]) for name in _CHANGE_COLUMNS}
        for row in moved.head(_CHANGES_MAX).iter_rows(named=True)
    ]
    yield _table(rows, _CHANGE_COLUMNS)


def _amount(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figures(
    norms: pl.DataFrame,
    own: pl.DataFrame,
    outliers: pl.DataFrame,
    limits: Mapping[tuple[str, str], float],
) -> Iterator[str]:
    """The plots of one cohort."""
    for metric in METRICS:
        norm = norms.filter(pl.col("metric") == metric)
        known = own.filter(pl.col(metric) > 0)
        if norm.is_empty() or known.is_empty():
            continue
        told = (metric, TOGETHER) if metric in TOGETHER_PARTS else (metric,)
        flagged = known.join(
            outliers.filter(pl.col("metric").is_in(told)), on="trace_id", how="semi"
        )
        line = norm.row(0, named=True)
        lines = line | {"limit": limits.get((line["cohort"], metric))}
        yield f"<figure>{distribution(metric, known[metric], lines, flagged[metric])}</figure>"
    hours = hours_of_week(own, metrics=("duration_ms",), levels=(_NARROW,))
    if hours.height > 1:
        yield f"<figure>{week('duration_ms', hours)}</figure>"
