"""Calls of models and tools of which several libraries made spans count once."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from span_store.model_calls import counted_once, uncounted
from span_store.schema import SPANS

TRACE = "0" * 31 + "1"
IDS = {letter: letter * 16 for letter in "abcdef"}


def span(letter: str, above: str | None = None, **values) -> dict:
    place = "abcdef".index(letter)
    base = {
        "project": "p",
        "trace_id": TRACE,
        "span_id": IDS[letter],
        "parent_span_id": None if above is None else IDS[above],
        "name": letter,
        # Inner spans begin later and end earlier.
        "start_time": place,
        "end_time": 100 - place,
    }
    return base | values


def chat(letter: str, above: str | None = None, **values) -> dict:
    return span(letter, above, operation_name="chat", is_model_call=True, **values)


def tool(letter: str, above: str | None = None, **values) -> dict:
    named = {"operation_name": "execute_tool", "is_tool_call": True, "tool_name": "search"}
    return span(letter, above, **(named | values))


def counted(*rows: dict) -> str:
    """The letters of the spans that count, whatever the order of their arrival."""
    answers = set()
    for order in itertools.islice(itertools.permutations(rows), 24):
        frame = pl.DataFrame(list(order), schema=SPANS.polars).lazy()
        seen = counted_once(frame, uncounted(frame)).filter(
            "is_model_call" if _asks(rows) else "is_tool_call"
        )
        answers.add("".join(sorted(seen.collect()["name"])))
    assert len(answers) == 1
    return answers.pop()


def _asks(rows) -> bool:
    return any(row.get("is_model_call") for row in rows)


def test_a_span_between_two_of_one_call_changes_nothing():
    assert counted(chat("a"), span("b", "a"), chat("c", "b")) == "a"


def test_many_spans_between_change_nothing():
    rows = [chat("a"), *(span(inner, outer) for outer, inner in itertools.pairwise("abcde"))]

    assert counted(*rows, chat("f", "e")) == "a"


def test_three_libraries_around_one_call_count_once():
    assert counted(chat("a"), span("b", "a"), chat("c", "b"), chat("d", "c")) == "a"


def test_a_wrapper_of_several_calls_with_spans_between_does_not_count():
    rows = [
        chat("a"),
        span("b", "a"),
        chat("c", "b", response_id="1"),
        chat("d", "b", response_id="2"),
    ]

    assert counted(*rows) == "cd"


def test_the_inner_one_counts_when_it_alone_knows_the_usage():
    assert counted(chat("a"), span("b", "a"), chat("c", "b", input_tokens=5)) == "c"


@pytest.mark.parametrize("operation", ["execute_tool", "invoke_agent"])
def test_a_call_inside_a_tool_or_an_agent_is_another_call(operation):
    between = span("b", "a", operation_name=operation)

    assert counted(chat("a"), between, chat("c", "b")) == "ac"


def test_contradicting_response_ids_are_two_calls():
    rows = [chat("a", response_id="1"), span("b", "a"), chat("c", "b", response_id="2")]

    assert counted(*rows) == "ac"


def test_calls_one_after_the_other_below_an_agent_are_several():
    rows = [
        span("a", operation_name="invoke_agent"),
        chat("b", "a", start_time=1, end_time=10),
        chat("c", "a", start_time=11, end_time=20),
    ]

    assert counted(*rows) == "bc"


def test_an_embedding_with_a_span_between_is_a_call_of_its_own():
    inner = chat("c", "b") | {"operation_name": "embeddings"}

    assert counted(chat("a"), span("b", "a"), inner) == "ac"


@pytest.mark.parametrize("client_first", [True, False])
def test_one_response_in_two_traces_counts_for_the_instrumentation(client_first):
    client = chat(
        "b",
        response_id="r",
        trace_id="f" * 32,
        scope_name="com.anthropic.sdk.python",
        start_time=0 if client_first else 5,
    )

    assert counted(chat("a", response_id="r", start_time=3), client) == "a"


def test_of_one_response_in_two_traces_the_span_that_knows_the_usage_counts():
    client = chat(
        "b",
        trace_id="f" * 32,
        response_id="r-1",
        scope_name="com.anthropic.sdk.python",
        input_tokens=24,
    )

    assert counted(chat("a", response_id="r-1"), client) == "b"
    assert counted(chat("a", response_id="r-1", input_tokens=24), client) == "a"


def test_a_client_and_a_server_of_one_tool_call_count_once():
    sent = tool("b", "a")
    server = tool("c", "b")

    assert counted(tool("a"), sent, server) == "a"
    assert counted(tool("a"), span("b", "a"), server) == "a"


@pytest.mark.parametrize("name", ["mcp__shop__search", "shop.search", "Shop-search", "shop/search"])
def test_a_framework_may_write_the_server_before_the_tools_name(name):
    assert counted(tool("a", tool_name=name), tool("b", "a")) == "a"


@pytest.mark.parametrize(
    "inner",
    [
        {"tool_name": "lookup"},
        {"tool_call_id": "2"},
    ],
)
def test_a_tool_that_calls_another_is_two_calls(inner):
    assert counted(tool("a", tool_call_id="1"), tool("b", "a", **inner)) == "ab"


def test_a_tool_behind_a_model_is_another_call():
    rows = [tool("a"), span("b", "a", operation_name="chat"), tool("c", "b")]

    assert counted(*rows) == "ac"


def test_spans_that_claim_to_lie_inside_of_each_other_both_count():
    assert counted(chat("a", "b"), chat("b", "a")) == "ab"
    assert counted(chat("a", "a")) == "a"


def test_a_circle_of_spans_above_a_call_ends_the_search():
    rows = [chat("a"), span("b", "c"), span("c", "b"), chat("d", "b")]

    assert counted(*rows) == "ad"
