from __future__ import annotations

import json

import pytest

from tests.analytics.contexts import one
from tests.analytics.spans import chat, span, tool

NAME = "trashing"


def run_of(*steps, last="Here is what I found about refunds."):
    """A trace of tool spans ``(name, arguments, result)``, then an answer."""
    rows = [
        tool("t", name, at=place, seconds=0.5, arguments=arguments, result=result)
        for place, (name, arguments, result) in enumerate(steps)
    ]
    return [*rows, chat("t", at=len(steps) + 1, answer=last)]


def test_the_same_call_with_the_same_result_three_times_is_trashing():
    decision, row = one(NAME, run_of(*[("search", {"q": "refund"}, {"hits": []})] * 3))

    assert decision == "matched"
    assert len({entry["span_id"] for entry in json.loads(row["evidence"])}) == 3


def test_twice_is_not():
    assert one(NAME, run_of(*[("search", {"q": "refund"}, {"hits": []})] * 2))[0] == "no_match"


def test_argument_order_does_not_hide_a_repetition():
    first = ("search", '{"q": 1, "k": 2}', "x")
    second = ("search", '{"k": 2, "q": 1}', "x")

    assert one(NAME, run_of(first, second, first))[0] == "matched"


def test_a_cycle_of_two_tools_is_trashing():
    cycle = [("open", {"page": 1}, "text"), ("close", {"page": 1}, "ok")]

    decision, row = one(NAME, run_of(*cycle * 3))

    assert decision == "matched"
    assert "open -> close" in row["reason"]


def test_polling_whose_result_changes_is_not():
    steps = [("status", {"job": 1}, "running")] * 4 + [("status", {"job": 1}, "done")]

    assert one(NAME, run_of(*steps))[0] == "no_match"


def test_a_retry_after_a_transient_error_is_not():
    steps = [("search", {"q": 1}, {"error": "busy"})] * 3 + [("search", {"q": 1}, {"hits": [1]})]

    assert one(NAME, run_of(*steps))[0] == "no_match"


def test_pagination_is_not():
    steps = [("list", {"page": page}, f"page {page}") for page in range(12)]

    assert one(NAME, run_of(*steps))[0] == "no_match"


def test_refinement_with_new_results_is_not():
    steps = [("search", {"q": "refund " + "x" * n}, {"hits": list(range(n))}) for n in range(1, 6)]

    assert one(NAME, run_of(*steps))[0] == "no_match"


def test_parallel_fan_out_is_not():
    rows = [tool("t", "roll", at=0.01 * n, seconds=5, arguments={}, result="4") for n in range(4)]

    assert one(NAME, [*rows, chat("t", at=9)])[0] == "no_match"


def test_many_calls_that_bring_nothing_new_and_no_answer_are():
    steps = [("search", {"q": n}, f"hit {min(n, 3)}") for n in range(12)]
    asking = [{"type": "tool_call", "id": "z", "name": "search", "arguments": {"q": 13}}]

    assert one(NAME, run_of(*steps, last=asking))[0] == "matched"
    assert one(NAME, run_of(*steps))[0] == "no_match"


def test_calls_for_which_the_spans_alone_have_ids_are_told_once():
    asked = [{"type": "tool_call", "name": "search", "arguments": {"q": "refund"}}]
    rows = []
    for place in range(3):
        rows.append(chat("t", at=2 * place, answer=asked))
        rows.append(
            tool(
                "t",
                "search",
                at=2 * place + 1,
                seconds=0.5,
                arguments={"q": "refund"},
                result={"hits": []},
                tool_call_id=f"adk-{place}",
            )
        )

    decision, row = one(NAME, [*rows, chat("t", at=9, answer="Nothing was found.")])

    assert decision == "matched"
    assert "3 times" in row["reason"]


def test_agents_side_by_side_that_ask_the_same_are_no_loop():
    agents = [
        span("t", f"agent {place}", at=0, seconds=9, operation_name="invoke_agent")
        for place in range(3)
    ]
    rows = [
        tool("t", "load", at=1 + place, seconds=0.5, result="settings", parent=agent)
        for place, agent in enumerate(agents)
    ]
    answer = chat("t", at=10)

    assert one(NAME, [*agents, *rows, answer])[0] == "no_match"
    # The same agents one after the other go round.
    for place, agent in enumerate(agents):
        agent |= {"start_time": rows[place]["start_time"], "end_time": rows[place]["end_time"]}
    assert one(NAME, [*agents, *rows, answer])[0] == "matched"


