"""How the job cuts its traces into chunks, and that a chunk reads all spans of its traces."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import polars as pl
import pytest

from analytics.job.intake import chunks, every_trace, read_content
from span_store import store as stores
from span_store import whole_spans
from span_store.compaction import compact
from span_store.datafiles import ROWS_PER_GROUP
from span_store.maintenance import Maintenance
from span_store.store import SpanStore
from tests.span_store.rows import span, spans

FILES, TRACES_A_FILE = 6, 40


@pytest.fixture
def store(tmp_path):
    """Six appended files; every tenth trace began in the file before."""
    store = SpanStore(tmp_path)
    order = list(range(FILES * TRACES_A_FILE))
    random.Random(4).shuffle(order)
    for number in range(FILES):
        rows = []
        for place in range(TRACES_A_FILE):
            trace = order[number * TRACES_A_FILE + place] + 1
            at = 1_000 * number + place
            rows += [span(trace, n, received_at=at + n, start_time=at) for n in range(1, 4)]
        if number:
            late = order[(number - 1) * TRACES_A_FILE : number * TRACES_A_FILE : 10]
            rows += [span(trace + 1, 4, received_at=1_000 * number) for trace in late]
        store.append("spans", spans(*rows))
    return store


def traces_of(store):
    return (
        store.scan_raw("spans")
        .group_by("trace_id")
        .agg(
            first_received_at=pl.col("received_at").min(),
            received_at=pl.col("received_at").max(),
            span_count=pl.len(),
        )
        .sort("trace_id")
        .collect()
    )


def test_traces_of_many_spans_are_those_of_few_whatever_is_in_memory_at_a_time(store, monkeypatch):
    few = every_trace(store, project="default", as_of_ns=10_000)
    for module in (stores, whole_spans):
        monkeypatch.setattr(module, "SPANS_AT_ONCE", 400)

    many = every_trace(SpanStore(store.place), project="default", as_of_ns=10_000)

    assert len(list(store.span_parts(["trace_id"], project="default"))) > 5
    assert many.height == FILES * TRACES_A_FILE
    assert many.equals(few)


@pytest.mark.parametrize("is_compacted", [False, True])
@pytest.mark.parametrize("chunk_traces", [7, 40, 100, 1_000])
def test_every_trace_is_in_one_chunk_with_all_of_its_spans(store, chunk_traces, is_compacted):
    if is_compacted:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        compact(Maintenance(store, "spans", now), target_bytes=10**9, files_min=2)
    store = SpanStore(store.place)
    traces = traces_of(store)

    cut = list(chunks(store, traces, chunk_traces, project="default"))

    assert pl.concat(cut).sort("trace_id").equals(traces)
    assert max(chunk.height for chunk in cut) <= chunk_traces
    read = [read_content(store, chunk, project="default", as_of_ns=10**9) for chunk in cut]
    assert [set(frame["trace_id"]) for frame in read] == [set(part["trace_id"]) for part in cut]
    assert sum(frame.height for frame in read) == store.scan_raw("spans").collect().height


def test_a_chunk_finds_its_late_spans_in_a_large_file_of_others(tmp_path, monkeypatch):
    store = SpanStore(tmp_path)
    store.append("spans", spans(*(span(trace, received_at=trace) for trace in range(1, 41))))
    ids = pl.Series([f"{trace:032x}" for trace in range(100, 100 + 2 * ROWS_PER_GROUP)])
    others = pl.concat([spans(span(received_at=20))] * len(ids)).with_columns(trace_id=ids)
    late = spans(*(span(trace, 2, received_at=30) for trace in (7, 8, 30)))
    store.append("spans", pl.concat([others, late]))
    traces = traces_of(store).filter(pl.col("trace_id") < f"{100:032x}")

    expected = store.scan("spans", trace_ids=traces["trace_id"]).collect()
    # What a reading by files does not find, a scan would.
    monkeypatch.setattr(store, "scan", None)
    read = read_content(store, traces, project="default", as_of_ns=10**9)

    assert store.table_log("spans").live_files()[1]["num_records"].max() > 2 * ROWS_PER_GROUP
    found = read.select("trace_id", "span_id").sort("trace_id", "span_id")
    assert found.height == 43
    assert found.equals(expected.select("trace_id", "span_id").sort("trace_id", "span_id"))


def test_a_chunk_ends_where_a_file_ends(store):
    traces = traces_of(store)
    order = store.reading_order("spans", traces, project="default")

    cut = list(chunks(store, traces, 2 * TRACES_A_FILE + 10, project="default"))

    files = traces.select("trace_id").with_columns(order)
    held = [set(files.join(chunk, on="trace_id")["file"]) for chunk in cut]
    assert held == [{0, 1}, {2, 3}, {4, 5}]


def test_a_store_without_spans_has_no_chunks(tmp_path):
    traces = pl.DataFrame(
        schema={"trace_id": pl.String, "first_received_at": pl.Int64, "received_at": pl.Int64}
    )

    assert list(chunks(SpanStore(tmp_path), traces, 10, project="default")) == []
