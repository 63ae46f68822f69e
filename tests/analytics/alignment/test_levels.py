"""Scores and answers about objects of different levels: spans, traces, sessions."""

from __future__ import annotations

import json

import polars as pl
import pytest
from test_stored_data import NOW, SCORES, boolean_field, queue_store, trace, write_csv
from test_stored_design import reported, write_traces

from cli.alignment_levels import at_one_level
from queue_store.model import ImportRow

__all__ = ["queue_store"]


def span(number, place):
    return f"{trace(number)}:{place:016x}"


def answered(store, kind, object_id, value, reviewer="ann"):
    row = ImportRow(
        line=1, object_type=kind, object_id=object_id, reviewer=reviewer, field="bad", value=value
    )
    found = store.import_annotations(project="default", rows=[row], now=NOW, actor="test")
    assert not found.problems, found.problems


def decided(tmp_path, matched, numbers, conversation=None):
    """Traces on which the detector loops decided, every one in a conversation of its own."""
    write_traces(
        tmp_path,
        [
            {"trace_id": trace(n),
             "conversation_id": conversation(n) if conversation else None,
             "decisions": json.dumps({"loops": {"decision": "matched" if n in matched
                                                else "no_match", "version": "1"}})}
            for n in numbers
        ],
    )  # fmt: skip


def loops(command):
    return command("alignment", "report", "-e", "loops", "-f", "bad").json


def test_a_decision_on_a_trace_meets_answers_about_its_spans(command, tmp_path, queue_store):
    boolean_field(queue_store)
    decided(tmp_path, {0, 1, 2}, range(6))
    for number, values in enumerate(
        [(False, True), (True, False), (False, False), (False, False), (True, True), (False,)]
    ):
        for place, value in enumerate(values):
            answered(queue_store, "span", span(number, place + 1), value)

    report = loops(command)

    # Of a trace's spans one bad one is enough.
    assert {name: report["confusion"][name] for name in ("tp", "fn", "fp", "tn")} == {
        "tp": 2, "fn": 1, "fp": 1, "tn": 2,
    }  # fmt: skip
    assert any("answers about spans" in warning for warning in report["scope"]["warnings"])
    found = command("alignment", "overview", "-f", "bad").json
    assert found["evaluator_name"] == "loops 1"
    assert found["raw_tpr"] == pytest.approx(2 / 3)


def test_an_answer_about_the_trace_outranks_those_about_its_spans(command, tmp_path, queue_store):
    boolean_field(queue_store)
    decided(tmp_path, {0}, range(3))
    answered(queue_store, "trace", trace(0), value=False)
    answered(queue_store, "span", span(0, 1), value=True)
    answered(queue_store, "span", span(1, 1), value=True)

    report = loops(command)

    assert report["confusion"]["counts"] == [[0, 1], [1, 0]]


def test_reviewers_of_different_spans_are_raters_of_one_trace(command, tmp_path, queue_store):
    boolean_field(queue_store)
    decided(tmp_path, {0}, range(1))
    answered(queue_store, "span", span(0, 1), value=True, reviewer="ann")
    answered(queue_store, "span", span(0, 2), value=False, reviewer="bob")

    assert loops(command)["scope"]["ties"] == 1


def test_scores_of_spans_meet_answers_about_traces_the_bad_one_first(
    command, tmp_path, queue_store
):
    boolean_field(queue_store)
    answered(queue_store, "trace", trace(0), value=True)
    rows = [("span", span(0, 1), "judge", 1), ("span", span(0, 2), "judge", 0)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    assert reported(command)["confusion"]["counts"] == [[0, 0], [0, 1]]


def test_decisions_on_traces_meet_answers_about_sessions(command, tmp_path, queue_store):
    boolean_field(queue_store)
    decided(tmp_path, {1}, range(4), lambda number: f"chat {number // 2}")
    answered(queue_store, "session", "chat 0", value=True)
    answered(queue_store, "session", "chat 1", value=False)

    assert loops(command)["confusion"]["counts"] == [[1, 0], [0, 1]]


def test_objects_of_one_level_stay_as_they_are():
    scores = pl.DataFrame(
        {"object_type": ["span"], "object_id": ["a:b"], "evaluator": ["1"],
         "evaluator_version": ["1"], "config_hash": [None]}
    )  # fmt: skip
    answers = pl.DataFrame(
        {"object_type": ["span", "trace"], "object_id": ["a:b", "a"], "human": ["true", "false"],
         "rater": ["x", "x"], "repeat": ["false", "false"]}
    )  # fmt: skip

    same, told, note = at_one_level(scores, answers, {}, "true")

    assert same.equals(scores)
    assert told.select(answers.columns).equals(answers)
    assert note is None
