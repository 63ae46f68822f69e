"""Content from logs joined to spans, and calls with two spans counted once, at reading time."""

from __future__ import annotations

import json

import polars as pl
import pytest

from span_store.schema import CONTENTS, SPANS
from span_store.store import SpanStore

TRACE = "0" * 31 + "1"


def spans(*rows: dict) -> pl.DataFrame:
    base = {
        "project": "p",
        "trace_id": TRACE,
        "start_time": 0,
        "end_time": 10,
        "received_at": 1,
        "operation_name": "chat",
        "is_model_call": True,
    }
    return pl.DataFrame([base | row for row in rows], schema=SPANS.polars)


def pieces(*rows: dict) -> pl.DataFrame:
    base = {
        "project": "p",
        "trace_id": TRACE,
        "span_id": "a" * 16,
        "field": "input_messages",
        "position": 0,
        "time": 5,
        "received_at": 1,
        "is_fragment": True,
    }
    numbered = [base | {"content_id": str(number)} | row for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema=CONTENTS.polars)


@pytest.fixture
def store(tmp_path) -> SpanStore:
    return SpanStore(tmp_path)


def one(store: SpanStore) -> dict:
    return store.scan("spans", project="p").collect().row(0, named=True)


def counted(store: SpanStore) -> list[str]:
    frame = store.scan("spans", project="p", where="is_model_call").collect()
    return sorted(frame["span_id"].to_list())


def test_fragments_are_strung_together_in_time_whether_late_or_early(store):
    store.append("contents", pieces({"fragment": '{"n":2}', "time": 7}))
    store.append("spans", spans({"span_id": "a" * 16}))
    store.append("contents", pieces({"fragment": '{"n":1}', "time": 6, "content_id": "late"}))

    assert json.loads(one(store)["input_messages"]) == [{"n": 1}, {"n": 2}]


def test_choices_keep_their_order(store):
    store.append("spans", spans({"span_id": "a" * 16}))
    choice = {"field": "output_messages"}
    store.append(
        "contents",
        pieces(
            choice | {"fragment": '"second"', "position": 1_000_000, "time": 1},
            choice | {"fragment": '"first"', "position": 1, "time": 2},
        ),
    )

    assert json.loads(one(store)["output_messages"]) == ["first", "second"]


def test_the_last_whole_value_stands(store):
    store.append("spans", spans({"span_id": "a" * 16}))
    store.append(
        "contents",
        pieces(
            {"fragment": '["new"]', "time": 9, "is_fragment": False},
            {"fragment": '["old"]', "time": 3, "is_fragment": False},
            {"fragment": '"piece"', "time": 10},
        ),
    )

    assert json.loads(one(store)["input_messages"]) == ["new"]


def test_content_on_the_span_is_never_replaced(store):
    store.append("spans", spans({"span_id": "a" * 16, "input_messages": '["own"]'}))
    store.append("contents", pieces({"fragment": '"other"'}))

    assert one(store)["input_messages"] == '["own"]'


def test_finish_reasons_come_with_the_choices(store):
    store.append("spans", spans({"span_id": "a" * 16}))
    message = '{"role":"assistant","parts":[],"finish_reason":"length"}'
    store.append("contents", pieces({"field": "output_messages", "fragment": message}))

    assert one(store)["finish_reasons"] == ["length"]


def test_of_two_nested_spans_of_one_call_the_outer_counts(store):
    store.append("spans", spans({"span_id": "b" * 16, "parent_span_id": "a" * 16}))
    store.append("spans", spans({"span_id": "a" * 16}))

    assert counted(store) == ["a" * 16]


def test_a_wrapper_of_several_calls_does_not_count(store):
    store.append(
        "spans",
        spans(
            {"span_id": "a" * 16},
            {"span_id": "b" * 16, "parent_span_id": "a" * 16, "response_id": "r-1"},
            {"span_id": "c" * 16, "parent_span_id": "a" * 16, "response_id": "r-2"},
        ),
    )

    assert counted(store) == ["b" * 16, "c" * 16]


def test_an_embedding_below_a_chat_is_a_call_of_its_own(store):
    store.append(
        "spans",
        spans(
            {"span_id": "a" * 16},
            {"span_id": "b" * 16, "parent_span_id": "a" * 16, "operation_name": "embeddings"},
        ),
    )

    assert counted(store) == ["a" * 16, "b" * 16]


def test_one_response_id_in_two_traces_at_one_time_counts_once(store):
    client = {"scope_name": "com.anthropic.sdk.python", "trace_id": "f" * 32, "start_time": 0}
    store.append(
        "spans",
        spans(
            {"span_id": "a" * 16, "response_id": "r", "start_time": 1},
            {"span_id": "b" * 16, "response_id": "r", "end_time": 9} | client,
            {"span_id": "c" * 16, "response_id": "r", "start_time": 50, "end_time": 60},
        ),
    )

    assert counted(store) == ["a" * 16, "c" * 16]


def test_columns_that_need_no_join_are_read_without_one(store):
    store.append("spans", spans({"span_id": "a" * 16}))
    store.append("contents", pieces({"fragment": '"x"'}))

    plan = store.scan("spans", project="p", columns=["span_id", "duration_ms"]).explain()

    assert "JOIN" not in plan


@pytest.mark.parametrize("fragment", ["{", '"', "5", "null", '"\\ud800"', '{"a":1}', '["x"]', "["])
def test_a_damaged_piece_never_keeps_spans_from_being_read(store, fragment):
    store.append("spans", spans({"span_id": "a" * 16}))
    names = ("error_type", "output_type", "cache_read_tokens", "finish_reasons", "response_id")
    rows = [{"field": name, "fragment": fragment, "is_fragment": False} for name in names]
    above = [row | {"field": f"below.{row['field']}"} for row in rows]
    answer = {"field": "below.answer", "fragment": fragment, "is_fragment": False}
    store.append("contents", pieces(*rows, *above, answer))

    assert one(store)["span_id"] == "a" * 16
