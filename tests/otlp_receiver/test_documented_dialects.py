"""Dialects that no capture covers, made after their documents, and rules between columns.

Does not prove that the libraries write what their documents say.
"""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.otlp_requests import SPAN_ID, TRACE_ID, logs, request, rows_of, span_of


def test_claude_code_counts_its_cache_into_the_input():
    span = span_of(
        {
            "span.type": "llm_request",
            "model": "claude-sonnet-4-5",
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_read_tokens": 100,
            "cache_creation_tokens": 20,
            "stop_reason": "end_turn",
            "user_prompt": "<REDACTED>",
            "session.id": "s-1",
        },
        scope="com.anthropic.claude_code.tracing",
        name="claude_code.llm_request",
    )

    assert (span["dialect"], span["operation_name"], span["is_model_call"]) == ("O", "chat", True)
    assert (span["input_tokens"], span["cache_read_tokens"]) == (130, 100)
    assert span["finish_reasons"] == ["stop"]
    assert span["conversation_id"] == "s-1"
    assert span["input_messages"] is None
    assert span["cost_source"] == "priced"


CLAUDE = "com.anthropic.claude_code.tracing"


def test_claude_codes_own_names_stand_beside_those_of_the_convention():
    span = span_of(
        {
            "session.id": "s-1",
            "span.type": "llm_request",
            "model": "claude-opus-5",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-opus-5",
            "input_tokens": 2,
            "output_tokens": 1200,
            "cache_read_tokens": 84562,
            "cache_creation_tokens": 7096,
            "ttft_ms": 800,
            "success": True,
            "stop_reason": "tool_use",
            "response.model_output": "I shall look.",
        },
        scope=CLAUDE,
        name="claude_code.llm_request",
    )

    assert (span["operation_name"], span["provider_name"]) == ("chat", "anthropic")
    assert (span["input_tokens"], span["total_tokens"]) == (2 + 84562 + 7096, 92860)
    assert (span["finish_reasons"], span["time_to_first_chunk_ms"]) == (["tool_call"], 800.0)
    assert (span["is_error"], span["cost_source"]) == (False, "priced")
    assert json.loads(span["output_messages"])[0]["parts"][0]["content"] == "I shall look."


def test_claude_codes_tool_has_its_result_in_an_event():
    span = span_of(
        {
            "span.type": "tool",
            "tool_name": "Bash",
            "tool_use_id": "toolu_1",
            "tool_input": '{"command":"ls"}',
            "success": False,
            "error": "ShellError: exit code 1",
        },
        scope=CLAUDE,
        name="claude_code.tool",
        events=[{"name": "tool.output", "attributes": {"output": "a.txt"}}],
    )

    assert (span["is_tool_call"], span["tool_name"]) == (True, "Bash")
    assert span["tool_call_id"] == "toolu_1"
    assert json.loads(span["tool_arguments"]) == {"command": "ls"}
    assert json.loads(span["tool_result"]) == "a.txt"
    assert (span["is_error"], span["error_type"], span["error_source"]) == (
        True,
        "ShellError",
        "level",
    )


def test_claude_codes_inner_steps_of_a_tool_are_no_calls():
    for kind in ("tool.execution", "tool.blocked_on_user", "hook"):
        span = span_of({"span.type": kind}, scope=CLAUDE, name=f"claude_code.{kind}")

        assert (span["is_tool_call"], span["is_model_call"]) == (False, False)


SPRING = "org.springframework.boot"


@pytest.mark.parametrize(
    ("kind", "operation", "is_tool"),
    [
        ("chat_client", "chain", False),
        ("advisor", "chain", False),
        ("tool_call", "execute_tool", True),
    ],
)
def test_spring_ais_kinds_are_its_operations(kind, operation, is_tool):
    span = span_of(
        {"gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai", "spring.ai.kind": kind}
    )

    assert (span["dialect"], span["operation_name"]) == ("P", operation)
    assert (span["is_tool_call"], span["is_model_call"]) == (is_tool, False)
    assert span["provider_name"] is None


def test_spring_ais_tool_and_client_have_names_of_their_own():
    tool = span_of(
        {
            "spring.ai.kind": "tool_call",
            "spring.ai.tool.definition.name": "lookup",
            "spring.ai.tool.call.arguments": '{"id":1}',
            "spring.ai.tool.call.result": '"found"',
        },
        scope=SPRING,
    )
    client = span_of(
        {
            "spring.ai.kind": "chat_client",
            "spring.ai.chat.client.conversation.id": "conv-7",
            "spring.ai.chat.client.stream": "true",
            "spring.ai.chat.client.tool.names": '["lookup"]',
        },
        scope=SPRING,
    )

    assert (tool["tool_name"], json.loads(tool["tool_arguments"])) == ("lookup", {"id": 1})
    assert json.loads(tool["tool_result"]) == "found"
    assert (client["conversation_id"], client["is_streaming"]) == ("conv-7", True)
    assert json.loads(client["tool_definitions"])[0]["name"] == "lookup"


