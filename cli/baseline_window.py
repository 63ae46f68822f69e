"""The evaluated traces that the newest baselines look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from cli.context import Context

_COLUMNS = ("trace_id", "revision", "end_time", "operation_name", "request_model", "agent_name")


def traces_of_window(context: Context, columns: tuple[str, ...] = ()) -> pl.DataFrame:
    """The newest revision of each trace that ended in the trailing window, ``end_time`` in ns.

    The window ends with the newest trace, as that of a run does: none ends after its evaluation,
    unless by the clock of its sender.
    """
    import polars as pl

    from analytics.traces import METRICS

    raw = context.span_store.scan_raw("traces", project=context.project)
    told = raw.select(pl.min_horizontal("end_time", "evaluated_at").max())
    newest = told.collect().item()
    seconds = context.configuration.analysis.baseline_window_seconds
    begin = 0 if newest is None else newest - int(seconds * 1_000_000_000)
    wanted = dict.fromkeys((*_COLUMNS, "name", *METRICS, "evaluated_at", *columns))
    return (
        raw.filter(pl.col("end_time").is_between(begin, newest))
        .select(list(wanted))
        .collect()
        .sort("trace_id", "revision", "evaluated_at")
        .unique("trace_id", keep="last", maintain_order=True)
    )
