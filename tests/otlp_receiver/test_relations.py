"""What other spans and log records tell about a span, whichever arrives first."""

from __future__ import annotations

import itertools
import json

import polars as pl
import pytest

from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import Rows, to_rows
from span_store.contents import with_contents
from span_store.store import SpanStore
from tests.otlp_receiver.otlp_requests import logs, request

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
INNER, OUTER, STEP = (bytes(7) + bytes([number]) for number in (1, 2, 3))


def understood(*bodies: tuple[str, bytes]) -> list[Rows]:
    """What each body says, understood in a batch of its own."""
    return [
        to_rows([SpoolRecord(number=1, project="p", signal=signal, received_at=1, body=body)])
        for signal, body in bodies
    ]


def joined(*bodies: tuple[str, bytes]) -> dict[str, dict]:
    """Spans by name as a reader sees them, each body understood in a batch of its own."""
    rows = understood(*bodies)
    spans, contents = (
        pl.concat([getattr(found, name) for found in rows]).lazy() for name in ("spans", "contents")
    )
    frame = with_contents(spans, contents).collect()
    return {span["name"]: span for span in frame.iter_rows(named=True)}


def stored(place, *bodies: tuple[str, bytes]) -> SpanStore:
    """A store in which each body arrived on its own."""
    store = SpanStore(place)
    for rows in understood(*bodies):
        for name in ("spans", "contents"):
            frame = getattr(rows, name)
            if len(frame):
                store.append(name, frame)
    return store


def orders(*bodies: tuple[str, bytes]):
    return list(itertools.permutations(bodies))


OUTER_SPAN = {
    "name": "ai.generateObject",
    "span_id": OUTER,
    "attributes": {
        "ai.operationId": "ai.generateObject",
        "ai.schema": json.dumps(SCHEMA),
        "ai.settings.output": "object",
    },
}
INNER_SPAN = {
    "name": "ai.generateObject.doGenerate",
    "span_id": INNER,
    "parent_span_id": OUTER,
    "attributes": {"ai.operationId": "ai.generateObject.doGenerate"},
}


@pytest.mark.parametrize("order", [0, 1])
def test_a_schema_on_the_outer_span_reaches_the_call_in_another_request(order):
    bodies = [
        ("traces", request(OUTER_SPAN, scope="ai")),
        ("traces", request(INNER_SPAN, scope="ai")),
    ]

    call = joined(*orders(*bodies)[order])["ai.generateObject.doGenerate"]

    assert json.loads(call["output_schema"]) == SCHEMA
    assert call["output_type"] == "json"
    assert json.loads(call["field_sources"])["output_schema"].endswith(":ai.schema")


def test_a_schema_passes_through_a_step_and_not_into_a_tools_own_calls():
    step = {"name": "step 0", "span_id": STEP, "parent_span_id": OUTER}
    tool = {
        "name": "ai.toolCall",
        "span_id": bytes(7) + b"\4",
        "parent_span_id": OUTER,
        "attributes": {"ai.operationId": "ai.toolCall"},
    }
    inside = INNER_SPAN | {
        "name": "inside",
        "span_id": bytes(7) + b"\5",
        "parent_span_id": tool["span_id"],
        "attributes": {"ai.operationId": "ai.generateText.doGenerate"},
    }
    call = INNER_SPAN | {"parent_span_id": STEP}

    spans = joined(("traces", request(call, tool, inside, step, OUTER_SPAN, scope="ai")))

    assert spans["ai.generateObject.doGenerate"]["output_schema"] is not None
    assert spans["inside"]["output_schema"] is None


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llm.openai.response_format", repr({"json_schema": {"schema": SCHEMA, "strict": True}})),
        ("llm.azure.response_format", json.dumps({"json_schema": {"schema": SCHEMA}})),
        ("llm.vertex_ai.generationConfig", repr({"responseSchema": SCHEMA, "temperature": None})),
        ("llm.openai.text", repr({"format": {"type": "json_schema", "schema": SCHEMA}})),
    ],
)
def test_litellms_schema_on_the_raw_request_reaches_its_call(order, key, value):
    call = {"name": "litellm_request", "span_id": OUTER}
    raw = {
        "name": "raw_gen_ai_request",
        "span_id": INNER,
        "parent_span_id": OUTER,
        "attributes": {key: value},
    }
    bodies = [("traces", request(span, scope="litellm")) for span in (call, raw)]

    spans = joined(*orders(*bodies)[order])

    assert json.loads(spans["litellm_request"]["output_schema"]) == SCHEMA
    assert json.loads(spans["litellm_request"]["field_sources"])["output_schema"].endswith(
        ":llm.*.response_format"
    )


