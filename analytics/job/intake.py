"""What the job reads: light columns of all spans first, content of one chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import with_completion
from analytics.detectors.context import SPAN_COLUMNS
from analytics.traces import LIGHT_COLUMNS, assemble
from span_store.duplicates import without_duplicates
from span_store.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from span_store.store import SpanStore

_KEY = ["trace_id", "span_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The traces a run can see, with what is known of earlier evaluations."""

    traces: pl.DataFrame
    """All of them: facts, ``complete_reason``, ``content_hash``, ``revision``, ..."""

    @property
    def changed(self) -> pl.Expr:
        """Complete, and new or changed since the last evaluation."""
        return self.complete & (
            pl.col("previous_hash").is_null() | (pl.col("previous_hash") != pl.col("content_hash"))
        )

    @property
    def complete(self) -> pl.Expr:
        """Complete at the moment the run stands for."""
        return pl.col("complete_reason").is_not_null()


def read_traces(
    store: SpanStore, *, project: str, as_of: datetime, as_of_ns: int, config: AnalysisConfig
) -> Intake:
    """Assemble every trace from the light columns of the spans received up to ``as_of``."""
    light = (
        store.scan_raw("spans", project=project)
        .filter(pl.col("received_at") <= as_of_ns)
        .select(LIGHT_COLUMNS)
        .collect(engine="streaming")
    )
    traces = assemble(light_without_duplicates(light))
    traces = with_completion(traces, as_of=as_of, config=config)
    contents = (
        store.scan_raw("contents", project=project)
        .filter(pl.col("received_at") <= as_of_ns)
        .select("trace_id", "content_id")
        .unique()
        .group_by("trace_id")
        .agg(content_pieces=pl.len())
        .collect()
    )
    previous = last_evaluations(store, project=project).select(
        "trace_id",
        previous_revision="revision",
        previous_hash="content_hash",
        previous_facts=_material(),
    )
    traces = (
        traces.join(contents, on="trace_id", how="left")
        .join(previous, on="trace_id", how="left")
        .with_columns(
            content_hash=pl.concat_str(
                pl.col("digest").cast(pl.String),
                pl.col("span_count").cast(pl.String),
                pl.col("content_pieces").fill_null(0).cast(pl.String),
                separator="-",
            ),
            revision=pl.col("previous_revision").fill_null(0) + 1,
        )
        .with_columns(is_material=(pl.col("previous_facts") != _material()).fill_null(value=True))
        .drop("previous_facts", "content_pieces", "digest")
    )
    return Intake(traces=traces.sort("trace_id"))


def _material() -> pl.Expr:
    """The facts whose change makes a reviewed trace worth a second look."""
    return pl.concat_str(
        pl.col("model_call_count", "tool_call_count", "error_count").cast(pl.String),
        pl.col("finish_reason").fill_null("-"),
        separator="|",
    )


def last_evaluations(store: SpanStore, *, project: str) -> pl.DataFrame:
    """The newest evaluated revision of every trace."""
    return (
        store.scan_raw("traces", project=project)
        .select(
            "trace_id",
            "revision",
            "content_hash",
            "model_call_count",
            "tool_call_count",
            "error_count",
            "finish_reason",
        )
        .sort("trace_id", "revision")
        .unique(subset="trace_id", keep="last", maintain_order=True)
        .collect()
    )


def light_without_duplicates(spans: pl.DataFrame) -> pl.DataFrame:
    """One row a span: of differing duplicates the one that ended last."""
    if not spans.select(_KEY).is_duplicated().any():
        return spans
    return spans.sort(
        ["end_time", "received_at"], descending=[True, False], nulls_last=True, maintain_order=True
    ).unique(subset=_KEY, keep="first", maintain_order=True)


def chunks(evaluated: pl.DataFrame, chunk_traces: int) -> Iterator[pl.DataFrame]:
    """The evaluated traces in order of arrival, so that a chunk's spans lie close together."""
    ordered = evaluated.sort("first_received_at", "trace_id")
    for start in range(0, ordered.height, chunk_traces):
        yield ordered.slice(start, chunk_traces).sort("trace_id")


def read_content(
    store: SpanStore, chunk: pl.DataFrame, *, project: str, as_of_ns: int
) -> pl.DataFrame:
    """The spans of a chunk with their content, duplicates removed, in order of start time.

    Statistics of the files let the scan skip what arrived before or after the chunk.
    """
    first = chunk["first_received_at"].min()
    last = chunk["received_at"].max()
    assert isinstance(first, int)
    assert isinstance(last, int)
    wanted = (
        store.scan_raw("spans", project=project)
        .filter(pl.col("received_at").is_between(first, min(last, as_of_ns)))
        .join(chunk.lazy().select("trace_id"), on="trace_id", how="semi")
    )
    needed = ["project", "received_at", "attributes", *SPAN_COLUMNS]
    frame = wanted.select(list(dict.fromkeys(needed))).collect(engine="streaming")
    if frame.select(_KEY).is_duplicated().any():
        frame = without_duplicates(frame.lazy(), SPANS).collect()
    spans = as_times_present(frame)
    return spans.select(SPAN_COLUMNS).sort("trace_id", "start_time", "span_id")


def as_times_present(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn the integer times of the columns at hand into ``Datetime("ns", "UTC")``."""
    return frame.with_columns(
        pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC")
        for name in ("start_time", "end_time")
    )
