from __future__ import annotations

import json

import pytest

from analytics.config import AnalysisConfig
from analytics.detectors.tool_failure import failure_of
from tests.analytics.contexts import one
from tests.analytics.spans import chat, span, tool

NAME = "tool_call_errors"


def asked(call_id, name, arguments):
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def answered(call_id, response, **extra):
    return {"type": "tool_call_response", "id": call_id, "response": response} | extra


def history(*messages):
    return [{"role": "user", "parts": [{"type": "text", "content": "Book it"}]}] + [
        {"role": role, "parts": [part]} for role, part in messages
    ]


@pytest.mark.parametrize(
    "result",
    [
        {"error": "boom"},
        {"isError": True, "content": [{"type": "text", "text": "no such file"}]},
        {"success": False},
        {"ok": False, "items": []},
        {"status": "failed"},
        {"errors": ["a"]},
        {"response": json.dumps({"error": "nested"})},
        "Error: user not found",
        "Traceback (most recent call last):\n  File",
        "ValueError: bad id",
        {"statusCode": 500, "body": ""},
    ],
)
def test_structure_says_that_a_call_failed(result):
    text = result if isinstance(result, str) else json.dumps(result)

    assert failure_of(text, "search") is not None
    assert one(NAME, [chat("t"), tool("t", "search", at=1, result=result)])[0] == "matched"


@pytest.mark.parametrize(
    "result",
    [
        {"error": None, "items": [1]},
        {"errors": []},
        {"error": "none"},
        {"status": "ok", "log": "3 errors were found and fixed"},
        "12 tests failed, 3 errors; see the log",
        "error handling is described in chapter 4",
        "0 errors, 0 failures",
        {"document": "Error: this is a quoted log line"},
        {"status": 404},
    ],
)
def test_words_about_errors_are_not_errors(result):
    text = result if isinstance(result, str) else json.dumps(result)

    assert failure_of(text, "search") is None


def test_the_output_of_a_shell_is_its_own_affair():
    assert failure_of("Traceback (most recent call last):", "run_shell_command") is None


def test_a_failed_span_is_told_once_though_parent_and_child_carry_the_error():
    outer = tool("t", "search", seconds=3, is_error=True, error_type="TimeoutError")
    inner = tool("t", "search", at=1, is_error=True, error_type="TimeoutError", parent=outer)

    decision, row = one(NAME, [outer, inner])

    assert decision == "matched"
    assert len(json.loads(row["evidence"])) == 1
    assert row["span_id"] == inner["span_id"]


def test_a_retry_that_succeeds_is_a_recovered_error_of_low_severity():
    rows = [
        tool("t", "search", at=0, arguments={"q": 1}, is_error=True, error_type="TimeoutError"),
        tool("t", "search", at=2, arguments={"q": 1}, result={"hits": [1]}),
    ]

    _, row = one(NAME, rows)

    assert row["severity"] <= 0.25
    assert "recovered" in row["reason"]


def test_client_errors_are_of_low_severity_and_can_be_switched_off():
    rows = [tool("t", "fetch", result={"status_code": 404})]

    assert one(NAME, rows)[1]["severity"] == 0.2
    silent = AnalysisConfig(http_client_error_severity=0.0)
    assert one(NAME, rows, silent)[0] == "no_match"


def test_the_same_failure_in_span_and_messages_is_one():
    failed = tool("t", "search", at=1, tool_call_id="c1", is_error=True, error_type="X")
    later = chat(
        "t",
        at=3,
        input_messages=history(
            ("assistant", asked("c1", "search", {})), ("tool", answered("c1", "Error: X"))
        ),
    )

    _, row = one(NAME, [failed, later])

    assert len(json.loads(row["evidence"])) == 1


def call_with(parts, **values):
    return chat("t", answer=parts, finish_reasons=["tool_call"], **values)


DECLARED = [
    {
        "type": "function",
        "name": "book",
        "parameters": {
            "type": "object",
            "properties": {"seat": {"type": "integer"}},
            "required": ["seat"],
        },
    }
]