@pytest.mark.parametrize("cut", [{"content_truncated": True}, {"dropped_attributes_count": 2}])
def test_what_was_cut_is_not_compared(cut):
    rows = [
        tool("t", "query", at=place, seconds=0.5, arguments={"q": 1}, result="rows", **cut)
        for place in range(4)
    ]

    decision, row = one(NAME, [*rows, chat("t", at=9)])

    assert (decision, row["skip_reason"]) == ("skipped", "truncated")


def test_no_ending_is_claimed_where_answers_were_not_captured():
    rows = run_of(*[("search", {"q": 1}, "nothing")] * 3)
    unseen = rows[-1] | {"output_messages": None, "input_messages": None}

    _, row = one(NAME, [*rows[:-1], unseen])

    assert "no final answer" not in row["reason"]


def test_writing_many_things_that_succeed_is_progress():
    steps = [("write", {"line": place}, "ok") for place in range(12)]

    assert one(NAME, run_of(*steps, last=[]))[0] == "no_match"


def test_many_calls_without_news_and_without_an_answer_are_trashing():
    steps = [("search", {"q": place}, "no results") for place in range(12)]

    decision, row = one(NAME, run_of(*steps, last=[]))

    assert decision == "matched"
    assert row["reason"].count("no final answer") == 1
    assert "none brought anything new" in row["reason"]


def test_a_wait_between_questions_is_no_loop_when_the_answer_comes():
    waiting = [("sleep", {"s": 5}, "ok"), ("job_state", {"id": 1}, "pending")]
    calls = [*waiting * 4, ("sleep", {"s": 5}, "ok"), ("job_state", {"id": 1}, "done")]

    assert one(NAME, run_of(*calls))[0] == "no_match"


def test_a_cycle_that_ends_in_a_new_result_was_waiting():
    looking = [("refresh", {}, "ok"), ("job_state", {"id": 1}, "pending")]
    calls = [*looking * 3, ("refresh", {}, "ok"), ("job_state", {"id": 1}, "done")]
    decision, row = one(NAME, run_of(*calls))

    assert decision == "no_match" or "cycle" not in row["reason"]


def test_waiting_for_what_never_changes_is_a_loop_of_the_question():
    waiting = [("sleep", {"s": 5}, "ok"), ("job_state", {"id": 1}, "pending")]

    decision, row = one(NAME, run_of(*waiting * 4))

    assert decision == "matched"
    assert "job_state was called 4 times" in row["reason"]


def test_what_looks_for_something_while_it_waits_is_a_step():
    calls = [
        call
        for n in range(4)
        for call in (("wait_for_element", {"id": "x"}, "no x"), ("scroll", {"to": n}, f"at {n}"))
    ]

    decision, row = one(NAME, run_of(*calls))

    assert decision == "matched"
    assert "wait_for_element was called 4 times" in row["reason"]


def test_results_that_nobody_knows_are_not_called_the_same():
    decision, row = one(NAME, run_of(*[("screenshot", {}, None)] * 4))

    assert decision == "ambiguous"
    assert "unknown result" in row["reason"]


def conversation(question, count, call_id):
    """A history in which the user asks ``question(n)``, and the agent calls one tool each time."""
    messages = []
    for n in range(count):
        call = {
            "type": "tool_call",
            "id": call_id.format(n),
            "name": "weather",
            "arguments": {"c": "O"},
        }
        told = {"type": "tool_call_response", "id": call_id.format(n), "response": "sunny"}
        asked = question(n)
        if asked is not None:
            messages.append({"role": "user", "parts": [{"type": "text", "content": asked}]})
        messages.append({"role": "assistant", "parts": [call]})
        messages.append({"role": "tool", "parts": [told]})
    return chat("t", input_messages=messages)


def test_what_the_user_asks_for_again_is_at_most_ambiguous():
    history = conversation(lambda n: f"And now, at {n}?", 3, "c{}")

    decision, row = one(NAME, [history])

    assert decision == "ambiguous"
    assert "after the user had spoken again" in row["reason"]


@pytest.mark.parametrize("call_id", ["c{}", "call_0"])
def test_a_loop_is_seen_though_all_calls_have_one_id(call_id):
    history = conversation(lambda n: "Look out." if n == 0 else None, 3, call_id)

    decision, row = one(NAME, [history])

    assert decision == "matched"
    assert "3 times" in row["reason"]


def test_branches_that_do_not_say_when_they_began_are_not_taken_for_parallel_ones():
    steps = []
    for place in range(3):
        branch = span("t", "agent", at=place, seconds=0.5, operation_name="invoke_agent")
        called = tool("t", "search", at=place, arguments={"q": 1}, result="none", parent=branch)
        steps += [branch | {"start_time": None}, called]

    assert one(NAME, [*steps, chat("t", at=9, answer="Nothing.")])[0] == "matched"
