"""Scores of sessions: they reach the queues by the session's traces, in time or late."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.job import run
from analytics.selection import draw
from review_app.traces import matching_condition
from span_store.schema import EVALUATIONS
from tests.analytics.spans import AS_OF, SECOND, chat, frame, identifier
from tests.analytics.test_live_queues import live, score

HOUR = timedelta(hours=1)
BAD = '"score:tone" < 0.5'


def score_session(store, session, value, at=AS_OF, evaluator="tone"):
    row = dict.fromkeys(EVALUATIONS.names)
    row |= {
        "project": "default",
        "evaluation_id": f"{session}-{evaluator}-{value}-{at}",
        "object_type": "session",
        "object_id": session,
        "evaluator": evaluator,
        "score": value,
        "received_at": int(at.timestamp()) * SECOND,
    }
    store.append("evaluations", pl.DataFrame([row], schema=EVALUATIONS.polars, orient="row"))


@pytest.fixture
def talks(store):
    """Two sessions of three traces, and a trace of none."""
    rows = [
        chat(f"{name}-{number}", at=number * 60, conversation_id=name)
        for name in ("one", "two")
        for number in range(3)
    ]
    store.append("spans", frame([*rows, chat("alone")]))
    return store


def analyse(store, queues, hours=0.0, **options):
    moment = AS_OF + hours * HOUR
    return run(store, queues, project="default", as_of=moment, **options)


def held(queues, name):
    found = queues.items(project="default", queue=name, limit=100).items
    return [(item.object_type.value, item.object_id, item.revision) for item in found]


def test_a_score_of_a_session_that_is_there_in_time_brings_the_session_into_the_queue(
    talks, queues
):
    live(queues, "bad", BAD)
    score_session(talks, "one", 0.2, at=AS_OF - HOUR)

    analyse(talks, queues)

    assert held(queues, "bad") == [("session", "one", 3)]
    (item,) = queues.items(project="default", queue="bad").items
    assert item.trace_id == identifier("one-2", 32)
    assert item.reason.startswith("A score of the session matches")


@pytest.mark.parametrize("incremental", [False, True])
def test_a_score_of_a_session_that_arrives_late_does_too(talks, queues, incremental):
    live(queues, "bad", BAD)
    live(queues, "judged", "array_contains(scored_by, 'tone')")
    analyse(talks, queues)
    score_session(talks, "one", 0.2, at=AS_OF + HOUR)
    score_session(talks, "two", 0.9, at=AS_OF + HOUR)

    report = analyse(talks, queues, 2, incremental=incremental)

    assert (report.traces_evaluated, report.traces_looked_at_again) == (0, 6)
    assert held(queues, "bad") == [("session", "one", 3)]
    assert sorted(held(queues, "judged")) == [("session", "one", 3), ("session", "two", 3)]
    assert analyse(talks, queues, 3, incremental=incremental).traces_looked_at_again == 0


def test_the_session_is_drawn_once_and_its_traces_record_the_chance(talks, queues):
    live(queues, "some", BAD, 0.4)
    for name in ("one", "two"):
        score_session(talks, name, 0.2, at=AS_OF - HOUR)

    silent = AnalysisConfig(random_floor=0.0, disabled_detectors=("frustration", "forgetting"))
    analyse(talks, queues, config=silent)

    draws = {name: draw("spandocket", "default/session", name) for name in ("one", "two")}
    kept = {("session", name, 3) for name, u in draws.items() if u < 0.4}
    assert set(held(queues, "some")) == kept
    rows = talks.scan("traces").collect()
    members = rows.filter(pl.col("conversation_id").is_not_null())
    assert members["inclusion_probability"].unique().to_list() == [0.4]
    (record,) = json.loads(members["selections"][0])
    assert (record["rule"], record["object_type"]) == ("live:some", "session")


def test_what_is_said_of_a_trace_itself_counts_before_what_is_said_of_its_session(talks, queues):
    live(queues, "bad", BAD)
    score_session(talks, "one", 0.9, at=AS_OF - HOUR)
    score(talks, "one-1", 0.1, at=AS_OF - HOUR, evaluator="tone")

    analyse(talks, queues)

    assert held(queues, "bad") == [("trace", identifier("one-1", 32), 1)]


def test_a_session_comes_back_for_a_newer_score_and_not_for_a_trace_that_nobody_scored(
    talks, queues
):
    live(queues, "bad", BAD)
    score_session(talks, "one", 0.2, at=AS_OF - HOUR)
    analyse(talks, queues)
    late = chat("one-3", at=300, conversation_id="one")
    late["received_at"] = int((AS_OF + HOUR).timestamp()) * SECOND
    talks.append("spans", frame([late]))

    analyse(talks, queues, 2, incremental=True)
    before = held(queues, "bad")
    score_session(talks, "one", 0.1, at=AS_OF + 3 * HOUR)
    analyse(talks, queues, 4, incremental=True)

    assert before == [("session", "one", 3)]
    assert held(queues, "bad") == [("session", "one", 4)]


def test_business_weights_and_conditions_on_pages_read_scores_of_sessions(talks, queues):
    live(queues, "all")
    score_session(talks, "one", 0.2, at=AS_OF - HOUR)

    analyse(talks, queues, config=AnalysisConfig(business_weights={BAD: 7.0}))

    found = queues.items(project="default", queue="all").items
    weighted = {item.object_id for item in found if item.priority_terms["business_weight"] == 7.0}
    wanted = {identifier(f"one-{number}", 32) for number in range(3)}
    assert weighted == wanted
    assert set(matching_condition(talks, "default", BAD).collect()["trace_id"]) == wanted
