"""What other libraries of a known dialect send than those that were captured first."""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.otlp_requests import span_of

LLAMA_INDEX = "openinference.instrumentation.llama_index"
LANGCHAIN = "openinference.instrumentation.langchain"
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic"}


def llama_index(name: str, kind: str, *, events: list | None = None, **attributes) -> dict:
    sent = {"openinference.span.kind": kind} | attributes
    return span_of(sent, name=name, scope=LLAMA_INDEX, events=events or [])


@pytest.mark.parametrize(
    ("name", "counts"), [("OpenAI.achat", True), ("OpenAI._prepare_chat_with_tools", False)]
)
def test_what_llama_index_does_before_a_call_is_no_call(name, counts):
    assert llama_index(name, "LLM")["is_model_call"] is counts


@pytest.mark.parametrize("failed", [True, False])
def test_llama_indexs_output_of_a_tool_is_what_the_tool_gave(failed):
    output = {
        "blocks": [{"block_type": "text", "text": "18"}],
        "tool_name": "get_weather",
        "raw_input": {"args": [], "kwargs": {"city": "Paris"}},
        "raw_output": {"degrees": 18},
        "is_error": failed,
    }

    span = llama_index(
        "FunctionTool.acall",
        "TOOL",
        **{
            "tool.name": "get_weather",
            "input.value": '{"kwargs": {"city": "Paris"}}',
            "output.value": json.dumps(output),
        },
    )

    assert json.loads(span["tool_arguments"]) == {"city": "Paris"}
    assert json.loads(span["tool_result"]) == {"degrees": 18}
    assert span["is_error"] is failed
    assert span["error_source"] == ("level" if failed else None)


def test_a_first_token_tells_of_a_stream_that_the_parameters_do_not_tell_of():
    span = llama_index(
        "OpenAI.stream_chat",
        "LLM",
        events=[{"name": "First Token Stream Event", "time": 1_200_000_000}],
        **{"llm.invocation_parameters": '{"model_name": "gpt-4o-mini"}'},
    )

    assert span["is_streaming"] is True
    assert span["time_to_first_chunk_ms"] == 200.0


def test_thoughts_that_openinference_leaves_out_are_read_from_its_answer():
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "2519."}]
    message = {"lc": 1, "id": ["AIMessage"], "kwargs": {"content": content, "type": "ai"}}

    span = span_of(
        {
            "openinference.span.kind": "LLM",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.contents.1.message_content.type": "text",
            "llm.output_messages.0.message.contents.1.message_content.text": "2519.",
            "output.value": json.dumps({"generations": [[{"text": "2519.", "message": message}]]}),
        },
        scope=LANGCHAIN,
    )

    (answer,) = json.loads(span["output_messages"])
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text"]
    assert '"output_messages":"output.value"' in span["field_sources"]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ('[{"type": "text", "text": "18"}, {"type": "text", "text": "dry"}]', "18\ndry"),
        ('[{"degrees": 18}]', '[{"degrees": 18}]'),
        ('[{"type": "text"', '[{"type": "text"'),
        ("18", "18"),
    ],
)
def test_text_blocks_of_a_flattened_answer_of_a_tool_are_its_text(content, response):
    sent = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "tool",
        "llm.input_messages.0.message.content": content,
        "llm.input_messages.0.message.tool_call_id": "c-1",
    }

    ((part,),) = [message["parts"] for message in json.loads(span_of(sent)["input_messages"])]

    assert part == {"type": "tool_call_response", "id": "c-1", "response": response}


@pytest.mark.parametrize(
    ("more", "node", "operation"),
    [
        ({"metadata": '{"lc_agent_name": "helper"}'}, None, "invoke_agent"),
        ({"metadata": '{"lc_agent_name": "helper", "langgraph_node": "x"}'}, None, "chain"),
        ({"metadata": '{"lc_agent_name": "other"}'}, None, "chain"),
        ({"metadata": '{"lc_agent_name": '}, None, "chain"),
        ({"langsmith.metadata.lc_agent_name": "helper"}, None, "invoke_agent"),
        ({"langsmith.metadata.lc_agent_name": "helper"}, "model", "chain"),
    ],
)
def test_the_graph_of_a_named_agent_is_an_agent_and_its_nodes_are_not(more, node, operation):
    told = {"langsmith.metadata.langgraph_node": node} if node else {}
    kind = "langsmith.span.kind" if "metadata" not in more else "openinference.span.kind"

    span = span_of({kind: "chain"} | more | told, name="helper", scope=LANGCHAIN)

    assert span["operation_name"] == operation


@pytest.mark.parametrize(
    ("status", "answer", "model"),
    [
        (2, {}, None),
        (2, {"gen_ai.response.id": "r-1"}, "m"),
        (2, {"gen_ai.usage.output_tokens": 3}, "m"),
        (2, {"gen_ai.response.model": "m-2026"}, "m-2026"),
        (0, {}, "m"),
    ],
)
def test_a_call_that_failed_was_not_answered_by_the_model_asked_for(status, answer, model):
    asked = {"gen_ai.request.model": "m", "gen_ai.response.model": "m"}

    span = span_of(CHAT | asked | answer, status=status)

    assert span["response_model"] == model
    assert ("gen_ai.response.model" in span["attributes"]) is (model is None)
    assert ("response_model" in json.loads(span["field_sources"])) is (model is not None)


def test_logfires_media_have_the_conventions_keys():
    part = {"type": "blob", "modality": "image", "content": "aGk=", "media_type": "image/png"}
    sent = [{"role": "user", "parts": [part]}]

    span = span_of(CHAT | {"gen_ai.input.messages": json.dumps(sent)})

    (message,) = json.loads(span["input_messages"])
    wanted = {"type": "blob", "modality": "image", "content": "aGk=", "mime_type": "image/png"}
    assert message["parts"] == [wanted]


