"""Numbers choose the traces in which one call may count another: they must leave out none."""

from __future__ import annotations

import random

import polars as pl

from span_store import model_calls
from span_store.model_calls import uncounted
from tests.span_store.rows import span, spans


def tangle(seed, traces=150):
    """Traces of calls that lie in one another, overlap, touch, or follow one another."""
    chance = random.Random(seed)
    rows = []
    for trace in range(1, traces + 1):
        at = 0
        for number in range(1, chance.randint(1, 6) + 1):
            start = at + chance.choice([0, 0, 5, -3])
            at = start + chance.choice([10, 10, 0, -2])
            is_tool = chance.random() < 0.3
            parent = chance.choice([None, None, chance.randint(1, 6)])
            rows.append(
                span(
                    trace,
                    number,
                    start_time=start,
                    end_time=chance.choice([at, at, at, None]),
                    parent_span_id=parent and f"{parent:016x}",
                    operation_name="execute_tool" if is_tool else "chat",
                    is_model_call=chance.choice([not is_tool, not is_tool, None]),
                    is_tool_call=is_tool,
                    tool_name="search" if is_tool else None,
                    input_tokens=chance.choice([None, 5]),
                    response_id=chance.choice([None, None, "r1", "r2"]),
                )
            )
    return spans(*rows)


def test_screening_by_numbers_loses_no_twin(monkeypatch):
    for seed in range(5):
        rows = tangle(seed).lazy()
        screened = uncounted(rows)

        with monkeypatch.context() as all_traces:
            all_traces.setattr(model_calls, "_entangled", lambda calls: calls["trace"].unique())
            everything = uncounted(rows)

        key = ["trace_id", "span_id"]
        assert screened.height > 10
        assert screened.sort(key).equals(everything.sort(key))


def test_calls_one_after_another_need_no_second_look():
    rows = [
        span(trace, n, start_time=10 * n, end_time=10 * n + 5, is_model_call=True)
        for trace in range(1, 5)
        for n in range(1, 4)
    ]

    assert uncounted(spans(*rows).lazy()).is_empty()
    assert uncounted(spans(*rows).lazy()).columns == ["project", "trace_id", "span_id"]


def test_no_calls_at_all_are_no_error():
    assert uncounted(pl.LazyFrame(schema=spans().schema)).is_empty()
