"""What a span's neighbours tell, where libraries leave it out or send less than there was."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.otlp_receiver.otlp_requests import request, span_of
from tests.otlp_receiver.test_relations import INNER, OUTER, STEP, joined

ADK, OPENINFERENCE = "gcp.vertex.agent", "openinference.instrumentation.langchain"
MLFLOW, OPENLLMETRY = "mlflow.tracing.provider", "opentelemetry.instrumentation.langchain"


def text_of(messages: str | None) -> str | None:
    return None if messages is None else json.loads(messages)[-1]["parts"][-1].get("content")


def call_llm(name: str, identity: bytes, contents: list, answer: dict) -> dict:
    said = {"content": {"role": "model", "parts": [answer]}, "finish_reason": "STOP"}
    asked = {"model": "gemini-2.5-flash", "config": {}, "contents": contents}
    return {
        "name": name,
        "span_id": identity,
        "parent_span_id": OUTER,
        "start": 10 + identity[-1],
        "attributes": {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.operation.name": "chat",
            "gcp.vertex.agent.llm_request": json.dumps(asked),
            "gcp.vertex.agent.llm_response": json.dumps(said),
        },
    }


AGENT = {
    "name": "invoke_agent helper",
    "span_id": OUTER,
    "attributes": {"gen_ai.operation.name": "invoke_agent"},
}
QUESTION = {"role": "user", "parts": [{"text": "Where is it?"}]}
CALL = {"function_call": {"name": "lookup", "args": {"id": "A-1"}}}
ANSWERED = {
    "role": "user",
    "parts": [{"function_response": {"name": "lookup", "response": {"state": "lost"}}}],
}
ASKS = call_llm("first", INNER, [QUESTION], CALL)
ENDS = call_llm(
    "last", STEP, [QUESTION, {"role": "model", "parts": [CALL]}, ANSWERED], {"text": "Lost."}
)


@pytest.mark.parametrize("order", list(itertools.permutations((ASKS, ENDS, AGENT))))
def test_adks_calls_tell_what_began_and_what_ended_the_agents_run(order):
    seen = joined(*(("traces", request(span, scope=ADK)) for span in order))

    agent = seen["invoke_agent helper"]
    assert text_of(agent["input_messages"]) == "Where is it?"
    assert text_of(agent["output_messages"]) == "Lost."
    assert json.loads(agent["field_sources"])["output_messages"].endswith(
        "gcp.vertex.agent.llm_response"
    )


def test_an_agents_own_messages_stand_above_those_of_its_calls():
    own = {"gen_ai.output.messages": '[{"role":"assistant","parts":[]}]'}
    agent = AGENT | {"attributes": AGENT["attributes"] | own}

    seen = joined(*(("traces", request(span, scope="other")) for span in (ASKS, ENDS, agent)))

    assert seen["invoke_agent helper"]["input_messages"] is None
    assert json.loads(seen["invoke_agent helper"]["output_messages"])[0]["parts"] == []


def node(*calls: dict) -> dict:
    return {
        "name": "tools",
        "span_id": OUTER,
        "attributes": {"openinference.span.kind": "CHAIN", "input.value": json.dumps(calls)},
    }


def tool(argument: str) -> dict:
    return {
        "name": "lookup",
        "span_id": INNER,
        "parent_span_id": OUTER,
        "attributes": {"openinference.span.kind": "TOOL", "input.value": argument},
    }


def named(**arguments: str) -> dict:
    return {"name": "lookup", "args": arguments, "id": "c-1", "type": "tool_call"}


@pytest.mark.parametrize(
    ("sent", "calls", "arguments"),
    [
        ("A-1", [named(order_id="A-1")], {"order_id": "A-1"}),
        ("A-1", [named(order_id="B-2")], "A-1"),
        ("A-1", [named(order_id="A-1"), named(order_id="B-2")], "A-1"),
        ("A-1", [{"name": "lookup", "args": "A-1", "type": "tool_call"}], "A-1"),
        ('{"id":"A-1"}', [named(order_id="A-1")], {"id": "A-1"}),
    ],
)
@pytest.mark.parametrize("step", [1, -1])
def test_a_bare_argument_has_the_name_that_the_node_of_its_call_tells(sent, calls, arguments, step):
    bodies = [("traces", request(span, scope=OPENINFERENCE)) for span in (node(*calls), tool(sent))]

    span = joined(*bodies[::step])["lookup"]

    assert json.loads(span["tool_arguments"]) == arguments
    told = json.loads(span["field_sources"])["tool_arguments"]
    assert told.startswith("span ") == (sent == "A-1" and arguments != "A-1")


STREAMED = {
    "type": "AIMessageChunk",
    "content": "hello",
    "response_metadata": {"finish_reason": "stop", "model_name": "gpt-4o-mini-2024-07-18"},
}


def test_the_parser_inside_a_call_tells_the_model_that_streamed():
    call = {
        "name": "ChatOpenAI",
        "span_id": OUTER,
        "attributes": {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"gpt-4o-mini"'},
        "events": [{"name": "new_token", "time": 1_120_000_000}],
    }
    parser = {
        "name": "StrOutputParser",
        "span_id": INNER,
        "parent_span_id": OUTER,
        "attributes": {"mlflow.spanType": '"CHAIN"', "mlflow.spanInputs": json.dumps(STREAMED)},
    }

    span = joined(*(("traces", request(one, scope=MLFLOW)) for one in (parser, call)))["ChatOpenAI"]

    assert (span["request_model"], span["response_model"]) == (
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    )
    assert (span["is_streaming"], span["time_to_first_chunk_ms"]) == (True, 120.0)


@pytest.mark.parametrize(
    ("own", "model"),
    [("gpt-4o-mini", "gpt-4o-mini-2024-07-18"), ("gpt-4o-mini-2025", "gpt-4o-mini-2025")],
)
def test_the_model_asked_for_makes_way_for_the_one_that_answered(own, model):
    call = {
        "name": "ChatOpenAI.chat",
        "span_id": INNER,
        "parent_span_id": OUTER,
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": own,
        },
    }
    parser = {
        "name": "parser",
        "span_id": STEP,
        "parent_span_id": OUTER,
        "attributes": {
            "gen_ai.task.name": "StrOutputParser",
            "traceloop.entity.output": json.dumps(
                {"outputs": "hello", "kwargs": {"inputs": {"lc": 1, "kwargs": STREAMED}}}
            ),
        },
    }

    span = joined(*(("traces", request(one, scope=OPENLLMETRY)) for one in (parser, call)))[
        "ChatOpenAI.chat"
    ]

    assert span["response_model"] == model
    source = json.loads(span["field_sources"])["response_model"]
    assert source.startswith("span ") == (own != model)


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("helper.workflow", "helper"),
        ("LangGraph.workflow", None),
        ("RunnableSequence.workflow", None),
        ("LLMChain.workflow", None),
    ],
)
def test_a_graph_with_a_name_of_its_own_is_an_agent(name, agent):
    attributes = {"traceloop.span.kind": "workflow", "traceloop.entity.name": name.split(".")[0]}

    span = span_of(attributes, name=name, scope=OPENLLMETRY)

    assert (span["dialect"], span["operation_name"], span["agent_name"]) == (
        "C1",
        "invoke_workflow",
        agent,
    )


@pytest.mark.parametrize(
    ("attributes", "scope"),
    [
        (
            {
                "openinference.span.kind": "TOOL",
                "output.value": '{"type":"tool","data":{"content":"x","tool_call_id":"c-1"}}',
            },
            OPENINFERENCE,
        ),
        (
            {
                "mlflow.spanType": '"TOOL"',
                "mlflow.spanOutputs": '{"type":"tool","content":"x","tool_call_id":"c-1"}',
            },
            MLFLOW,
        ),
        (
            {
                "traceloop.span.kind": "tool",
                "traceloop.entity.output": '{"output":{"lc":1,"kwargs":{"tool_call_id":"c-1"}}}',
            },
            OPENLLMETRY,
        ),
        (
            {
                "langsmith.span.kind": "tool",
                "gen_ai.completion": '{"output":{"content":"x","tool_call_id":"c-1"}}',
            },
            "langsmith",
        ),
    ],
)
def test_a_tools_message_names_the_call_that_it_answers(attributes, scope):
    assert span_of(attributes, scope=scope)["tool_call_id"] == "c-1"


STRANDS = "strands.telemetry.tracer"
CYCLE = {"name": "execute_event_loop_cycle", "span_id": OUTER}
ASKING = {
    "name": "chat",
    "span_id": INNER,
    "parent_span_id": OUTER,
    "attributes": {"gen_ai.operation.name": "chat"},
}
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}


def check(schema: str) -> dict:
    return {
        "name": "execute_tool Invoice",
        "span_id": STEP,
        "parent_span_id": OUTER,
        "attributes": {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "Invoice",
            "gen_ai.tool.description": "This StructuredOutputTool should only be invoked last.",
            "gen_ai.tool.json_schema": schema,
        },
    }


@pytest.mark.parametrize("step", [1, -1])
def test_strands_check_of_an_answer_tells_the_schema_of_the_call_beside_it(step):
    spans = (CYCLE, ASKING, check(json.dumps(SCHEMA)))[::step]

    call = joined(*(("traces", request(one, scope=STRANDS)) for one in spans))["chat"]

    assert (json.loads(call["output_schema"]), call["output_type"]) == (SCHEMA, "json")
    assert json.loads(call["tool_definitions"]) == [
        {"type": "function", "name": "Invoice", "parameters": SCHEMA}
    ]


@pytest.mark.parametrize("schema", ["{", "[]", '"x"', "null", ""])
def test_a_check_without_a_schema_tells_nothing(schema):
    bodies = (("traces", request(one, scope=STRANDS)) for one in (CYCLE, ASKING, check(schema)))

    call = joined(*bodies)["chat"]

    assert (call["output_schema"], call["tool_definitions"]) == (None, None)
