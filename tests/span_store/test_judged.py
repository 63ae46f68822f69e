"""Scores that know only the response id of the answer that they judge."""

from __future__ import annotations

import polars as pl
import pytest

from span_store.schema import EVALUATIONS, SPANS
from span_store.store import SpanStore

A, B = "a" * 16, "b" * 16
TRACE, OTHER = "0" * 31 + "1", "f" * 32


def spans(*rows: dict) -> pl.DataFrame:
    base = {
        "project": "p",
        "trace_id": TRACE,
        "span_id": A,
        "operation_name": "chat",
        "is_model_call": True,
        "response_id": "r-1",
        "start_time": 0,
        "end_time": 10,
        "received_at": 1,
    }
    return pl.DataFrame([base | row for row in rows], schema=SPANS.polars)


def scores(*rows: dict) -> pl.DataFrame:
    base = {"project": "p", "response_id": "r-1", "evaluator": "judge", "time": 1, "received_at": 1}
    numbered = [base | {"evaluation_id": str(number)} | row for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema=EVALUATIONS.polars)


@pytest.fixture
def store(tmp_path) -> SpanStore:
    return SpanStore(tmp_path)


def judged(store: SpanStore, **selection) -> list[tuple]:
    frame = store.scan("evaluations", **selection).sort("evaluation_id").collect()
    return frame.select("object_type", "object_id", "trace_id", "span_id").rows()


def test_a_score_is_given_the_span_of_its_answer_whichever_came_first(store):
    store.append("evaluations", scores({}))
    assert judged(store) == [(None, None, None, None)]

    store.append("spans", spans({}))

    assert judged(store) == [("span", f"{TRACE}:{A}", TRACE, A)]
    assert judged(store, project="p", trace_ids=[TRACE]) == judged(store)
    assert judged(store, trace_ids=[OTHER]) == []
    assert judged(store, where=f"trace_id = '{TRACE}'") == judged(store)


def test_of_two_spans_of_one_answer_the_call_that_counts_is_judged(store):
    client = {"span_id": B, "trace_id": OTHER, "scope_name": "com.anthropic.sdk.python"}
    wrapper = {"span_id": "c" * 16, "is_model_call": False, "start_time": -5}
    store.append("spans", spans({"start_time": 1}, client, wrapper))
    store.append("evaluations", scores({}))

    assert judged(store) == [("span", f"{TRACE}:{A}", TRACE, A)]


def test_what_a_score_names_itself_stands(store):
    named = {"object_type": "trace", "object_id": OTHER, "trace_id": OTHER}
    store.append("spans", spans({}))
    store.append("evaluations", scores(named, {"response_id": "unknown"}, {"response_id": None}))

    assert judged(store) == [("trace", OTHER, OTHER, None), (None,) * 4, (None,) * 4]


def test_another_projects_answer_is_not_judged(store):
    store.append("spans", spans({"project": "q"}))
    store.append("evaluations", scores({}))

    assert judged(store) == [(None, None, None, None)]
