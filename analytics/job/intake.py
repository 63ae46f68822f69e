"""What the job reads: light columns of all spans first, content of one chunk at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.completion import with_completion
from analytics.detectors.context import SPAN_COLUMNS
from analytics.job.revisions import outdated_evaluations
from analytics.job.touched import Touched
from analytics.traces import LIGHT_COLUMNS, METRICS, assemble
from span_store.duplicates import repeated
from span_store.trace_order import trace_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from span_store.store import SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The traces a run can see, with what is known of earlier evaluations."""

    traces: pl.DataFrame
    """All of them: facts, ``complete_reason``, ``content_hash``, ``revision``, ..."""
    as_of_ns: int

    @property
    def changed(self) -> pl.Expr:
        """Complete, and new, changed, or not yet seen by a detector's present version."""
        return self.complete & (
            pl.col("previous_hash").is_null()
            | (pl.col("previous_hash") != pl.col("content_hash"))
            | pl.col("is_outdated")
        ).and_(
            # A run for the past does not undo what a later one saw.
            pl.col("previous_received_at").fill_null(self.as_of_ns) <= self.as_of_ns
        )

    @property
    def is_known(self) -> pl.Expr:
        """Complete, and evaluated before with the same spans."""
        return self.complete & (pl.col("previous_hash") == pl.col("content_hash"))

    @property
    def complete(self) -> pl.Expr:
        """Complete at the moment the run stands for."""
        return pl.col("complete_reason").is_not_null()


def read_traces(  # noqa: PLR0913  # What is read, and which part of it.
    store: SpanStore,
    *,
    project: str,
    as_of: datetime,
    as_of_ns: int,
    config: AnalysisConfig,
    versions: Mapping[str, str],
    touched_since: int | None = None,
    assembled: pl.DataFrame | None = None,
    also: pl.DataFrame | None = None,
) -> Intake:
    """Assemble every trace from the light columns of the spans received up to ``as_of``.

    With ``touched_since`` (ns), only those that received spans or content after it, and of ``also``
    (``trace_id, received_at``). ``assembled`` is what :func:`every_trace` gives.
    ``versions`` are the detectors' by id.
    """
    touched = None
    if assembled is None and touched_since is not None:
        touched = Touched.of(
            store, project=project, since_ns=touched_since, as_of_ns=as_of_ns, also=also
        )
    asked = None if touched is None else touched.trace_ids
    previous = last_evaluations(store, project=project, trace_ids=asked)
    if assembled is not None:
        traces = assembled
    elif touched is None:
        traces = every_trace(store, project=project, as_of_ns=as_of_ns)
    else:
        traces = assemble(touched.spans(store, previous, config))
    traces = with_completion(traces, as_of=as_of, config=config)
    contents = content_pieces(store, project=project, as_of_ns=as_of_ns, trace_ids=asked)
    outdated = outdated_evaluations(store, previous, project=project, versions=versions)
    previous = previous.select(
        "trace_id",
        previous_revision="revision",
        previous_hash="content_hash",
        previous_received_at="received_at",
    )
    traces = (
        traces.join(contents, on="trace_id", how="left", maintain_order="left")
        .join(previous, on="trace_id", how="left", maintain_order="left")
        .with_columns(
            content_hash=pl.concat_str(
                pl.col("digest").cast(pl.String),
                pl.col("span_count").cast(pl.String),
                pl.col("content_pieces").fill_null(0).cast(pl.String),
                separator="-",
            ),
            revision=pl.col("previous_revision").fill_null(0) + 1,
            is_outdated=pl.col("trace_id").is_in(outdated.implode()),
        )
        .drop("content_pieces", "digest")
    )
    return Intake(traces=traces, as_of_ns=as_of_ns)


def content_pieces(
    store: SpanStore, *, project: str, as_of_ns: int, trace_ids: pl.Series | None
) -> pl.DataFrame:
    """``trace_id, content_pieces``: how many logs added to traces up to a moment."""
    return (
        store.scan_raw("contents", project=project, trace_ids=trace_ids)
        .filter(pl.col("received_at") <= as_of_ns)
        .select("trace_id", "content_id")
        .unique()
        .group_by("trace_id")
        .agg(content_pieces=pl.len())
        .collect()
    )


def last_evaluations(
    store: SpanStore, *, project: str, trace_ids: pl.Series | None = None
) -> pl.DataFrame:
    """The newest evaluated revision of every trace, or of these."""
    return (
        store.scan_raw("traces", project=project, trace_ids=trace_ids)
        .select(
            *("trace_id", "revision", "content_hash", "evaluated_at", "received_at"),
            *("start_time", "span_count"),
        )
        .sort("trace_id", "revision")
        .unique(subset="trace_id", keep="last", maintain_order=True)
        .collect()
    )


def every_trace(
    store: SpanStore,
    *,
    project: str,
    as_of_ns: int,
    when_read: Callable[[], None] | None = None,
) -> pl.DataFrame:
    """The traces of the spans received up to a moment; of many spans, part by part.

    While the traces of one part are put together, the next part is read. ``when_read`` is called
    when the first part is in memory.
    """
    parts = store.span_parts(LIGHT_COLUMNS, project=project, received_until=as_of_ns + 1)
    # Spans are the largest thing in memory; what is kept of a part is its traces alone. Texts
    # that were picked keep all those that they were picked from, so they are written anew.
    assembled: list[pl.DataFrame] = []
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        reading = reader.submit(next, parts, None)
        wait([reading])
        if when_read is not None:
            when_read()
        while (part := reading.result()) is not None:
            reading = reader.submit(next, parts, None)
            assembled.append(assemble(part).with_columns(pl.col(pl.String) + ""))
            del part
    return _in_one(assembled)


