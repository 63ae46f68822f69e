"""What messages tell of tools is counted a span, whatever stands before and after it."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest

from analytics.detectors.catalog import load
from analytics.detectors.evaluation import evaluate
from tests.analytics.contexts import context_of
from tests.analytics.spans import chat, tool

CALL = {"type": "tool_call", "id": "1", "name": "search", "arguments": {"q": "a"}}
SERVER_CALL = {"type": "server_tool_call", "id": "2", "name": "search"}
FUNCTION = {"type": "function", "id": "3", "function": {"name": "search"}}
RESPONSE = {"type": "tool_call_response", "id": "1", "response": "found"}
WORDS = {"type": "text", "content": 'He wrote {"type": "tool_call"} and tool_call_response"'}


def messages(*parts, separators=(",", ":")):
    listed = [{"role": "assistant", "parts": list(parts)}]
    return json.dumps(listed, separators=separators)


@pytest.mark.parametrize(
    ("inputs", "output", "numbers"),
    [
        (messages(CALL, RESPONSE), messages(CALL), (1, 1, 1, 2)),
        (messages(CALL, SERVER_CALL, RESPONSE), None, (2, 1, 0, 2)),
        (messages(CALL, CALL, RESPONSE, separators=(", ", " : ")), None, (2, 1, 0, 2)),
        (json.dumps(json.loads(messages(CALL, RESPONSE)), indent=1), None, (1, 1, 0, 1)),
        (messages(RESPONSE), messages(WORDS), (0, 1, 0, 0)),
        (messages(WORDS), messages(CALL, SERVER_CALL, FUNCTION), (0, 0, 3, 3)),
        (None, messages(CALL), (0, 0, 1, 0)),
        ("", messages(CALL, CALL), (0, 0, 2, 2)),
        (messages(WORDS), messages(WORDS), None),
        (None, None, None),
    ],
)
def test_calls_and_responses_are_counted(inputs, output, numbers):
    context = context_of(
        [
            chat("a", at=1, input_messages=messages(WORDS, CALL), output_messages=messages(WORDS)),
            chat("b", at=2, input_messages=inputs, output_messages=output),
            chat("c", at=3, input_messages=None, output_messages=messages(CALL)),
        ]
    )
    moments = context.span_frame["start_time"].rank("ordinal")

    counted = {moments[row]: tuple(rest) for row, *rest in context.tool_mentions.iter_rows()}

    of_b = {} if numbers is None else {2: numbers}
    assert counted == {1: (1, 0, 0, 1), **of_b, 3: (0, 0, 1, 0)}


def some_traces():
    """What tool spans and messages tell, in traces of which most deserve a finding."""
    loop = [tool("loop", "open", at=at, arguments={"q": 1}, result="same") for at in range(4)]
    asking = [
        chat("told", at=at, input_messages=None, output_messages=messages(CALL, RESPONSE))
        for at in range(4)
    ]
    failed = [tool("failed", "open", result={"error": "not found"}, at=2), chat("failed", at=3)]
    blank = [chat("blank", at=1, answer="Looking"), chat("blank", at=2, answer="")]
    later = [chat("later", at=1, answer=""), tool("later", "open", at=3, result="x")]
    unpaired = [chat("unpaired", input_messages=messages(CALL, CALL), answer="Done.")]
    return [*loop, *asking, *failed, *blank, *later, *unpaired, chat("fine")]


def decided(context):
    return evaluate(context, load(context.config)).to_dicts()


@pytest.mark.parametrize("seed", range(3))
def test_in_what_order_spans_come_does_not_matter(seed):
    context = context_of(some_traces())
    shuffled = context.span_frame.sample(fraction=1.0, shuffle=True, seed=seed)
    found = decided(context)

    assert {"trashing", "tool_call_errors", "empty_response"} <= {one["detector"] for one in found}
    assert decided(replace(context, span_frame=shuffled)) == found


def test_spans_of_other_traces_change_nothing_for_these():
    context = context_of(some_traces())
    strange = context_of([chat("strange", answer=""), *[tool("odd", "open", is_error=True)] * 20])
    spans = pl.concat([strange.span_frame, context.span_frame])
    own = pl.col("trace_id").is_in(context.trace_ids.implode())

    found = evaluate(replace(context, span_frame=spans), load(context.config)).filter(own)

    assert found.to_dicts() == decided(context)