@pytest.mark.parametrize("order", [0, 1])
def test_an_exception_in_a_log_makes_the_span_an_error(order):
    log = logs(
        {
            "event_name": "gen_ai.client.operation.exception",
            "span_id": INNER,
            "attributes": {"exception.type": "TimeoutError", "exception.message": "too slow"},
        }
    )
    bodies = [("traces", request({"name": "chat", "span_id": INNER})), ("logs", log)]

    span = joined(*orders(*bodies)[order])["chat"]

    assert (span["is_error"], span["error_type"], span["error_source"]) == (
        True,
        "TimeoutError",
        "log",
    )
    assert json.loads(span["field_sources"])["error_type"] == (
        "log:gen_ai.client.operation.exception"
    )


def test_a_spans_own_error_stands_above_that_of_a_log():
    log = logs(
        {
            "event_name": "gen_ai.client.operation.exception",
            "span_id": INNER,
            "attributes": {"exception.type": "TimeoutError"},
        }
    )
    own = request({"name": "chat", "span_id": INNER, "attributes": {"error.type": "429"}})

    span = joined(("logs", log), ("traces", own))["chat"]

    assert (span["error_type"], span["error_source"]) == ("429", "attr")


def test_errors_in_logs_are_found_by_a_condition(tmp_path):
    log = logs(
        {
            "event_name": "gen_ai.client.operation.exception",
            "span_id": INNER,
            "attributes": {"exception.type": "TimeoutError"},
        }
    )
    span = request({"name": "chat", "span_id": INNER})
    store = stored(tmp_path, ("logs", log), ("traces", span))

    assert store.scan("spans", where="is_error", columns=["name"]).collect().height == 1
    assert store.scan("spans", where="error_type = 'TimeoutError'").collect().height == 1


@pytest.mark.parametrize("order", [0, 1])
def test_semantic_kernels_usage_in_a_log_line_reaches_the_call(order):
    line = (
        "OpenAI usage: CompletionUsage(completion_tokens=350, prompt_tokens=1200,"
        " completion_tokens_details=CompletionTokensDetails(reasoning_tokens=256),"
        " prompt_tokens_details=PromptTokensDetails(cached_tokens=1024, audio_tokens=None))"
    )
    scope = "semantic_kernel.connectors.ai.open_ai.services.open_ai_handler"
    bodies = [
        ("traces", request({"name": "chat", "span_id": INNER}, scope="semantic_kernel.utils")),
        ("logs", logs({"span_id": INNER, "body": line}, scope=scope)),
    ]

    span = joined(*orders(*bodies)[order])["chat"]

    assert (span["cache_read_tokens"], span["reasoning_tokens"]) == (1024, 256)


def test_a_log_line_of_any_other_program_says_nothing_about_tokens():
    line = {"span_id": INNER, "body": "cached_tokens=5"}
    rows = to_rows(
        [SpoolRecord(number=1, project="p", signal="logs", received_at=1, body=logs(line))]
    )

    assert rows.contents.is_empty()


def test_what_is_told_twice_is_stored_once(tmp_path):
    body = ("traces", request(OUTER_SPAN, scope="ai"))

    contents = stored(tmp_path, body, body).scan("contents").collect()

    assert sorted(contents["field"].to_list()) == ["below.output_schema", "below.output_type"]


def test_columns_that_nothing_else_tells_about_are_read_without_a_join(tmp_path):
    store = stored(tmp_path, ("traces", request(OUTER_SPAN, scope="ai")))

    plan = store.scan("spans", columns=["span_id", "duration_ms"]).explain()

    assert "JOIN" not in plan


