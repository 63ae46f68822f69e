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
        {"success": "false", "message": "no such order"},
        {"ok": "False"},
        {"is_error": "true", "content": "no such order"},
        {"ok": False, "items": []},
        {"status": "failed"},
        {"errors": ["a"]},
        {"response": json.dumps({"error": "nested"})},
        "Error: user not found",
        "Traceback (most recent call last):\n  File",
        "ValueError: bad id",
        "Exception: no seat left",
        "Encountered error: division by zero",
        "MCP error -32602: Tool book not found",
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
        {"success": 0, "is_error": 1, "ok": "falsetto"},
        {"error": "none"},
        {"status": "ok", "log": "3 errors were found and fixed"},
        "12 tests failed, 3 errors; see the log",
        "error handling is described in chapter 4",
        "0 errors, 0 failures",
        {"document": "Error: this is a quoted log line"},
        {"status": 404},
        "Error-free operation for 30 days",
        {"title": "Login", "body": "TypeError: x is undefined, says the browser"},
        {"content": "Error: I cannot log in any more", "subject": "Help"},
        [{"title": "Python", "text": "Error: what to do about it", "url": "https://x.example"}],
        [{"type": "text", "text": "3 pages"}, {"type": "text", "text": "KeyError: what it means"}],
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


@pytest.mark.parametrize(
    "values",
    [
        {"result": "HTTPError: 404 Client Error: Not Found for url: https://x.example"},
        {"result": "Error: Client error '403 Forbidden' for url 'https://x.example'"},
        {"is_error": True, "error_type": "X", "status_message": "HTTP Error 404: Not Found"},
        {"is_error": True, "error_type": "404"},
    ],
)
def test_client_errors_are_known_by_the_words_of_http_clients(values):
    assert one(NAME, [tool("t", "fetch", **values)])[1]["severity"] == 0.2


def test_a_number_in_an_error_is_no_status():
    rows = [tool("t", "book", result="ValueError: seat 404 is taken")]

    assert one(NAME, rows)[1]["severity"] == 0.5


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


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"isError": True, "content": [{"type": "text", "text": "no such file"}]}, "no such file"),
        ({"error": {"code": "limit", "message": "Too many"}}, "error: Too many"),
        ({"status": "error", "error": "no such order"}, "status is 'error': no such order"),
        ({"status": 404, "detail": "Not Found"}, "HTTP status 404: Not Found"),
        ([{"error": "boom"}, {"ok": False}], "error: boom"),
        ([{"type": "text", "text": "Error: no"}, {"type": "image", "data": "x"}], "Error: no"),
        ("An error occurred while running the tool. Please try again. Error: boom", "An error"),
        ("I encountered an error while trying to use the tool. This was the error: x", "I enc"),
    ],
)
def test_the_reason_says_what_the_tool_said(result, said):
    decision, row = one(NAME, [chat("t"), tool("t", "pay", at=1, result=result)])

    assert decision == "matched"
    assert said in row["reason"]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("search", {"errors": 3, "passed": 10}),
        ("estimate", {"value": 3.2, "error": 1.5}),
        ("search", {"error": {"code": 0, "message": ""}, "hits": [1]}),
        ("lookup", {"city": "Montreal", "code": 514, "body": "a city"}),
        ("list_jobs", [{"id": 1, "status": "failed"}, {"id": 2, "status": "failed"}]),
        ("sync", [{"id": 1, "ok": True}, {"id": 2, "error": "timeout"}]),
        ("read_file", "Traceback (most recent call last):\n  File a.py\nKeyError: 'x'"),
        ("FetchPage", "Error: the story of a bug\n\nIt began\non a Monday."),
    ],
)
def test_results_that_tell_of_errors_are_not_errors(name, result):
    assert one(NAME, [chat("t"), tool("t", name, at=1, result=result)])[0] == "no_match"


def test_a_reading_tool_that_fails_shortly_still_fails():
    rows = [chat("t"), tool("t", "read_file", at=1, result="Error: no such file: a.py")]

    assert one(NAME, rows)[0] == "matched"


def test_a_tool_that_failed_around_what_it_called_has_failed():
    outer = tool("t", "pay", seconds=3, is_error=True, status_message="Card declined")
    inner = tool("t", "pay", at=1, parent=outer)

    decision, row = one(NAME, [outer, inner])

    assert decision == "matched"
    assert row["span_id"] == outer["span_id"]
    assert "Card declined" in row["reason"]


