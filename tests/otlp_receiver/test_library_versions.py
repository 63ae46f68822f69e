"""Forms of libraries and versions that the shared captures do not hold, seen in real exports.

Does not prove that other versions write the same.
"""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.library_forms import SCHEMA, messages
from tests.otlp_receiver.otlp_requests import span_of


def test_openllmetrys_responses_are_model_calls():
    span = span_of(
        {
            "gen_ai.system": "openai",
            "gen_ai.prompt.0.content": "hi",
            "gen_ai.prompt.0.role": "user",
        },
        scope="opentelemetry.instrumentation.openai.v1",
        name="openai.response",
    )

    assert (span["operation_name"], span["is_model_call"]) == ("chat", True)


def test_litellms_second_form_has_openais_messages_and_numbered_tools():
    span = span_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.input.messages": '[{"role":"user","content":"hi"}]',
            "gen_ai.output.messages": json.dumps(
                [
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": None,
                        "provider_specific_fields": {"refusal": "No."},
                    }
                ]
            ),
            "gen_ai.tool.0.name": "lookup",
            "gen_ai.tool.0.parameters": json.dumps(SCHEMA),
        },
        scope="litellm",
    )

    assert messages(span, "input_messages")[0]["parts"] == [{"type": "text", "content": "hi"}]
    assert messages(span, "output_messages")[0]["parts"] == [{"type": "refusal", "content": "No."}]
    assert json.loads(span["tool_definitions"])[0]["parameters"] == SCHEMA


def test_mlflows_convention_mode_keeps_the_model_asked_for_in_an_argument():
    span = span_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "model": '"gpt-4o-mini"',
            "text": json.dumps({"format": {"type": "json_schema", "schema": SCHEMA}}),
        },
        scope="mlflow.tracing.provider",
    )

    assert (span["dialect"], span["request_model"]) == ("H", "gpt-4o-mini")
    assert span["response_model"] == "gpt-4o-mini-2024-07-18"
    assert json.loads(span["output_schema"]) == SCHEMA
    assert span["is_streaming"] is False


@pytest.mark.parametrize(
    ("model", "provider", "output"),
    [
        ("openai/gpt-4o-mini", "openai", 350),
        ("gemini-2.5-flash", "gcp.gemini", 606),
        ("openai/gpt-4o-mini", "gcp.gemini", 606),
    ],
)
def test_adk_counts_litellms_reasoning_twice(model, provider, output):
    span = span_of(
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.output_tokens": 606,
            "gen_ai.usage.reasoning.output_tokens": 256,
        },
        scope="gcp.vertex.agent",
    )

    assert (span["output_tokens"], span["reasoning_tokens"]) == (output, 256)
    assert span["total_tokens"] == 1200 + output


def test_adks_span_for_merged_answers_is_no_call_of_a_tool():
    span = span_of(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "(merged tools)"},
        scope="gcp.vertex.agent",
        name="execute_tool (merged tools)",
    )

    assert span["is_tool_call"] is False


def test_a_call_whose_tokens_are_all_zero_has_no_known_cost():
    span = span_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 0,
            "gen_ai.usage.output_tokens": 0,
            "gen_ai.usage.cost": 0.0,
        }
    )

    assert (span["cost_usd"], span["cost_source"]) == (None, None)


def test_pydantics_instructions_are_read_from_the_request_of_a_failed_call():
    parts = [{"content": "be brief", "dynamic": False, "part_kind": "instruction"}]
    span = span_of(
        {
            "gen_ai.operation.name": "chat",
            "model_request_parameters": json.dumps({"instruction_parts": parts}),
        },
        scope="pydantic-ai",
    )

    assert json.loads(span["system_instructions"]) == [{"type": "text", "content": "be brief"}]


def test_a_part_without_a_type_says_that_it_has_none():
    message = {"role": "user", "parts": [{"depth": 3}]}
    span = span_of({"gen_ai.input.messages": json.dumps([message])})

    assert messages(span, "input_messages")[0]["parts"] == [{"type": "unknown", "depth": 3}]


