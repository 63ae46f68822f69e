"""The product in a folder of its own: ``product`` runs a command, ``send`` brings spans in."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.exit_codes import exit_code_of
from cli.main import spandocket

START = 1_790_000_000_000_000_000
TRACE = "5b8efff798038103d269b633813fc60c"
TOOL_SPAN = "eee19b7ec3c1b174"


@pytest.fixture
def product(tmp_path):
    """Runs a command and gives its rows; with ``fails`` its message instead."""

    def run(*arguments, fails=False):
        command = ["--data-dir", str(tmp_path / "data"), *map(str, arguments)]
        outcome = CliRunner().invoke(spandocket, command)
        if fails:
            assert outcome.exit_code != 0
            known = outcome.exception is None or exit_code_of(outcome.exception) is not None
            assert known or isinstance(outcome.exception, SystemExit)
            return f"{outcome.stderr}{outcome.exception}"
        assert outcome.exit_code == 0, outcome.output
        return [json.loads(line) for line in outcome.stdout.splitlines()]

    return run


@pytest.fixture
def send(product, tmp_path):
    """Imports spans the way the receiver would load them."""

    def run(*spans):
        path = tmp_path / f"{abs(hash(json.dumps(spans)))}.json"
        resource = {"attributes": attributes({"service.name": "shop"})}
        scope = {"spans": list(spans)}
        document = {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}
        path.write_text(json.dumps(document))
        return product("import", path)

    return run


def attributes(values):
    """Attributes as OTLP's JSON writes them."""
    return [{"key": key, "value": _any(value)} for key, value in values.items()]


def _any(value):
    match value:
        case int():
            return {"intValue": str(value)}
        case list():
            return {"arrayValue": {"values": [_any(entry) for entry in value]}}
        case _:
            return {"stringValue": value}


def span(span_id, name, values, *, trace_id=TRACE, parent="", seconds=1, error=None):
    """One span as OTLP's JSON writes it."""
    made = {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + seconds * 1_000_000_000),
        "attributes": attributes(values),
    }
    return made | ({"status": {"code": 2, "message": error}} if error else {})


def said(role, text):
    """A list of one message, in OpenTelemetry's schema, as instrumentations send it."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


@pytest.fixture
def chat():
    """A model call in OpenTelemetry's current convention."""
    return span(
        "051581bf3cb55c13",
        "chat gpt-4o",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.input.messages": said("user", "Is it open on Sunday?"),
            "gen_ai.output.messages": said("assistant", "Yes, from ten to four."),
            "shop.basket": "b-17",
        },
    )


@pytest.fixture
def failing_agent():
    """An agent whose tool failed."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk"}
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find_order",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": '{"order": 7}',
        "error.type": "timeout",
    }
    return [
        span("051581bf3cb55c14", "invoke_agent clerk", agent, seconds=3),
        span(TOOL_SPAN, "execute_tool find_order", tool, parent="051581bf3cb55c14", error="late"),
    ]


@pytest.fixture
def openinference_chat():
    """The same model call as OpenInference instrumentations send it."""
    return span(
        "051581bf3cb55c15",
        "ChatCompletion",
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.invocation_parameters": '{"model": "gpt-4o"}',
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 12,
            "llm.token_count.completion": 5,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Is it open on Sunday?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Yes, from ten to four.",
        },
    )