@pytest.mark.parametrize("result", ['{"error": "declined"}', None])
def test_what_only_the_outer_span_of_a_call_tells_is_not_lost(result):
    outer = tool("t", "pay", seconds=3, result=result, tool_call_id="c1")
    inner = tool("t", "pay", at=1, parent=outer)

    assert one(NAME, [outer, inner])[0] == ("no_match" if result is None else "matched")


@pytest.mark.parametrize(("said", "count"), [("Card declined", 1), ("Disk is full", 2)])
def test_an_error_that_a_tool_passes_on_is_told_where_it_began(said, count):
    outer = tool("t", "pay", seconds=3, is_error=True, status_message=f"pay: {said}")
    inner = tool("t", "charge", at=1, is_error=True, status_message="Card declined", parent=outer)

    _, row = one(NAME, [outer, inner])

    assert len(json.loads(row["evidence"])) == count


def test_what_ran_beside_a_failed_call_is_no_retry():
    parts = [asked("c1", "search", {"q": 1}), asked("c2", "search", {"q": 2})]
    rows = [
        call_with(parts),
        tool(
            "t", "search", at=2, tool_call_id="c1", arguments={"q": 1}, result={"error": "timeout"}
        ),
        tool("t", "search", at=4, tool_call_id="c2", arguments={"q": 2}, result={"hits": []}),
    ]

    _, row = one(NAME, rows)

    assert "recovered" not in row["reason"]
    assert row["severity"] > 0.5


def test_success_with_other_arguments_is_only_perhaps_a_recovery():
    rows = [
        tool("t", "get_order", at=0, arguments={"order": 1}, result={"error": "timeout"}),
        tool("t", "get_order", at=2, arguments={"order": 2}, result={"total": 5}),
    ]

    _, row = one(NAME, rows)

    assert "perhaps recovered" in row["reason"]
    assert 0.25 < row["severity"] < 0.5


def test_responses_at_the_head_of_a_cut_history_are_no_orphans():
    system = {"role": "system", "parts": [{"type": "text", "content": "Be brief"}]}
    told = history(
        ("tool", answered("c0", "done")),
        ("assistant", asked("c1", "book", {})),
        ("tool", answered("c1", "done")),
    )
    late = [*told, {"role": "tool", "parts": [answered("c9", "done")]}]

    assert one(NAME, [chat("t", input_messages=[system, *told[1:]])])[0] == "no_match"
    assert one(NAME, [chat("t", input_messages=[system, *late])])[0] == "matched"


def test_a_cut_span_hides_no_fault_of_another_span():
    bad = call_with([asked("c1", "book", '{"seat": 1')], tool_definitions=DECLARED)
    cut = tool("t", "book", at=2, content_truncated=True, result="done")

    assert one(NAME, [bad, cut])[0] == "matched"
    assert one(NAME, [chat("t"), cut])[0] == "skipped"


def test_a_call_that_nothing_answered_before_the_trace_ended_is_a_fault():
    last = call_with([asked("c2", "book", {"seat": 2})], at=4)
    rows = [
        call_with([asked("c1", "book", {"seat": 1})]),
        tool("t", "book", at=2, tool_call_id="c1", arguments={"seat": 1}, result="done"),
        last,
    ]

    decision, row = one(NAME, rows)

    assert (decision, row["span_id"]) == ("matched", last["span_id"])
    assert "not answered before the trace ended" in row["reason"]


@pytest.mark.parametrize(
    "rows",
    [
        [call_with([asked("c1", "book", {"seat": 1})])],
        [
            call_with([asked("c1", "book", {"seat": 1})]),
            tool("t", "book", at=2, tool_call_id="c1", arguments={"seat": 1}, result="done"),
            call_with([asked("c2", "finish", {})], at=4),
        ],
        [
            call_with([asked("c1", "book", {"seat": 1})]),
            tool("t", "book", at=2, arguments={"seat": 1, "class": "any"}, result="done"),
        ],
    ],
    ids=["no execution is shown", "the tool ends the run", "its span has no id"],
)
def test_calls_whose_answer_could_not_be_seen_are_left_alone(rows):
    assert one(NAME, rows)[0] == "no_match"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"error_type": "ValueError", "result": '"order A-404 not found"'}, "ValueError: order A"),
        ({"error_type": "X", "result": "Error: X: no order"}, "failed: Error: X: no order"),
        ({"status_message": "TOOL_ERROR", "result": '{"error": "no order"}'}, "TOOL_ERROR: error"),
        ({"error_type": "X", "status_message": "no order", "result": "?"}, "failed: no order"),
        ({"error_type": "X", "result": '{"hits": 3}'}, "failed: X"),
        ({"result": '"oops"'}, "its status is an error, and it returned oops"),
    ],
)
def test_a_code_alone_is_not_all_that_a_reason_says(values, said):
    _, row = one(NAME, [tool("t", "pay", is_error=True, **values)])

    assert said in row["reason"]


