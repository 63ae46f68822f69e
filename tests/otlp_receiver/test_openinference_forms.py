"""Forms of OpenInference that the shared captures do not hold, seen in real exports.

Does not prove that other versions write the same.
"""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.library_forms import SCHEMA, inference, messages
from tests.otlp_receiver.otlp_requests import span_of


@pytest.mark.parametrize(
    "answer",
    [
        {
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "refusal", "refusal": "No."}],
                }
            ]
        },
        {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "No."}}]},
        {
            "generations": [
                [
                    {
                        "message": {
                            "lc": 1,
                            "id": ["langchain", "AIMessage"],
                            "kwargs": {"content": "", "additional_kwargs": {"refusal": "No."}},
                        }
                    }
                ]
            ]
        },
    ],
)
def test_a_refusal_that_openinference_flattens_away_is_read_from_its_answer(answer):
    span = inference(
        {
            "output.value": json.dumps(answer),
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "No.",
        }
    )

    assert messages(span, "output_messages")[0]["parts"] == [{"type": "refusal", "content": "No."}]
    assert json.loads(span["field_sources"])["output_messages"] == "output.value"


def generation(**message):
    return {"generations": [[{"text": "Yes", "message": {"kwargs": message}}]]}


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        (
            {"choices": [{"finish_reason": "length", "message": {}}, {"finish_reason": "stop"}]},
            ["length", "stop"],
        ),
        ({"type": "message", "content": [], "stop_reason": "max_tokens"}, ["length"]),
        ({"output": {"message": {}}, "stopReason": "guardrail_intervened"}, ["content_filter"]),
        ({"candidates": [{"content": {}, "finishReason": "SAFETY"}]}, ["content_filter"]),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ["length"],
        ),
        ({"generations": [[{"generation_info": {"finish_reason": "tool_calls"}}]]}, ["tool_call"]),
        (generation(response_metadata={"stop_reason": "end_turn"}), ["stop"]),
        (generation(response_metadata=None), None),
        ({"choices": "odd", "stop_reason": 5}, None),
    ],
)
def test_a_reason_that_older_versions_do_not_flatten_is_read_from_the_answer(answer, reasons):
    flattened = {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Yes",
    }
    span = inference(flattened | {"output.value": json.dumps(answer)})
    newer = inference(
        flattened | {"output.value": json.dumps(answer), "llm.finish_reason": "tool_calls"}
    )

    assert span["finish_reasons"] == reasons
    assert newer["finish_reasons"] == ["tool_call"]


def test_an_answer_without_a_refusal_stays_as_flattened():
    span = inference(
        {
            "output.value": '{"choices":[{"message":{"content":"other","refusal":null}}]}',
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "mine",
        }
    )

    assert messages(span, "output_messages")[0]["parts"][0]["content"] == "mine"


def test_a_tools_own_schema_is_not_its_arguments():
    span = span_of(
        {
            "openinference.span.kind": "TOOL",
            "tool.name": "lookup",
            "tool.parameters": json.dumps(SCHEMA),
            "input.value": '{"order_id":"A-1"}',
        }
    )

    assert json.loads(span["tool_arguments"]) == {"order_id": "A-1"}


def test_openinference_writes_a_call_into_the_contents_and_beside_them():
    call = {"id": "1", "function.name": "lookup", "function.arguments": "{}"}
    place = "llm.output_messages.0.message."
    span = inference(
        {f"{place}role": "assistant", f"{place}contents.0.message_content.type": "tool_use"}
        | {f"{place}contents.0.tool_call.{key}": value for key, value in call.items()}
        | {f"{place}tool_calls.0.tool_call.{key}": value for key, value in call.items()}
    )

    assert messages(span, "output_messages")[0]["parts"] == [
        {"type": "tool_call", "id": "1", "name": "lookup", "arguments": {}}
    ]


def test_a_schema_in_openai_agents_parameters_is_read():
    text = {"text": {"format": {"type": "json_schema", "schema_": SCHEMA}}}
    span = inference({"llm.invocation_parameters": json.dumps(text)})

    assert (json.loads(span["output_schema"]), span["output_type"]) == (SCHEMA, "json")


@pytest.mark.parametrize("cut", range(20, 160, 7))
def test_an_answer_with_a_refusal_may_be_cut_anywhere(cut):
    answer = json.dumps(
        {
            "choices": [
                {"message": {"role": "assistant", "content": None, "refusal": "No, I can't."}}
            ]
        }
    )

    span = inference({"output.value": answer[:cut]})

    assert span["operation_name"] == "chat"


TOOL = {"type": "function", "function": {"name": "Invoice", "parameters": SCHEMA}}


@pytest.mark.parametrize(
    ("choice", "is_forced"),
    [
        ({"type": "function", "function": {"name": "Invoice"}}, True),
        ({"type": "function", "name": "Invoice"}, True),
        ({"type": "tool", "name": "Invoice"}, True),
        ({"type": "function", "function": {"name": "other"}}, False),
        ("required", False),
        ("auto", False),
        (None, False),
    ],
)
def test_one_forced_tool_is_a_schema_that_was_asked_for(choice, is_forced):
    parameters = {"tools": [TOOL], "tool_choice": choice}
    span = inference({"llm.invocation_parameters": json.dumps(parameters)})

    assert (span["output_schema"] is not None) is is_forced
    if is_forced:
        assert json.loads(span["output_schema"]) == SCHEMA
        assert span["output_type"] == "json"
        sources = json.loads(span["field_sources"])
        assert sources["output_schema"] == "llm.invocation_parameters"


def test_a_forced_tool_among_others_is_a_tool():
    other = {"type": "function", "function": {"name": "lookup"}}
    choice = {"type": "function", "function": {"name": "Invoice"}}
    span = inference(
        {"llm.invocation_parameters": json.dumps({"tools": [TOOL, other], "tool_choice": choice})}
    )

    assert span["output_schema"] is None
