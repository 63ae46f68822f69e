"""The shipped data as spans, scores and answers."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cli.demonstration.agent_runs import read_runs, spans_of_runs
from cli.demonstration.judged_answers import (
    ADJUDICATOR,
    ANNOTATORS,
    answers_of_people,
    object_id,
    read_answers,
    scores_of_answers,
    spans_of_answers,
)

PERIOD_START = 1_790_000_000_000_000_000


@pytest.fixture(scope="module")
def run_spans():
    return list(spans_of_runs(read_runs(), PERIOD_START))


@pytest.fixture(scope="module")
def rows():
    return read_answers()


def test_every_run_becomes_one_trace_of_agent_model_and_tool_spans(run_spans):
    operations = Counter(span.attributes["gen_ai.operation.name"] for span in run_spans)

    assert operations == {"invoke_agent": 200, "chat": 2454, "execute_tool": 1164}
    assert len({span.trace_id for span in run_spans}) == 200


def test_the_73_failed_tool_calls_of_36_runs_are_error_spans_without_a_result(run_spans):
    failed = [span for span in run_spans if span.error_message is not None]

    assert len(failed) == 73
    assert len({span.trace_id for span in failed}) == 36
    assert all(span.attributes["error.type"] == "tool_error" for span in failed)
    assert not any("gen_ai.tool.call.result" in span.attributes for span in failed)


def test_children_lie_within_their_agent_span(run_spans):
    agents = {span.span_id: span for span in run_spans if span.parent_span_id is None}
    children = [span for span in run_spans if span.parent_span_id is not None]

    assert len(children) == 2454 + 1164
    for span in children:
        agent = agents[span.parent_span_id]
        assert agent.trace_id == span.trace_id
        assert agent.start <= span.start < span.end <= agent.end


def test_every_call_has_an_id_of_its_own_that_its_result_and_its_span_repeat(run_spans):
    made = Counter(
        part["id"]
        for span in run_spans
        if span.attributes["gen_ai.operation.name"] == "chat"
        for message in json.loads(span.attributes["gen_ai.output.messages"])
        for part in message["parts"]
        if part["type"] == "tool_call"
    )
    executed = {span.attributes.get("gen_ai.tool.call.id") for span in run_spans} - {None}
    answered = {
        part["id"]
        for span in run_spans
        for message in json.loads(span.attributes.get("gen_ai.input.messages", "[]"))
        for part in message["parts"]
        if part["type"] == "tool_call_response"
    }

    assert len(made) == 1164
    assert max(made.values()) == 1
    assert executed == set(made)
    assert answered < set(made)


def test_answers_without_shipped_texts_are_spans_without_messages(rows):
    bare = [
        span
        for span in spans_of_answers(rows, PERIOD_START)
        if "gen_ai.output.messages" not in span.attributes
    ]

    assert len(bare) == 15
    assert {span.attributes["spandocket.demo.content"] for span in bare} == {"not shipped"}


def test_two_verdicts_an_answer_and_unreadable_ones_are_failures(rows):
    scores = list(scores_of_answers(rows, PERIOD_START))
    failed = [score for score in scores if score.error_type is not None]

    assert len(scores) == 2 * 2250
    assert {(score.evaluator, score.label, score.score) for score in failed} == {
        ("gpt4_judge", None, None)
    }
    assert len(failed) == 11


def test_two_people_answer_everything_and_a_third_settles_their_disagreements(rows):
    reviewers = Counter(answer.reviewer for answer in answers_of_people(rows))

    assert reviewers == dict.fromkeys(ANNOTATORS, 2250) | {ADJUDICATOR: 81}


def test_ids_are_unique_and_the_same_input_gives_the_same_bytes(run_spans, rows):
    again = list(spans_of_runs(read_runs(), PERIOD_START))
    answers = list(spans_of_answers(rows, PERIOD_START))

    ids = Counter((span.trace_id, span.span_id) for span in [*run_spans, *answers])

    assert again == run_spans
    assert max(ids.values()) == 1
    assert {object_id(row) for row in rows} == {f"{s.trace_id}:{s.span_id}" for s in answers}