def test_an_object_that_was_answered_is_a_text_whatever_its_form():
    keys = {"ai.operationId": "ai.generateObject.doGenerate"}
    texts = [
        messages(span_of(keys | {"ai.response.object": value}, scope="ai"), "output_messages")
        for value in ('{"total":1}', {"total": 1})
    ]

    assert texts[0] == texts[1]
    assert texts[0][0]["parts"] == [{"type": "text", "content": '{"total":1}'}]


def test_the_vercel_sdk_names_the_forced_tool_in_its_own_key():
    tool = {"type": "function", "name": "Invoice", "inputSchema": SCHEMA}
    span = span_of(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.prompt.tools": [json.dumps(tool)],
            "ai.prompt.toolChoice": '{"type":"tool","toolName":"Invoice"}',
        },
        scope="ai",
    )

    assert json.loads(span["output_schema"]) == SCHEMA


@pytest.mark.parametrize(
    ("scope", "operation", "is_tool"),
    [("strands.telemetry.tracer", "validate_output", False), ("other", "execute_tool", True)],
)
def test_strands_check_of_a_structured_answer_is_no_call_of_a_tool(scope, operation, is_tool):
    span = span_of(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "Invoice",
            "gen_ai.tool.description": "IMPORTANT: This StructuredOutputTool should only be",
        },
        scope=scope,
    )

    assert (span["operation_name"], span["is_tool_call"]) == (operation, is_tool)


@pytest.mark.parametrize(
    ("picture", "part"),
    [
        (
            {
                "type": "uri",
                "modality": "image",
                "mime_type": "image/png",
                "uri": "https://e.test/a",
            },
            {
                "type": "uri",
                "modality": "image",
                "mime_type": "image/png",
                "uri": "https://e.test/a",
            },
        ),
        (
            {"type": "image-url", "url": "https://e.test/a.png"},
            {"type": "uri", "modality": "image", "uri": "https://e.test/a.png"},
        ),
        (
            {"type": "binary", "media_type": "image/png", "content": "YWJj"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "YWJj"},
        ),
    ],
)
def test_pydantics_pictures_are_parts_of_the_convention_in_every_data_format(picture, part):
    said = [{"role": "user", "parts": [{"type": "text", "content": "what is this"}, picture]}]
    thought = [{"role": "assistant", "parts": [{"type": "thinking", "content": "hm"}]}]
    span = span_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(said),
            "gen_ai.output.messages": json.dumps(thought),
        },
        scope="pydantic-ai",
    )

    assert span["dialect"] == "F3+"
    assert messages(span, "input_messages")[0]["parts"][1] == part
    assert messages(span, "output_messages")[0]["parts"] == [{"type": "reasoning", "content": "hm"}]


@pytest.mark.parametrize(
    ("call", "operation", "counts"),
    [
        ("completion", "chat", True),
        ("acompletion", "chat", True),
        ("aresponses", "chat", True),
        ("anthropic_messages", "chat", True),
        ("atext_completion", "text_completion", True),
        ("aembedding", "embeddings", True),
        ("agenerate_content_stream", "generate_content", True),
        ("arerank", "rerank", True),
        ("aimage_generation", "aimage_generation", False),
    ],
)
@pytest.mark.parametrize("key", ["gen_ai.operation.name", "llm.request.type"])
def test_litellms_awaited_calls_are_calls(key, call, operation, counts):
    span = span_of({key: call}, scope="litellm", name="litellm_request")

    assert (span["operation_name"], span["is_model_call"]) == (operation, counts)


@pytest.mark.parametrize(
    "answer",
    [
        {
            "candidates": [
                {
                    "content": {"role": "model", "parts": [{"text": "Paris"}]},
                    "finishReason": "STOP",
                }
            ]
        },
        {
            "candidates": [
                {
                    "content": {"role": "model", "parts": [{"text": "Paris"}]},
                    "finish_reason": "STOP",
                }
            ]
        },
        {"message": {"role": "assistant", "content": "Paris"}, "done_reason": "stop"},
        {"text": "Paris", "finish_reason": "COMPLETE"},
        {"output": {"message": {"content": [{"text": "Paris"}]}}, "stopReason": "end_turn"},
    ],
)
def test_an_answer_in_its_providers_own_form_is_a_message(answer):
    said = {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanOutputs": json.dumps(answer)}

    assert json.loads(span_of(said)["output_messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Paris"}],
            "finish_reason": "stop",
        }
    ]