@pytest.mark.parametrize(
    ("message", "error_type"),
    [
        ("openai.RateLimitError: Error code: 429 - {}", "openai.RateLimitError"),
        ("ValueError('no such order')", "ValueError"),
        ("Error code: 503 - overloaded", "503"),
        ("HTTP/1.1 404 Not Found", "404"),
        ("order 4294 was not found", None),
        ("", None),
    ],
)
def test_the_description_names_the_error_where_nothing_else_does(message, error_type):
    body = request({"status": 2, "status_message": message})
    record = SpoolRecord(number=1, project="p", signal="traces", received_at=1, body=body)

    span = to_rows([record]).spans.row(0, named=True)

    assert (span["is_error"], span["error_type"], span["error_source"]) == (
        True,
        error_type,
        "status",
    )


@pytest.mark.parametrize(
    ("span", "source"),
    [
        ({}, None),
        ({"attributes": {"error.type": "x"}}, "attr"),
        ({"events": [{"name": "exception"}]}, "event"),
        ({"attributes": {"langfuse.observation.level": "ERROR"}}, "level"),
    ],
)
def test_the_source_of_an_error_is_said(span, source):
    record = SpoolRecord(number=1, project="p", signal="traces", received_at=1, body=request(span))
    rows = to_rows([record]).spans

    assert rows.select("error_source").row(0) == (source,)
    assert rows.select(pl.col("is_error")).row(0) == (source is not None,)


@pytest.mark.parametrize(
    ("scope", "is_told"),
    [("strands.telemetry.tracer", True), ("agent_framework", True), ("other", False)],
)
def test_tools_that_are_named_on_the_agents_span_are_those_of_its_calls(scope, is_told):
    agent = {
        "name": "invoke_agent",
        "span_id": OUTER,
        "attributes": {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.tools": '["lookup"]'},
    }
    cycle = {"name": "cycle", "span_id": STEP, "parent_span_id": OUTER}
    call = {
        "name": "chat",
        "span_id": INNER,
        "parent_span_id": STEP,
        "attributes": {"gen_ai.operation.name": "chat"},
    }

    bodies = [("traces", request(span, scope=scope)) for span in (call, cycle, agent)]
    tools = joined(*bodies)["chat"]["tool_definitions"]

    assert tools == ('[{"type":"function","name":"lookup"}]' if is_told else None)


@pytest.mark.parametrize(
    ("sent", "name"),
    [("Support-lookup", "lookup"), ("lookup", "lookup"), ("a-b-c", "a-b-c"), ("-x", "-x")],
)
def test_semantic_kernel_writes_the_plugin_before_the_functions_name(sent, name):
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": sent}
    spans = joined(
        ("traces", request({"name": "t", "attributes": attributes}, scope="semantic_kernel.x"))
    )

    assert spans["t"]["tool_name"] == name


@pytest.mark.parametrize(("status", "is_told"), [(2, True), (0, False)])
def test_a_failed_call_is_told_its_messages_by_the_run_that_it_ended(status, is_told):
    said = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    run = {
        "name": "run",
        "span_id": OUTER,
        "status": status,
        "attributes": {
            "gen_ai.operation.name": "invoke_agent",
            "pydantic_ai.all_messages": json.dumps(said),
        },
    }
    call = {
        "name": "chat",
        "span_id": INNER,
        "parent_span_id": OUTER,
        "status": status,
        "attributes": {"gen_ai.operation.name": "chat"},
    }
    bodies = [("traces", request(span, scope="pydantic-ai")) for span in (call, run)]

    messages = joined(*bodies)["chat"]["input_messages"]

    assert messages == (json.dumps(said) if is_told else None)


def test_litellm_names_the_provider_before_the_model():
    span = request(
        {
            "name": "e",
            "attributes": {"litellm.provider.model": "azure/gpt-4o", "gen_ai.system": ""},
        },
        scope="litellm",
    )

    assert joined(("traces", span))["e"]["provider_name"] == "azure.ai.openai"