@pytest.mark.parametrize("prompt", ['["say "hi" to me"]', "say hi", ["say hi"], '["say hi"]'])
def test_spring_ais_prompt_is_read_in_each_of_its_forms(prompt):
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
    model = span_of(attributes | {"gen_ai.prompt": prompt}, scope=SPRING)

    message = json.loads(model["input_messages"])[0]
    assert "hi" in message["parts"][0]["content"]
    assert (message["role"], model["is_model_call"]) == ("user", True)
    assert model["content_truncated"] is False


def test_spring_ais_finish_reasons_are_json_in_a_text():
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": '["STOP"]'}

    assert span_of(attributes, scope=SPRING)["finish_reasons"] == ["stop"]


def test_spring_ai_sends_content_as_span_events():
    span = span_of(
        {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"},
        scope="org.springframework.boot",
        events=[
            {"name": "gen_ai.content.prompt", "attributes": {"gen_ai.prompt": '["hi"]'}},
            {
                "name": "gen_ai.content.completion",
                "attributes": {"gen_ai.completion": '["hello"]'},
            },
        ],
    )

    assert span["dialect"] == "P"
    assert json.loads(span["input_messages"])[0]["parts"] == [{"type": "text", "content": "hi"}]
    assert json.loads(span["output_messages"])[0]["role"] == "assistant"


def test_agentcore_moves_content_into_one_log_named_after_the_scope():
    scope = "strands.telemetry.tracer"
    body = {
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "output": {"messages": [{"role": "assistant", "content": "hello"}]},
    }

    contents = rows_of(
        logs({"event_name": scope, "body": body}, scope=scope), signal="logs"
    ).contents

    assert contents["field"].to_list() == ["input_messages", "output_messages"]
    assert contents["span_id"].to_list() == [SPAN_ID.hex()] * 2
    assert contents["trace_id"][0] == TRACE_ID.hex()
    assert json.loads(contents["fragment"][1])[0]["role"] == "assistant"


def agentcore(*messages: dict, answer: dict) -> dict:
    scope = "strands.telemetry.tracer"
    body = {"input": {"messages": [*messages]}, "output": {"messages": [answer]}}
    rows = rows_of(logs({"event_name": scope, "body": body}, scope=scope), signal="logs")
    return {row["field"]: json.loads(row["fragment"]) for row in rows.contents.to_dicts()}


def test_agentcore_keeps_strands_own_keys_in_the_content():
    found = agentcore(
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": {"content": '[{"text":"hi"}]'}},
        answer={
            "role": "assistant",
            "content": {"message": '[{"text":"hello"}]', "finish_reason": "end_turn"},
        },
    )

    assert [message["role"] for message in found["input_messages"]] == ["system", "user"]
    assert found["input_messages"][1]["parts"] == [{"type": "text", "content": "hi"}]
    assert found["output_messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "hello"}],
            "finish_reason": "stop",
        }
    ]


def test_agentcore_sends_a_tools_arguments_and_result_in_a_log():
    found = agentcore(
        {"role": "tool", "content": {"content": '{"city":"Paris"}', "id": "1"}},
        answer={"role": "assistant", "content": {"message": '[{"text":"18"}]', "id": "1"}},
    )

    assert found == {"tool_arguments": {"city": "Paris"}, "tool_result": "18"}


def test_json_that_a_user_wrote_stays_what_the_user_said():
    found = agentcore(
        {"role": "user", "content": '{"a":1}'},
        {"role": "user", "content": '[{"b":2}]'},
        answer={"role": "assistant", "content": "ok"},
    )

    said = [message["parts"][0]["content"] for message in found["input_messages"]]
    assert said == ['{"a":1}', '[{"b":2}]']


@pytest.mark.parametrize(
    ("key", "value", "streaming", "milliseconds"),
    [
        ("gen_ai.response.time_to_first_chunk", 0.25, True, 250.0),
        ("gen_ai.client.operation.time_to_first_chunk", 0.25, True, 250.0),
        ("ai.response.msToFirstChunk", 250, True, 250.0),
        ("gen_ai.server.time_to_first_token", 0.25, False, None),
        ("gen_ai.server.time_to_first_token", 0.25, True, 250.0),
    ],
)
def test_the_first_chunk_has_its_own_unit_and_needs_a_stream(key, value, streaming, milliseconds):
    attributes = {"gen_ai.provider.name": "openai", "gen_ai.request.stream": streaming, key: value}

    assert span_of(attributes)["time_to_first_chunk_ms"] == milliseconds