def _in_one(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all parts by trace id; takes the parts' columns away, some at a time.

    So hardly more than the rows themselves is in memory.
    """
    if len(parts) == 1:
        return parts[0]
    order = pl.concat([part["trace_id"] for part in parts]).arg_sort()
    names = parts[0].columns
    columns: list[pl.Series] = []
    for first in range(0, len(names), _COLUMNS_AT_ONCE):
        some = names[first : first + _COLUMNS_AT_ONCE]
        rows = pl.concat([part.select(some) for part in parts], rechunk=True)
        parts[:] = [part.drop(some) for part in parts]
        columns += rows.select(pl.all().gather(order)).get_columns()
        del rows
    return pl.DataFrame(columns).with_columns(pl.col("trace_id").set_sorted())


_COLUMNS_AT_ONCE = 8


def read_history(
    store: SpanStore, traces: pl.DataFrame, *, project: str, config: AnalysisConfig
) -> pl.DataFrame:
    """Evaluated traces that serve as samples: those of the window before the earliest candidate."""
    earliest = traces["end_time"].min()
    if not isinstance(earliest, int):
        return pl.DataFrame(schema=dict.fromkeys(HISTORY_COLUMNS, pl.Null))
    begin = earliest - int(config.baseline_window_seconds * 1_000_000_000)
    history = (
        store.scan_raw("traces", project=project)
        .filter(pl.col("end_time") >= begin)
        .select(*HISTORY_COLUMNS, "revision")
        .collect(engine="streaming")
    )
    # Numbers tell which rows can be of the run's own traces; the ids of those few are compared.
    key = trace_keys(history["trace_id"])
    own = key.is_in(trace_keys(traces["trace_id"]).implode())
    if own.any():
        is_own = history["trace_id"].is_in(traces["trace_id"].implode()) & own
        history, key = history.filter(~is_own), key.filter(~is_own)
    several = repeated(key)
    if not several.is_empty():
        history = history[last_rows(key, history["revision"], several)]
    return history.drop("revision")


def last_rows(key: pl.Series, revision: pl.Series, several: pl.Series) -> pl.Series:
    """Where the newest row of each key stands: of the highest revision, and of those the last.

    ``several`` are the keys of more than one row.
    """
    rows = key.is_in(several.implode()).arg_true().to_numpy()
    order = rows[np.lexsort((revision.to_numpy()[rows], key.to_numpy()[rows]))]
    keys = key.to_numpy()[order]
    is_last = np.ones(len(keys), np.bool_)
    is_last[:-1] = keys[:-1] != keys[1:]
    stale = np.zeros(len(key), np.bool_)
    stale[order[~is_last]] = True
    return pl.Series(np.flatnonzero(~stale))


HISTORY_COLUMNS = (
    "trace_id",
    "end_time",
    "operation_name",
    "request_model",
    "agent_name",
    "name",
    *METRICS,
)
"""What a baseline needs of an earlier trace."""


def chunks(
    store: SpanStore, evaluated: pl.DataFrame, chunk_traces: int, *, project: str
) -> Iterator[pl.DataFrame]:
    """The evaluated traces in the order in which their spans lie on disk.

    A chunk ends where a file ends when it can, so that hardly any file is read twice.
    """
    if evaluated.is_empty():
        return
    evaluated = evaluated.sort("trace_id")
    places = store.reading_order(
        "spans", evaluated.select("trace_id", "received_at"), project=project
    )
    files = places["file"].to_numpy()
    arrived = evaluated["first_received_at"].fill_null(0).to_numpy()
    order = np.lexsort((arrived, places["position"].to_numpy(), files))

    def some(begin: int, count: int) -> pl.DataFrame:
        """Some traces of the order, by trace id as all are."""
        return evaluated[np.sort(order[begin : begin + count])]

    start = length = 0
    for count in pl.Series(files[order]).rle().struct.field("len").to_list():
        if length and length + count > chunk_traces:
            yield some(start, length)
            start, length = start + length, 0
        length += count
        while length > chunk_traces:
            yield some(start, chunk_traces)
            start, length = start + chunk_traces, length - chunk_traces
    if length:
        yield some(start, length)


def read_content(
    store: SpanStore, chunk: pl.DataFrame, *, project: str, as_of_ns: int
) -> pl.DataFrame:
    """The spans of a chunk with their content, duplicates removed, in no order.

    Statistics of the files let the scan skip what arrived before or after the chunk.
    """
    first, last = chunk["first_received_at"].min(), chunk["received_at"].max()
    assert isinstance(first, int)
    assert isinstance(last, int)
    return store.spans_of(
        chunk.select("trace_id", "span_count"),
        SPAN_COLUMNS,
        project=project,
        received_since=first,
        received_until=min(last, as_of_ns) + 1,
    )
