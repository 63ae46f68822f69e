"""Reading all spans in one pass: the same rows as scanning them."""

from __future__ import annotations

import random

import polars as pl
import pytest

from span_store import store as stores
from span_store import whole_spans
from span_store.schema import CONTENTS
from span_store.store import SpanStore
from tests.span_store.rows import frame_of, span, spans

COLUMNS = (
    *("trace_id", "span_id", "parent_span_id", "start_time", "end_time", "received_at"),
    *("finish_reasons", "is_error", "is_model_call", "is_tool_call"),
)


def calls(chance, trace):
    """Nested and repeated calls, some of them sent twice, in two projects."""
    for number in range(1, 7):
        kind = chance.choice(["chat", "execute_tool", "invoke_agent"])
        yield span(
            trace,
            chance.randint(1, 5),
            project=chance.choice(["default", "default", "other"]),
            parent_span_id=chance.choice([None, f"{number:016x}"]),
            start_time=chance.randint(0, 9),
            end_time=chance.randint(9, 30),
            received_at=trace + chance.randint(0, 40),
            operation_name=kind,
            is_model_call=kind == "chat",
            is_tool_call=kind == "execute_tool",
            tool_name="search",
            response_id=chance.choice([None, "r1", "r2"]),
        )


@pytest.fixture
def filled(store):
    chance = random.Random(7)
    for first in range(0, 90, 30):
        rows = [row for trace in range(first, first + 40) for row in calls(chance, trace)]
        store.append("spans", spans(*rows))
    told = '[{"role":"assistant","parts":[{"type":"text","content":"x"}],"finish_reason":"stop"}]'
    pieces = [
        {
            "project": "default",
            "trace_id": f"{trace:032x}",
            "span_id": f"{number:016x}",
            "field": "output_messages",
            "content_id": f"{trace}-{number}",
            "position": 0,
            "time": 5,
            "received_at": 1,
            "fragment": told,
            "is_fragment": False,
        }
        for trace in range(0, 100, 7)
        for number in range(1, 4)
    ]
    assert set(pieces[0]) <= set(CONTENTS.names)
    store.append("contents", frame_of("contents", pieces))
    return store


def scanned(store, **selected):
    frame = store.scan("spans", columns=COLUMNS, project="default", **selected)
    times = pl.col("start_time", "end_time", "received_at").dt.epoch("ns")
    return frame.with_columns(times).sort("trace_id", "span_id").collect()


@pytest.mark.parametrize("received_until", [None, 60, 20])
@pytest.mark.parametrize("beside", [0, 1_000])
@pytest.mark.parametrize(("at_once", "pieces"), [(100, 0), (100, 200), (500, 200), (10_000, 200)])
def test_parts_give_the_rows_of_a_scan(
    filled, received_until, beside, at_once, pieces, monkeypatch
):
    monkeypatch.setattr(whole_spans, "_PIECES_MAX", pieces)
    monkeypatch.setattr(stores, "_SCANNED_BESIDE_MAX", beside)
    for module in (stores, whole_spans):
        monkeypatch.setattr(module, "SPANS_AT_ONCE", at_once)
    expected = scanned(SpanStore(filled.place), received_until=received_until)

    parts = list(filled.span_parts(COLUMNS, project="default", received_until=received_until))

    found = pl.concat(parts)
    assert found.sort("trace_id", "span_id").equals(expected)
    assert sum(part["trace_id"].n_unique() for part in parts) == found["trace_id"].n_unique()
    is_cut = beside > 0 and at_once < 1_000
    assert (len(parts) > 2) is is_cut
    assert expected["finish_reasons"].null_count() < expected.height
    # What the pass found out serves the scans after it.
    again = scanned(filled, received_until=received_until)
    assert again.equals(expected)


def test_the_pass_tells_which_file_holds_which_trace(store, monkeypatch):
    for first in (1, 3, 2):
        store.append("spans", spans(*(span(trace, 1) for trace in range(first, first + 3))))
    traces = pl.DataFrame({"trace_id": [f"{5:032x}", f"{1:032x}"], "received_at": [3_000, 3_000]})
    expected = SpanStore(store.place).reading_order("spans", traces)

    list(store.span_parts(COLUMNS, project="default"))

    index = store._table_scan("spans").index
    monkeypatch.setattr(index, "_take_up", None)
    assert store.reading_order("spans", traces).equals(expected)


def test_a_store_without_spans_gives_none(store):
    (found,) = store.span_parts(COLUMNS, project="default")

    assert found.is_empty()
    assert found.columns == list(COLUMNS)