def test_logfires_raw_usage_tells_what_was_written_to_a_cache():
    raw = {"input_tokens": 10, "cache_creation_input_tokens": 500, "cache_read_input_tokens": 4}
    usage = {"gen_ai.usage.input_tokens": 514, "gen_ai.usage.raw": json.dumps(raw)}

    span = span_of(CHAT | usage, scope="logfire.anthropic")

    assert (span["cache_write_tokens"], span["cache_read_tokens"]) == (500, 4)
    assert span["input_tokens"] == 514


OPENLIT = "openlit.instrumentation.anthropic"


@pytest.mark.parametrize(
    ("name", "operation", "model"),
    [
        ("chat claude-sonnet-4-5", "chat", "claude-sonnet-4-5"),
        ("embeddings text-embedding-3-small", "embeddings", "text-embedding-3-small"),
        ("execute_tool get_weather", "execute_tool", None),
        ("chatter", None, None),
    ],
)
def test_a_span_without_attributes_is_told_by_its_name(name, operation, model):
    span = span_of({}, name=name, scope=OPENLIT, status=2)

    assert (span["operation_name"], span["request_model"]) == (operation, model)
    assert span["is_model_call"] is (model is not None)
    assert span["provider_name"] == ("anthropic" if model else None)


BLOCKS = [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}]


@pytest.mark.parametrize("content", [BLOCKS, json.dumps(BLOCKS)])
def test_openlits_blocks_of_text_are_their_text(content):
    def said(role: str, part: dict) -> dict:
        return {"role": role, "parts": [part]}

    result = {"type": "tool_call_response", "id": "c-1", "response": str(BLOCKS)}
    sent = [
        said("system", {"type": "text", "content": content}),
        said("user", {"type": "text", "content": json.dumps(BLOCKS)}),
        said("tool", result),
    ]

    span = span_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(sent),
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": str(BLOCKS)}]),
        },
        scope=OPENLIT,
    )

    assert json.loads(span["input_messages"]) == [
        said("system", {"type": "text", "content": "Be short."}),
        said("user", {"type": "text", "content": json.dumps(BLOCKS)}),
        said("tool", result | {"response": "Be short."}),
    ]
    assert json.loads(span["system_instructions"]) == [{"type": "text", "content": "Be short."}]


def test_calls_that_go_into_a_node_of_tools_were_said_by_the_model():
    call = {"type": "tool_call", "id": "c-1", "name": "find", "args": {"id": "A-1"}}

    span = span_of({"mlflow.spanType": '"CHAIN"', "mlflow.spanInputs": json.dumps([call])})

    (message,) = json.loads(span["input_messages"])
    assert message["role"] == "assistant"
    assert message["parts"][0]["arguments"] == {"id": "A-1"}


def test_litellms_proxy_hands_on_what_the_asking_program_said_of_itself():
    sent = {"metadata.requester_metadata": "{'session_id': 's-1', 'user_id': 'u-1'}"}

    span = span_of(sent, name="litellm_request", scope="litellm")

    assert (span["conversation_id"], span["user_id"]) == ("s-1", "u-1")


@pytest.mark.parametrize(
    ("scope", "name", "operation"),
    [
        ("pydantic-ai", "chat gpt-4o-mini", "chat"),
        ("pydantic-ai", "execute_tool find", "execute_tool"),
        ("strands.telemetry.tracer", "chat", "chat"),
        ("gcp.vertex.agent", "generate_content gemini-2.5-flash", "generate_content"),
        ("logfire.openai", "Chat Completion with {request_data[model]!r}", "chat"),
        ("logfire.openai", "GET /", None),
        ("langsmith", "ChatAnthropic", "chat"),
        ("langsmith", "ChatPromptTemplate", None),
        ("com.anthropic.sdk.python", "anthropic.messages.create", "chat"),
    ],
)
def test_a_sender_that_lost_the_first_attributes_left_the_name(scope, name, operation):
    span = span_of({"gen_ai.usage.output_tokens": 5}, name=name, scope=scope)

    assert span["operation_name"] == operation


@pytest.mark.parametrize(("output", "reasoning", "whole"), [(94, 256, 350), (350, 256, 350)])
def test_reasoning_is_a_part_of_output_whatever_was_sent(output, reasoning, whole):
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": output}

    span = span_of(CHAT | usage | {"gen_ai.usage.reasoning.output_tokens": reasoning})

    assert (span["output_tokens"], span["reasoning_tokens"]) == (whole, reasoning)
    assert span["total_tokens"] == 10 + whole


@pytest.mark.parametrize(
    "sent",
    [
        {"content": [{"type": "text", "text": "no such file"}], "isError": True},
        {"output": {"type": "tool", "content": "no such file", "status": "error"}},
        {"lc": 1, "kwargs": {"content": "no such file", "status": "error"}},
    ],
)
def test_a_result_keeps_what_says_that_the_call_failed(sent):
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read",
        "gen_ai.tool.call.result": json.dumps(sent),
    }

    kept = json.loads(span_of(tool)["tool_result"])

    assert kept.get("isError") is True or kept.get("status") == "error"
    assert "no such file" in json.dumps(kept)


def test_a_result_that_did_not_fail_is_taken_out_of_its_envelope():
    sent = {"content": [{"type": "text", "text": "18 degrees"}], "isError": False}
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read",
        "gen_ai.tool.call.result": json.dumps(sent),
    }

    assert json.loads(span_of(tool)["tool_result"]) == "18 degrees"