def test_strands_counts_the_first_token_in_milliseconds():
    span = span_of(
        {"gen_ai.operation.name": "chat", "gen_ai.server.time_to_first_token": 411},
        scope="strands.telemetry.tracer",
    )

    assert span["time_to_first_chunk_ms"] == 411.0


@pytest.mark.parametrize(("dropped_events_count", "milliseconds"), [(0, 500.0), (3, None)])
def test_a_first_chunk_event_counts_unless_events_were_lost(dropped_events_count, milliseconds):
    span = span_of(
        {"llm.request.type": "chat", "llm.is_streaming": True},
        events=[
            {"name": "llm.content.completion.chunk", "time": 1_500_000_000},
            {"name": "llm.content.completion.chunk", "time": 1_700_000_000},
        ],
        dropped_events_count=dropped_events_count,
    )

    assert span["time_to_first_chunk_ms"] == milliseconds


@pytest.mark.parametrize(
    ("attributes", "is_error", "error_type"),
    [
        ({}, False, None),
        ({"error.type": "TimeoutError"}, True, "TimeoutError"),
        ({"langfuse.observation.level": "ERROR"}, True, None),
        ({"gen_ai.tool.status": "error"}, True, None),
    ],
)
def test_any_signal_of_an_error_is_one(attributes, is_error, error_type):
    span = span_of(attributes, status=1)

    assert (span["is_error"], span["error_type"]) == (is_error, error_type)


def test_an_exception_event_names_the_error_where_no_attribute_does():
    event = {"name": "exception", "attributes": {"exception.type": "ValueError"}}

    assert span_of({}, events=[event])["error_type"] == "ValueError"
    assert span_of({"error.type": "429"}, events=[event])["error_type"] == "429"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("azure", "azure.ai.openai"),
        ("Azure", "azure.ai.openai"),
        ("azure_openai", "azure.ai.openai"),
        ("azure-openai.chat", "azure.ai.openai"),
        ("AzureOpenAI", "azure.ai.openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("azure_ai", "azure.ai.inference"),
        ("azure_ai_inference", "azure.ai.inference"),
        ("az.ai.inference", "azure.ai.inference"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("vertex.anthropic.messages", "gcp.vertex_ai"),
        ("google.generative-ai", "gcp.gemini"),
        ("bedrock_converse", "aws.bedrock"),
        ("openai.responses", "openai"),
        ("Anthropic", "anthropic"),
        ("my-own-gateway", "my-own-gateway"),
        ("langgraph", None),
        ("spring_ai", None),
    ],
)
def test_providers_have_the_conventions_names(sent, name):
    assert span_of({"gen_ai.system": sent})["provider_name"] == name


def test_a_framework_is_no_provider():
    span = span_of({"gen_ai.provider.name": "strands-agents", "gen_ai.system": "aws.bedrock"})

    assert span["provider_name"] == "aws.bedrock"
    assert json.loads(span["attributes"])["gen_ai.provider.name"] == "strands-agents"


def test_media_stay_references_and_unknown_parts_pass_through():
    content = [
        {"type": "image_url", "image_url": {"url": "https://e.test/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "hologram", "depth": 3},
    ]
    messages = json.dumps([{"role": "user", "content": content}])

    parts = json.loads(span_of({"gen_ai.input.messages": messages})["input_messages"])[0]["parts"]

    assert parts == [
        {"type": "uri", "modality": "image", "uri": "https://e.test/a.png"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        {"type": "file", "modality": "document", "file_id": "file-1"},
        {"type": "hologram", "depth": 3},
    ]


def test_a_total_that_was_sent_stands():
    tokens = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}

    assert span_of(tokens)["total_tokens"] == 15
    assert span_of(tokens | {"gen_ai.usage.total_tokens": 20})["total_tokens"] == 20


def test_litellms_raw_request_repeats_its_call():
    rows = rows_of(
        request(
            {"name": "litellm_request", "attributes": {"llm.request.type": "completion"}},
            {"name": "raw_gen_ai_request", "attributes": {"llm.request.type": "completion"}},
            scope="litellm",
        )
    )

    assert rows.spans["is_model_call"].to_list() == [True, False]
    assert rows.spans["operation_name"][0] == "chat"
