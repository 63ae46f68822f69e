"""``baselines``: what is normal, by cohort."""

from __future__ import annotations

import click

from cli.context import Context, pass_context
from cli.output import format_option, write_rows

_COLUMNS = ("cohort_level", "cohort", "metric", "n", "median", "p90", "p95", "p99", "log_mad")


@click.group(epilog="Example: spandocket baselines list --metric duration_ms")
def baselines() -> None:
    """Resource baselines by cohort."""


@baselines.command("list", epilog="Example: spandocket baselines list --level operation_model")
@click.option("--run", "run_id", help="The baselines of this run.  [default: the newest]")
@click.option("--metric", help="Only this metric.")
@click.option("--level", help="Only this cohort level.")
@format_option
@pass_context
def list_baselines(
    context: Context,
    run_id: str | None,
    metric: str | None,
    level: str | None,
    output_format: str | None,
) -> None:
    """Print cohort, metric, n, median, p90, p95, p99 and log-MAD."""
    import polars as pl

    from cli.frames import canonical_rows
    from span_store.schema import BASELINES

    frame = context.span_store.scan("baselines", project=context.project).collect()
    if run_id is None and frame.height:
        newest = frame.sort("computed_at", "run_id").tail(1)["run_id"].item()
        frame = frame.filter(pl.col("run_id") == newest)
    elif run_id is not None:
        known = frame["run_id"].unique().sort().to_list()
        if run_id not in known:
            raise click.UsageError(f"no baselines of run {run_id!r}; see spandocket runs list")
        frame = frame.filter(pl.col("run_id") == run_id)
    if metric is not None:
        frame = frame.filter(pl.col("metric") == metric)
    if level is not None:
        frame = frame.filter(pl.col("cohort_level") == level)
    rows = canonical_rows(frame.sort("cohort_level", "cohort", "metric"), BASELINES)
    write_rows(rows, output_format, _COLUMNS)
