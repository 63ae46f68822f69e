"""``baselines``: what is normal, by cohort, by hour of the week, and from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import Context, pass_context
from cli.output import format_option, say, write_rows

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = (
    *("cohort_level", "cohort", "metric", "n", "median", "p90", "p95", "p99", "log_mad"),
    *("run_id", "version"),
)
_METRICS = ("duration_ms", "time_to_first_chunk_ms", "total_tokens", "cost_usd")
_LEVELS = ("operation_model_agent", "operation_model", "operation", "project")
_HOUR_COLUMNS = ("cohort", "metric", "weekday", "hour", "n", "median", "p95", "ratio")
_CHANGE_COLUMNS = (
    "change",
    "cohort_level",
    "cohort",
    "metric",
    "n_before",
    "n_after",
    "median_before",
    "median_after",
    "median_ratio",
    "p95_ratio",
    "p99_ratio",
    "z",
)
_metric_option = click.option("--metric", type=click.Choice(_METRICS), help="Only this metric.")
_level_option = click.option("--level", type=click.Choice(_LEVELS), help="Only this cohort level.")


@click.group(epilog="Example: spandocket baselines list --metric duration_ms")
def baselines() -> None:
    """Resource baselines by cohort."""


@baselines.command("list", epilog="Example: spandocket baselines list --level operation_model")
@click.option("--run", "run_id", help="The baselines of this run.  [default: the newest]")
@_metric_option
@_level_option
@format_option
@pass_context
def list_baselines(
    context: Context,
    run_id: str | None,
    metric: str | None,
    level: str | None,
    output_format: str | None,
) -> None:
    """Print cohort, metric, n, median, p90, p95, p99, log-MAD, run and version.

    A version with a plus sign tells that settings of baselines were changed; see runs show.
    """
    from span_store.plain_rows import canonical_rows
    from span_store.schema import BASELINES

    frame, known = _stored(context, metric, level)
    if known:
        frame = _of_run(frame, run_id or known[-1], known)
    elif run_id is not None:
        raise click.UsageError(f"no baselines of run {run_id!r}; see spandocket runs list")
    versions = _versions(context)
    rows = canonical_rows(frame.sort("cohort_level", "cohort", "metric"), BASELINES)
    told = (row | {"version": versions.get(row["run_id"], {}).get("baselines")} for row in rows)
    write_rows(told, output_format, _COLUMNS)


@baselines.command("diff", epilog="Example: spandocket baselines diff --metric duration_ms")
@click.argument("before", required=False)
@click.argument("after", required=False)
@_metric_option
@_level_option
@click.option(
    "--ratio",
    "ratio_min",
    type=click.FloatRange(min=1.0),
    default=1.1,
    show_default=True,
    help="Smallest factor, up or down, that counts as moved.",
)
@click.option("--all", "show_all", is_flag=True, help="Show what stayed the same as well.")
@format_option
@pass_context
def diff_baselines(
    context: Context,
    before: str | None,
    after: str | None,
    metric: str | None,
    level: str | None,
    ratio_min: float,
    show_all: bool,
    output_format: str | None,
) -> None:
    """Compare the baselines of two runs: what appeared, vanished or moved.

    BEFORE and AFTER are run ids; without AFTER the newest run that has baselines, without BEFORE
    the one before it. A metric moved when its median changed by --ratio and by more than chance
    explains.
    """
    import polars as pl

    from analytics.baseline_changes import changes

    frame, known = _stored(context, metric, level)
    first, second = _two_runs(before, after, known)
    found = changes(
        _of_run(frame, first, known), _of_run(frame, second, known), ratio_min=ratio_min
    )
    counts = dict(found.group_by("change").len().iter_rows())
    if not show_all:
        found = found.filter(pl.col("change") != "steady")
    write_rows(found.iter_rows(named=True), output_format, _CHANGE_COLUMNS)
    words = (
        f"{counts.get(kind, 0)} {kind}" for kind in ("moved", "appeared", "vanished", "steady")
    )
    versions = _other_versions(context, first, second)
    say(f"From run {first} to run {second}: {', '.join(words)}{versions}.")


@baselines.command("hours", epilog="Example: spandocket baselines hours --level project")
@_metric_option
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="project",
    show_default=True,
    help="The cohort level.",
)
@click.option("--cohort", help="Only this cohort.")
@click.option(
    "--time-zone", default="UTC", show_default=True, help="Time zone of the hours, by IANA name."
)
@format_option
@pass_context
def hours(
    context: Context,
    metric: str | None,
    level: str,
    cohort: str | None,
    time_zone: str,
    output_format: str | None,
) -> None:
    """Print the hours of the week: n, median, p95, and their ratio to the usual.

    Over the evaluated traces of the trailing window that baselines look at. Monday is weekday 1;
    ratio compares the hour with what is usual for the same traces, whatever the mixture.
    """
    from cli.baseline_window import traces_of_window

    found = _hours(traces_of_window(context), metric, level, time_zone)
    if cohort is not None:
        known = found["cohort"].unique().sort().to_list()
        if cohort not in known:
            from cli.nearest import nearest_names

            raise click.UsageError(f"unknown cohort {cohort!r}{nearest_names(cohort, known)}")
        found = found.filter(found["cohort"] == cohort)
    write_rows(found.iter_rows(named=True), output_format, _HOUR_COLUMNS)


def _hours(traces: pl.DataFrame, metric: str | None, level: str, time_zone: str) -> pl.DataFrame:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from analytics.seasons import hours_of_week

    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.UsageError(
            f"unknown time zone {time_zone!r}; write it as in Europe/Berlin"
        ) from error
    return hours_of_week(
        traces, metrics=(metric,) if metric else _METRICS, levels=(level,), time_zone=time_zone
    )


def _stored(
    context: Context, metric: str | None, level: str | None
) -> tuple[pl.DataFrame, list[str]]:
    """The baselines of every run, and the runs that have any, the oldest first.

    A run without those that were asked for is one where they are gone.
    """
    import polars as pl

    frame = context.span_store.scan("baselines", project=context.project).collect()
    ordered = frame.select("computed_at", "run_id").unique().sort("computed_at", "run_id")
    known = list(ordered["run_id"].unique(maintain_order=True))
    if metric is not None:
        frame = frame.filter(pl.col("metric") == metric)
    if level is not None:
        frame = frame.filter(pl.col("cohort_level") == level)
    return frame, known


def _of_run(frame: pl.DataFrame, run_id: str, known: list[str]) -> pl.DataFrame:
    if run_id not in known:
        from cli.nearest import nearest_names

        raise click.UsageError(f"no baselines of run {run_id!r}{nearest_names(run_id, known)}")
    return frame.filter(frame["run_id"] == run_id)


def _two_runs(before: str | None, after: str | None, known: list[str]) -> tuple[str, str]:
    """The two runs to compare: the given ones, else the newest and the one before it."""
    if len(known) < 2:
        raise click.UsageError(
            f"there are baselines of {len(known)} run(s) and two are needed; run analyze first"
        )
    second = after or known[-1]
    earlier = [run_id for run_id in known if run_id != second]
    if before is not None:
        return before, second
    place = known.index(second) if second in known else len(known)
    return (known[place - 1] if place else earlier[0]), second


def _versions(context: Context) -> dict[str, dict[str, str]]:
    """By run what was at work in it: the versions of baselines and detectors."""
    import json

    frame = context.span_store.scan("runs", project=context.project).collect()
    return {
        run_id: json.loads(text) for run_id, text in frame.select("run_id", "versions").iter_rows()
    }


def _other_versions(context: Context, first: str, second: str) -> str:
    """What else differs between two runs: the versions of baselines and detectors."""
    versions = _versions(context)
    names = ("baselines", "resource_outliers")
    one, other = (versions.get(run_id, {}) for run_id in (first, second))
    changed = [
        f"{name} {one.get(name, '-')} -> {other.get(name, '-')}"
        for name in names
        if one.get(name) != other.get(name)
    ]
    return f"; versions changed: {', '.join(changed)}" if changed else ""