@pytest.mark.parametrize(
    "part",
    [
        asked("c1", "", {}),
        asked("", "book", {"seat": 1}),
        asked("c1", "fly", {"seat": 1}),
        asked("c1", "book", '{"seat": 1'),
        asked("c1", "book", {"seat": "window"}),
        asked("c1", "book", {}),
    ],
)
def test_malformed_calls_are_flagged(part):
    assert one(NAME, [call_with([part], tool_definitions=DECLARED)])[0] == "matched"


def test_two_calls_with_one_id_are_malformed():
    parts = [asked("c1", "book", {"seat": 1}), asked("c1", "book", {"seat": 2})]

    assert one(NAME, [call_with(parts, tool_definitions=DECLARED)])[0] == "matched"


def test_a_proper_call_is_left_alone():
    call = call_with([asked("c1", "book", {"seat": 1})], tool_definitions=DECLARED)

    assert one(NAME, [call])[0] == "no_match"


def test_a_call_that_the_conversation_never_answers_is_malformed():
    messages = history(
        ("assistant", asked("c1", "book", {})),
        ("assistant", asked("c2", "book", {})),
        ("tool", answered("c2", "done")),
        ("user", {"type": "text", "content": "and now?"}),
    )

    assert one(NAME, [chat("t", input_messages=messages)])[0] == "matched"


def test_orphans_of_a_cut_history_are_not_real():
    messages = history(("tool", answered("c0", "done")), ("assistant", asked("c1", "book", {})))[1:]

    assert one(NAME, [chat("t", input_messages=messages)])[0] == "no_match"


def test_renamed_call_ids_are_not_orphans():
    messages = history(("assistant", asked("a", "book", {})), ("tool", answered("b", "done")))

    assert one(NAME, [chat("t", input_messages=messages)])[0] == "no_match"


def test_an_error_marker_beside_the_response_counts():
    messages = history(
        ("assistant", asked("c1", "book", {})), ("tool", answered("c1", "no seat", is_error=True))
    )

    assert one(NAME, [chat("t", input_messages=messages)])[0] == "matched"


def test_an_error_of_an_agent_is_not_an_error_of_a_tool():
    root = span("t", "agent", operation_name="invoke_agent", is_error=True, error_type="X")

    assert one(NAME, [root, chat("t", at=0.1, parent=root)])[0] == "no_match"


def test_the_check_of_a_structured_answer_is_no_tool_that_failed():
    called = {"type": "tool_call", "id": "c", "name": "Invoice", "arguments": {"total": "a lot"}}
    failed = {
        "type": "tool_call_response",
        "id": "c",
        "response": "Validation failed for Invoice.",
        "is_error": True,
    }
    told = [{"role": "assistant", "parts": [called]}, {"role": "tool", "parts": [failed]}]
    rows = [
        chat("t", answer=[called]),
        span("t", "execute_tool Invoice", at=1, operation_name="validate_output", is_error=True),
        chat("t", at=2, input_messages=told, answer="Done."),
    ]
    rows[1]["tool_name"] = "Invoice"

    assert one(NAME, rows)[0] == "no_match"
    rows[1]["operation_name"] = "execute_tool"
    assert one(NAME, rows)[0] == "matched"


@pytest.mark.parametrize(("schema", "decision"), [(True, "no_match"), (False, "matched")])
def test_an_answer_that_is_delivered_as_a_call_is_judged_as_an_answer(schema, decision):
    wanted = {"type": "object", "properties": {"paid": {"type": "boolean"}}, "required": ["paid"]}
    called = {"type": "tool_call", "id": "c", "name": "Invoice", "arguments": {"total": 1}}
    offered = [{"type": "function", "name": "Invoice", "parameters": wanted}]
    call = chat("t", answer=[called], tool_definitions=offered)
    if schema:
        call = chat("t", answer=[called], tool_definitions=offered, output_schema=wanted)

    assert one(NAME, [call])[0] == decision
