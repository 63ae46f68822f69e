"""What calls tell about their agent, loops about their calls, answers about the next history."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.otlp_receiver.otlp_requests import logs, request
from tests.otlp_receiver.test_relations import INNER, OUTER, STEP, joined, stored

KERNEL, OPENLIT = "semantic_kernel.utils.telemetry", "openlit.instrumentation.openai"
QUESTION = {"role": "user", "parts": [{"type": "text", "content": "Where is A-1?"}]}


def definition(name: str) -> dict:
    return {"type": "function", "name": name, "parameters": {"type": "object"}}


def agent(**more: object) -> dict:
    tools = [{"type": "function", "function": definition(name)} for name in ("S-find", "S-sell")]
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.tool.definitions": json.dumps(tools),
        "gen_ai.input.messages": "[]",
    }
    return {"name": "agent", "span_id": OUTER, "attributes": attributes | more}


LOOP = {
    "name": "loop",
    "span_id": STEP,
    "parent_span_id": OUTER,
    "attributes": {"sk.available_functions": "S-find,S-other"},
}


def call(number: int, reason: str, parent: bytes = STEP) -> dict:
    return {
        "name": f"call {number}",
        "span_id": bytes(6) + bytes([1, number]),
        "parent_span_id": parent,
        "start": 100 + number,
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.response.finish_reason": f"FinishReason.{reason}",
        },
    }


def said(number: int, text: str) -> dict:
    return {
        "span_id": bytes(6) + bytes([1, number]),
        "event_name": "gen_ai.user.message",
        "body": json.dumps({"role": "user", "content": text}),
    }


def offered(span: dict) -> list[str] | None:
    tools = span["tool_definitions"]
    return None if tools is None else [tool["name"] for tool in json.loads(tools)]


def whole(*spans: dict) -> tuple[str, bytes]:
    return "traces", request(*spans, scope=KERNEL)


@pytest.mark.parametrize(
    "order",
    list(
        itertools.permutations(
            (
                whole(agent()),
                whole(LOOP, call(1, "TOOL_CALLS"), call(2, "STOP")),
                ("logs", logs(said(2, "And A-2?"), said(1, "Where is A-1?"))),
            )
        )
    ),
)
def test_the_first_call_tells_what_the_agent_was_asked(order):
    seen = joined(*order)

    assert json.loads(seen["agent"]["input_messages"]) == [QUESTION]
    assert '"input_messages":"log:gen_ai.user.message"' in seen["agent"]["field_sources"]


def test_a_first_call_that_has_its_messages_on_the_span_tells_them_too():
    first = call(1, "STOP", OUTER)
    first["attributes"]["gen_ai.input.messages"] = json.dumps([QUESTION])

    seen = joined(whole(agent(), first))

    assert json.loads(seen["agent"]["input_messages"]) == [QUESTION]


def test_an_agents_own_question_stands():
    own = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Mine."}]}])

    seen = joined(
        whole(agent(**{"gen_ai.input.messages": own}), call(1, "STOP", OUTER)),
        ("logs", logs(said(1, "Where is A-1?"))),
    )

    assert "Mine." in seen["agent"]["input_messages"]
    assert len(json.loads(seen["agent"]["input_messages"])) == 1


def test_the_question_of_an_agent_inside_a_tool_is_not_that_of_the_outer_one():
    tool = {
        "name": "tool",
        "span_id": STEP,
        "parent_span_id": OUTER,
        "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "S-find"},
    }

    seen = joined(whole(agent(), tool, call(1, "STOP")), ("logs", logs(said(1, "Inside."))))

    assert seen["agent"]["input_messages"] is None


def test_the_loop_names_the_tools_of_its_calls_and_the_agent_defines_them():
    seen = joined(whole(agent()), whole(call(1, "TOOL_CALLS"), call(2, "STOP")), whole(LOOP))

    assert offered(seen["call 1"]) == offered(seen["call 2"]) == ["S-find", "S-other"]
    assert json.loads(seen["call 1"]["tool_definitions"])[0] == definition("S-find")
    assert "sk.available_functions" in seen["call 1"]["field_sources"]


def test_calls_outside_of_a_loop_were_offered_nothing():
    seen = joined(whole(agent(), call(1, "STOP", OUTER)))

    assert offered(seen["call 1"]) is None


@pytest.mark.parametrize(
    ("reason", "names"), [("STOP", None), ("TOOL_CALLS", ["S-find", "S-other"])]
)
def test_the_call_after_as_many_rounds_as_are_allowed_is_offered_nothing(reason, names):
    rounds = [call(number, "TOOL_CALLS") for number in range(1, 6)]

    seen = joined(whole(agent(), LOOP, *rounds, call(6, reason)))

    assert [offered(seen[f"call {number}"]) for number in (1, 5)] == [["S-find", "S-other"]] * 2
    assert offered(seen["call 6"]) == names


def answer(identity: str, name: str = "find") -> dict:
    part = {"type": "tool_call", "id": identity, "name": name, "arguments": {"id": "A-1"}}
    return {"role": "assistant", "parts": [part]}


def result(identity: str) -> dict:
    part = {"type": "tool_call_response", "id": identity, "response": "lost"}
    return {"role": "tool", "parts": [part]}


def openlit(number: int, history: list[dict], answered: dict, trace: int | None = None) -> dict:
    return {
        "name": f"call {number}",
        "trace_id": bytes(15) + bytes([trace or number]),
        "span_id": INNER[:-1] + bytes([number]),
        "start": 100 * number,
        "attributes": {
            "telemetry.sdk.name": "openlit",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.input.messages": json.dumps(history),
            "gen_ai.output.messages": json.dumps([answered]),
        },
    }


TEXT = {"role": "assistant", "parts": [{"type": "text", "content": "It is lost."}]}
ASKS = openlit(1, [QUESTION], answer("c-1"))
ENDS = openlit(2, [QUESTION, result("c-1")], TEXT)


def history(span: dict) -> list[dict]:
    return json.loads(span["input_messages"])


@pytest.mark.parametrize("order", [(ASKS, ENDS), (ENDS, ASKS)])
def test_the_answer_before_tells_the_tool_call_that_the_history_lacks(order, tmp_path):
    bodies = [("traces", request(span, scope=OPENLIT)) for span in order]

    assert history(joined(*bodies)["call 2"]) == [QUESTION, answer("c-1"), result("c-1")]
    of_trace = stored(tmp_path, *bodies).scan("spans", trace_ids=["0" * 30 + "02"]).collect()
    assert history(of_trace.row(0, named=True)) == [QUESTION, answer("c-1"), result("c-1")]
    assert "tool calls from the answers before" in of_trace["field_sources"][0]


def test_parallel_calls_are_told_once_and_later_ones_where_they_were_made():
    both = {
        "role": "assistant",
        "parts": [*answer("c-1")["parts"], *answer("c-2", "sell")["parts"]],
    }
    results = [QUESTION, result("c-1"), result("c-2")]
    spans = (
        openlit(1, [QUESTION], both),
        openlit(2, results, answer("c-3")),
        openlit(3, [*results, result("c-3")], TEXT),
    )

    seen = joined(("traces", request(*spans, scope=OPENLIT)))

    told = [QUESTION, both, result("c-1"), result("c-2"), answer("c-3"), result("c-3")]
    assert history(seen["call 3"]) == told


def test_a_text_beside_the_tool_call_stays_the_same_message():
    text = {"role": "assistant", "parts": [{"type": "text", "content": "Let me look."}]}
    both = {"role": "assistant", "parts": [*text["parts"], *answer("c-1")["parts"]]}

    seen = joined(
        (
            "traces",
            request(
                openlit(1, [QUESTION], both),
                openlit(2, [QUESTION, text, result("c-1")], TEXT),
                scope=OPENLIT,
            ),
        )
    )

    assert history(seen["call 2"]) == [QUESTION, both, result("c-1")]


def test_of_answers_with_one_id_the_last_one_before_is_meant():
    spans = (
        openlit(1, [QUESTION], answer("c-1", "old")),
        openlit(2, [QUESTION], answer("c-1")),
        openlit(3, [QUESTION, result("c-1")], TEXT),
        openlit(4, [QUESTION], answer("c-1", "new")),
    )

    seen = joined(("traces", request(*spans, scope=OPENLIT)))

    assert history(seen["call 3"])[1] == answer("c-1")


def test_a_result_whose_call_nobody_made_stays_alone():
    seen = joined(("traces", request(ENDS, scope=OPENLIT)))

    assert history(seen["call 2"]) == [QUESTION, result("c-1")]


@pytest.mark.parametrize("identity", [None, 7, "", ["c-1"], {"id": 1}])
def test_ids_that_are_none_harm_nothing(identity):
    part = {"type": "tool_call_response", "id": identity, "response": "x"}
    odd = {"role": "tool", "parts": [part]}

    seen = joined(("traces", request(ASKS, openlit(2, [QUESTION, odd], TEXT), scope=OPENLIT)))

    assert len(history(seen["call 2"])) == 2
