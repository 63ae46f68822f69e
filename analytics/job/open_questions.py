"""What a judge was not asked, or did not answer: later runs ask again, within their budget."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from analytics.judge.bench import NOT_JUDGED

if TYPE_CHECKING:
    from analytics.judge.bench import Judge
    from span_store.store import SpanStore

_MARK = f'"reason":"{NOT_JUDGED}'
_COLUMNS = ("trace_id", "revision", "received_at", "decisions")


def open_questions(store: SpanStore, *, project: str, traces_max: int) -> pl.DataFrame:
    """``trace_id, received_at`` of evaluated traces that still wait for a judge's verdict.

    No more than ``traces_max``, the gravest and surest first: more than a run may ask are not
    even read.
    """
    rows = store.scan_raw("traces", project=project).select(_COLUMNS)
    marked = rows.filter(pl.col("decisions").str.contains(_MARK, literal=True))
    ids = marked.select("trace_id").unique().collect()
    if ids.is_empty():
        return marked.select("trace_id", "received_at").collect()
    newest = (
        rows.join(ids.lazy(), on="trace_id", how="semi")
        .collect()
        .sort("trace_id", "revision", maintain_order=True)
        .unique("trace_id", keep="last", maintain_order=True)
        .filter(pl.col("decisions").str.contains(_MARK, literal=True))
    )
    asked = [
        {"trace_id": trace_id, "revision": revision, "detector": detector}
        for trace_id, revision, text in newest.select(
            "trace_id", "revision", "decisions"
        ).iter_rows()
        for detector, one in json.loads(text).items()
        if str(one.get("reason", "")).startswith(NOT_JUDGED)
    ]
    key = ["trace_id", "revision", "detector"]
    kinds = {"trace_id": pl.String, "revision": pl.Int64, "detector": pl.String}
    importance = (
        store.scan_raw("findings", project=project)
        .join(pl.LazyFrame(asked, schema=kinds), on=key, how="semi")
        .group_by("trace_id")
        .agg(importance=(pl.col("severity") * pl.col("confidence")).max())
        .collect()
    )
    return (
        newest.join(importance, on="trace_id", how="left")
        .sort("importance", "trace_id", descending=[True, False], nulls_last=True)
        .head(traces_max)
        .select("trace_id", "received_at")
    )


def without_open_questions(
    judge: Judge, evaluated: pl.DataFrame, found: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What a run decided, but of traces that it asked about again only those with an answer.

    The others stay as they are, and wait for the next run.
    """
    is_answered = pl.col("trace_id").is_in(sorted(judge.answered))
    open_ids = evaluated.filter(pl.col("is_asked_again") & ~is_answered)["trace_id"]
    judge.counts.traces_again = int(evaluated["is_asked_again"].sum())
    judge.counts.traces_answered = judge.counts.traces_again - open_ids.len()
    is_open = pl.col("trace_id").is_in(open_ids.implode())
    return evaluated.filter(~is_open), found.filter(~is_open)
