"""Forms of Langfuse and LangChain that the shared captures do not hold, seen in real exports.

Does not prove that other versions write the same.
"""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.library_forms import SCHEMA, messages
from tests.otlp_receiver.otlp_requests import span_of


def langfuse(**attributes) -> dict:
    keys = {f"langfuse.observation.{key}": value for key, value in attributes.items()}
    return span_of({"langfuse.observation.type": "generation"} | keys, scope="langfuse-sdk")


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {"input": 176, "output": 94, "total": 1550}
            | {"input_cache_read": 1024, "output_reasoning": 256, "input_audio": 0},
            (1200, 350, 1024, 256, 1550),
        ),
        ({"input": 19, "output": 8, "total": 32, "input_cache_read": 5}, (24, 8, 5, None, 32)),
        ({"input": 24, "output": 8, "total": 32, "input_cache_read": 5}, (24, 8, 5, None, 32)),
        (
            {"prompt_tokens": 24, "completion_tokens": 8, "total_tokens": 32}
            | {"prompt_tokens_details": {"cached_tokens": 5}},
            (24, 8, 5, None, 32),
        ),
        ({"input": "many", "output": None}, (None, None, None, None, None)),
    ],
)
def test_langfuses_kinds_of_tokens_exclude_each_other_unless_the_total_says_otherwise(
    usage, tokens
):
    span = langfuse(usage_details=json.dumps(usage))
    names = ("input", "output", "cache_read", "reasoning", "total")

    assert tuple(span[f"{name}_tokens"] for name in names) == tokens


def test_langfuse_puts_langchains_offered_tools_among_the_messages():
    tool = {"type": "function", "function": {"name": "lookup", "parameters": SCHEMA}}
    span = langfuse(
        input=json.dumps([{"role": "user", "content": "hi"}, {"role": "tool", "content": tool}]),
        output='{"role":"assistant","content":"","additional_kwargs":{"refusal":"No."}}',
    )

    assert [message["role"] for message in messages(span, "input_messages")] == ["user"]
    assert json.loads(span["tool_definitions"]) == [
        {"type": "function", "name": "lookup", "parameters": SCHEMA}
    ]
    assert messages(span, "output_messages")[0]["parts"] == [{"type": "refusal", "content": "No."}]


def test_prose_in_brackets_is_no_json_that_was_cut():
    span = langfuse(input="[Note] where is my order?")

    assert messages(span, "input_messages")[0]["parts"][0]["content"].startswith("[Note]")
    assert span["content_truncated"] is False


def test_langchains_dumped_messages_and_pairs_keep_their_roles():
    dumped = {
        "messages": [
            ["user", "hi"],
            {"type": "ai", "content": "", "tool_calls": [{"name": "f", "args": {}, "id": "1"}]},
            {"type": "tool", "content": "18", "tool_call_id": "1", "status": "error"},
            {"type": "system", "content": "be brief"},
        ]
    }
    span = langfuse(input=json.dumps(dumped))

    found = messages(span, "input_messages")
    assert [message["role"] for message in found] == ["user", "assistant", "tool", "system"]
    assert found[2]["parts"][0] == {
        "type": "tool_call_response",
        "id": "1",
        "response": "18",
        "status": "error",
    }


def test_langgraphs_command_holds_what_a_node_said():
    output = [{"graph": None, "update": {"messages": [{"type": "ai", "content": "hello"}]}}]
    span = span_of(
        {"langfuse.observation.type": "chain", "langfuse.observation.output": json.dumps(output)}
    )

    assert messages(span, "output_messages") == [
        {"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}
    ]
