"""What libraries write beside the keys where one would look for it."""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.otlp_requests import span_of

CLAUDE = "com.anthropic.claude_code.tracing"
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"operation.name": "ai.generateText.doGenerate helper"}, "step"),
        ({"ai.model.id": "m"}, "ai.generateText.doGenerate"),
        ({"ai.model.id": "m"}, "ai.streamObject.doStream"),
    ],
)
def test_the_vercel_sdks_operation_survives_the_loss_of_its_id(attributes, name):
    span = span_of(attributes, scope="ai", name=name)

    assert (span["dialect"], span["operation_name"]) == ("E1", "chat")


@pytest.mark.parametrize(
    ("name", "operation", "counts"),
    [
        ("ai.generateText", "invoke_agent", False),
        ("ai.streamText.doStream", "chat", True),
        ("ai.embedMany.doEmbed", "embeddings", True),
        ("ai.embedMany", "embeddings", False),
        ("ai.toolCall", "execute_tool", False),
    ],
)
def test_a_span_of_the_vercel_sdk_is_told_by_its_name(name, operation, counts):
    span = span_of({"ai.model.id": "m"}, scope="ai", name=name)

    assert (span["operation_name"], span["is_model_call"]) == (operation, counts)


@pytest.mark.parametrize("given", [10, 1000])
def test_claude_codes_input_never_holds_its_cache(given):
    usage = {"input_tokens": given, "cache_read_tokens": 100, "output_tokens": 3}

    span = span_of({"span.type": "llm_request", **usage}, scope=CLAUDE)

    assert (span["input_tokens"], span["total_tokens"]) == (given + 100, given + 103)


def test_the_conventions_input_holds_the_cache_in_claude_code_too():
    usage = {"gen_ai.usage.input_tokens": 1000, "cache_read_tokens": 100}

    assert span_of({"span.type": "llm_request", **usage}, scope=CLAUDE)["input_tokens"] == 1000


@pytest.mark.parametrize("key", ["full_command", "file_path"])
def test_claude_codes_tool_may_have_its_argument_in_a_key_of_its_own(key):
    span = span_of({"span.type": "tool", "tool_name": "x", key: "a b"}, scope=CLAUDE)

    assert json.loads(span["tool_arguments"]) == {key: "a b"}


def test_langfuses_root_says_what_the_trace_was_about():
    span = span_of(
        {
            "langfuse.observation.type": "span",
            "langfuse.trace.input": "hello",
            "langfuse.trace.output": '{"answer": "bye"}',
        }
    )

    assert json.loads(span["input_messages"])[0]["parts"][0]["content"] == "hello"
    assert json.loads(span["output_messages"])[0]["parts"][0]["content"] == "bye"


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 10, "output": 5, "cache_read_input_tokens": 4}, 14),
        ({"input": 10, "output": 5, "total": 15, "cache_read_input_tokens": 4}, 10),
        ({"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 400}, 410),
        ({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}}, 10),
    ],
)
def test_anthropics_raw_usage_in_langfuse_leaves_the_cache_out_of_the_input(usage, tokens):
    said = {"langfuse.observation.usage_details": json.dumps(usage)}

    assert span_of({"langfuse.observation.type": "generation", **said})["input_tokens"] == tokens


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5}, 0.75),
        ({"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5, "llm.cost.total": 1.5}, 1.5),
        ({"llm.cost.prompt": 0.25}, None),
        ({"llm.cost.prompt": 0.25, "llm.cost.completion": "much"}, None),
        ({"litellm.cost.input": 0.25, "litellm.cost.output": 0.5}, 0.75),
        ({"gen_ai.cost.input_cost": 0.25, "gen_ai.cost.output_cost": 0.5}, 0.75),
        ({"mlflow.llm.cost": '{"input_cost": 0.25, "output_cost": 0.5}'}, 0.75),
        ({"mlflow.llm.cost": '{"input_cost": 0.25, "output_cost": 0.5, "total_cost": 2}'}, 2.0),
        ({"langfuse.observation.cost_details": '{"input": 0.25, "output": 0.5}'}, 0.75),
        ({"langfuse.observation.cost_details": '{"input": 0, "output": 0}'}, None),
        ({"langfuse.observation.cost_details": "{}"}, None),
        ({"langfuse.observation.cost_details": "[1]"}, None),
    ],
)
def test_a_cost_may_be_reported_in_parts(attributes, cost):
    span = span_of({"gen_ai.operation.name": "chat"} | attributes)

    assert (span["cost_usd"], span["cost_source"]) == (cost, "reported" if cost else None)


TEXT = {"type": "text", "content": "hi"}
REASONING = {"type": "reasoning", "content": "because"}


@pytest.mark.parametrize(
    ("parts", "seen"),
    [([TEXT], [REASONING, TEXT]), ([REASONING, TEXT], [REASONING, TEXT]), (None, [REASONING])],
)
def test_openlits_reasoning_is_a_part_of_the_answer(parts, seen):
    said = {"gen_ai.content.reasoning": "because", "gen_ai.operation.name": "chat"}
    if parts is not None:
        said["gen_ai.output.messages"] = json.dumps([{"role": "assistant", "parts": parts}])

    assert json.loads(span_of(said, scope="openlit")["output_messages"])[0]["parts"] == seen


@pytest.mark.parametrize("status", ["failure", "success"])
def test_a_task_of_openllmetry_says_that_it_failed(status):
    span = span_of({"gen_ai.task.status": status, "traceloop.span.kind": "task"})

    assert (span["is_error"], span["error_source"]) == (
        (True, "level") if status == "failure" else (False, None)
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"llm.invocation_parameters": {"response_schema": SCHEMA}},
        {"llm.invocation_parameters": {"config": {"response_json_schema": SCHEMA}}},
        {"llm.invocation_parameters": {"output_config": {"format": {"schema": SCHEMA}}}},
        {"llm.invocation_parameters": {"format": SCHEMA}},
        {
            "langsmith.span.kind": "llm",
            "gen_ai.prompt": {
                "messages": [],
                "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
            },
        },
        {"gen_ai.request.structured_output_schema": SCHEMA},
    ],
)
def test_who_asks_for_a_schema_in_any_providers_form_asks_for_json(attributes):
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in attributes.items()
    }

    span = span_of({"openinference.span.kind": "LLM"} | texts)

    assert (json.loads(span["output_schema"]), span["output_type"]) == (SCHEMA, "json")


@pytest.mark.parametrize("key", ["response_format", "text_format"])
@pytest.mark.parametrize(
    ("sent", "schema"),
    [
        (SCHEMA, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, SCHEMA),
        ({"type": "json_object"}, None),
        ("text", None),
    ],
)
def test_langfuse_writes_the_schema_of_a_class_into_the_metadata(key, sent, schema):
    said = {f"langfuse.observation.metadata.{key}": json.dumps(sent)}

    span = span_of({"langfuse.observation.type": "generation", **said})

    assert span["output_schema"] == (
        None if schema is None else json.dumps(SCHEMA).replace(" ", "")
    )
