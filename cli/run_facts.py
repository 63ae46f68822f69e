"""What the page of a run shows: baselines, traces of the window, flags, and what moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

    from cli.context import Context

_NAMES = ("operation_name", "request_model", "agent_name", "name", "cohort")


class RunFacts(NamedTuple):
    """The frames that :func:`analytics.run_page.render` takes."""

    baselines: pl.DataFrame
    traces: pl.DataFrame
    outliers: pl.DataFrame
    changes: pl.DataFrame


def facts_of(context: Context, run_id: str) -> RunFacts:
    """The facts of one run; runs of --follow show the newest baselines at or before them."""
    import polars as pl

    from analytics.baseline_changes import changes
    from analytics.traces import METRICS

    store, project = context.span_store, context.project
    stored = store.scan_raw("baselines", project=project).collect()
    moments = stored.select("computed_at", "run_id").unique().sort("computed_at", "run_id")
    as_of = store.scan_raw("runs", project=project).filter(pl.col("run_id") == run_id)
    until = as_of.select(pl.col("as_of").max()).collect().item()
    earlier = moments.filter(pl.col("computed_at") <= until)["run_id"].to_list()
    own = run_id if run_id in earlier else next(reversed(earlier), None)
    earlier = earlier[: earlier.index(own)] if own is not None else []
    baselines = stored.filter(pl.col("run_id").is_in([own] if own else []))
    before = stored.filter(pl.col("run_id").is_in(earlier[-1:]))
    moved = changes(before, baselines, ratio_min=1.1)
    traces = (
        store.scan_raw("traces", project=project)
        .select("trace_id", "revision", "evaluated_at", "end_time", *_NAMES, *METRICS)
        .filter(pl.col("evaluated_at") <= until)
        .collect()
        .sort("trace_id", "revision", "evaluated_at")
        .unique("trace_id", keep="last", maintain_order=True)
    )
    if baselines.height:
        window = (baselines["window_start"].min(), baselines["window_end"].max())
        traces = traces.filter(pl.col("end_time").is_between(*window))
    flagged = (
        store.scan("findings", project=project)
        .filter(pl.col("detector") == "resource_outliers")
        .join(traces.lazy().select("trace_id", "revision"), on=["trace_id", "revision"])
        .select("trace_id", metric=pl.col("evidence").str.extract_all(r'"metric":"[a-z_]+"'))
        .explode("metric")
        .with_columns(pl.col("metric").str.extract(r':"([a-z_]+)"'))
        .collect()
    )
    return RunFacts(
        baselines.sort("cohort_level", "cohort", "metric"),
        traces,
        flagged.unique().sort("trace_id", "metric"),
        moved if before.height else moved.clear(),
    )
