"""Forms of libraries and versions that the shared captures do not hold, seen in real exports.

Does not prove that other versions write the same.
"""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.otlp_requests import span_of

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}


def messages(span: dict, name: str) -> list:
    return json.loads(span[name])


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


def inference(attributes: dict) -> dict:
    kind = {"openinference.span.kind": "LLM"}
    return span_of(kind | attributes, scope="openinference.instrumentation.openai_agents")


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
