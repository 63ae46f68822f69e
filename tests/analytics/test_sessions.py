"""Sessions: what the traces of one conversation add up to."""

from __future__ import annotations

import json

import polars as pl
import pytest

from analytics.job import run
from analytics.sessions import SESSIONS, roll_up
from tests.analytics.spans import AS_OF, BEGIN, SECOND, chat, frame, identifier, tool


@pytest.fixture
def analysed(store, queues):
    first = chat("one", at=0, seconds=2, conversation_id="talk", agent_name="guide", cost_usd=0.5)
    thanks = {"role": "user", "parts": [{"type": "text", "content": "Thanks. And to Bergen?"}]}
    second = chat(
        "two", at=60, seconds=3, conversation_id="talk", total_tokens=70, input_messages=[thanks]
    )
    failed = tool(
        "two", "search", at=61, seconds=1, parent=second, result={"error": "down"}, is_error=True
    )
    alone = chat("three", at=30, conversation_id="other")
    outside = chat("four", at=30)
    store.append("spans", frame([first, second, failed, alone, outside]))
    run(store, queues, project="default", as_of=AS_OF)
    return store


def test_a_session_adds_up_what_its_traces_used(analysed, command):
    said = command("sessions", "list")

    assert said.code == 0, said.err
    newest, talk = (json.loads(line) for line in said.out.splitlines())
    assert newest["conversation_id"] == "other"
    assert talk["conversation_id"] == "talk"
    assert (talk["trace_count"], talk["span_count"], talk["tool_call_count"]) == (2, 3, 1)
    assert (talk["total_tokens"], talk["cost_usd"]) == (100, 0.5)
    # From the first start to the last end, and the traces alone.
    assert (talk["duration_ms"], talk["active_ms"]) == (63_000, 5_000)
    assert talk["agent_names"] == ["guide"]
    assert (talk["detectors"], talk["flagged_trace_count"]) == (["tool_call_errors"], 1)
    assert list(talk) == SESSIONS.names


def test_sessions_are_filtered_by_what_is_printed(analysed, command):
    assert "talk" in command("sessions", "list", "--where", "trace_count > 1").out
    assert "other" not in command("sessions", "list", "--flagged").out
    short = command("sessions", "list", "--where", "duration_ms < 60000 AND cost_usd IS NULL")
    assert [json.loads(line)["conversation_id"] for line in short.out.splitlines()] == ["other"]
    wrong = command("sessions", "list", "--where", "trace_cuont > 1")
    assert wrong.code == 2
    assert "trace_count" in wrong.err


def test_a_session_is_shown_with_its_traces_findings_and_items(analysed, command):
    said = command("sessions", "show", "talk")

    assert said.code == 0, said.err
    shown = json.loads(said.out)
    assert [row["trace_id"] for row in shown["traces"]] == [
        identifier("one", 32),
        identifier("two", 32),
    ]
    assert [row["detector"] for row in shown["findings"]] == ["tool_call_errors"]
    assert [(row["queue"], row["object_id"]) for row in shown["items"]] == [
        ("tool_call_errors", identifier("two", 32))
    ]


def test_an_unknown_session_names_the_nearest(analysed, command):
    said = command("sessions", "show", "tolk")

    assert said.code == 2
    assert "did you mean talk?" in said.err


def test_what_no_trace_knows_stays_unknown():
    row = {
        "project": "p",
        "trace_id": "t",
        "conversation_id": "c",
        "start_time": BEGIN,
        "end_time": BEGIN - SECOND,
        "detectors": [],
        "span_count": 1,
        "model_call_count": 0,
        "tool_call_count": 0,
        "error_count": 0,
        "max_severity": 0.0,
    }
    names = ("user_id", "agent_name", "request_model", "finish_reason", "duration_ms")
    unknown = dict.fromkeys((*names, "input_tokens", "output_tokens", "total_tokens", "cost_usd"))

    rolled = roll_up(
        pl.DataFrame(
            [row | unknown], schema_overrides={"detectors": pl.List(pl.String)}, orient="row"
        )
    ).to_dicts()[0]

    # The end lies before the start, as clocks have it: no duration, and no sum of nothing.
    assert [rolled[name] for name in ("duration_ms", "total_tokens", "cost_usd")] == [None] * 3