@pytest.mark.parametrize(
    ("declared", "decision"),
    [
        (["Hotel-book"], "no_match"),
        (["hotel__book"], "no_match"),
        (["Hotel-book", "Train-book"], "matched"),
        (["rebook"], "matched"),
    ],
)
def test_a_plugins_name_before_the_tools_is_no_other_tool(declared, decision):
    tools = [{"type": "function", "name": name} for name in declared]
    call = call_with([asked("c1", "book", {"seat": 1})], tool_definitions=tools)

    assert one(NAME, [call])[0] == decision


def test_arguments_are_checked_under_the_plugins_name():
    tools = [DECLARED[0] | {"name": "Hotel-book"}]
    call = call_with([asked("c1", "book", {"seat": "window"})], tool_definitions=tools)

    assert "do not meet its parameters" in one(NAME, [call])[1]["reason"]


def test_spans_that_stand_in_one_another_in_a_circle_are_calls_beside_each_other():
    values = {"is_error": True, "status_code": "error", "error_type": "Timeout"}
    first, second = tool("t", "fetch", at=1, **values), tool("t", "find", at=2, **values)
    own, below = tool("t", "load", at=3, **values), tool("t", "load", at=3.1, **values)
    first["parent_span_id"], second["parent_span_id"] = second["span_id"], first["span_id"]
    own["parent_span_id"], below["parent_span_id"] = own["span_id"], own["span_id"]

    _, row = one(NAME, [first, second, own, below])

    told = {piece["span_id"] for piece in json.loads(row["evidence"])}
    assert told == {span["span_id"] for span in (first, second, below)}


def test_a_second_call_of_the_same_id_is_another_call():
    rows = [
        chat(
            "t",
            input_messages=history(
                ("assistant", asked("call_0", "book", {"seat": 1})),
                ("tool", answered("call_0", "done")),
                ("assistant", asked("call_0", "book", {"seat": 2})),
                ("tool", answered("call_0", "Error: seat is taken")),
            ),
        )
    ]

    decision, row = one(NAME, rows)

    assert decision == "matched"
    assert "seat is taken" in row["reason"]


def test_spans_of_one_id_are_told_apart_by_their_order():
    rows = [
        tool("t", "book", arguments={"seat": n}, result="done", tool_call_id="call_0", at=n)
        for n in (1, 2)
    ]
    rows.append(
        chat(
            "t",
            at=4,
            input_messages=history(
                ("assistant", asked("call_0", "book", {"seat": 1})),
                ("tool", answered("call_0", "done")),
                ("assistant", asked("call_0", "book", {"seat": 2})),
                ("tool", answered("call_0", "lost", is_error=True)),
            ),
        )
    )

    _, row = one(NAME, rows)
    evidence = json.loads(row["evidence"])

    assert [piece["span_id"] for piece in evidence] == [rows[1]["span_id"]]


def test_evidence_says_where_its_quotation_stands():
    failed = tool("t", "book", at=1, tool_call_id="c1", is_error=True, error_type="ValueError")
    later = chat(
        "t",
        at=3,
        input_messages=history(
            ("assistant", asked("c1", "book", {})), ("tool", answered("c1", "Error: no seat"))
        ),
    )

    (piece,) = json.loads(one(NAME, [failed, later])[1]["evidence"])

    assert (piece["span_id"], piece["quote"]) == (failed["span_id"], "Error: no seat")
    assert piece["quoted_from"] == {"span_id": later["span_id"], "message": 2, "part": 0}


def test_a_result_on_an_outer_span_of_the_same_call_is_quoted_from_there():
    outer = tool("t", "book", seconds=3, result={"error": "no seat"})
    inner = tool("t", "book", at=1, parent=outer)

    (piece,) = json.loads(one(NAME, [outer, inner])[1]["evidence"])

    assert (piece["span_id"], piece["quoted_from"]) == (
        inner["span_id"],
        {"span_id": outer["span_id"]},
    )
