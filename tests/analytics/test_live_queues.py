"""Live queues: filter first, then sampling; scores that arrive late; backfill; removal."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.job import run
from queue_store.model import ItemState, QueueDraft, QueueKind, QueueState
from span_store.schema import EVALUATIONS
from tests.analytics.spans import AS_OF, chat, frame, identifier

LATER = AS_OF + timedelta(hours=1)


@pytest.fixture
def filled(store):
    rows = [chat(f"t{n}", at=n, agent_name="billing" if n < 20 else "travel") for n in range(100)]
    store.append("spans", frame(rows))
    return store


def live(queues, name, filter_sql=None, rate=1.0):
    draft = QueueDraft(name=name, kind=QueueKind.LIVE, filter_sql=filter_sql, sample_rate=rate)
    queues.create_queue(project="default", draft=draft, now=AS_OF, actor="lead")


def score(store, trace, value, at=LATER, evaluator="helpful"):
    row = dict.fromkeys(EVALUATIONS.names)
    row |= {
        "project": "default",
        "evaluation_id": f"{trace}-{evaluator}-{value}",
        "object_type": "trace",
        "object_id": identifier(trace, 32),
        "evaluator": evaluator,
        "score": value,
        "received_at": int(at.timestamp()) * 10**9,
    }
    store.append("evaluations", pl.DataFrame([row], schema=EVALUATIONS.polars, orient="row"))


def ids(queues, name):
    return {item.object_id for item in queues.items(project="default", queue=name, limit=500).items}


def analyse(store, queues, as_of=AS_OF, **options):
    return run(store, queues, project="default", as_of=as_of, **options)


def test_the_filter_runs_first_then_the_sampling(filled, queues):
    live(queues, "all of billing", "agent_name = 'billing'")
    live(queues, "a share of everything", None, 0.3)

    analyse(filled, queues)

    assert ids(queues, "all of billing") == {identifier(f"t{n}", 32) for n in range(20)}
    assert 15 <= len(ids(queues, "a share of everything")) <= 45


def test_a_larger_rate_keeps_everything_that_a_smaller_one_keeps(filled, queues):
    live(queues, "small", None, 0.2)
    live(queues, "large", None, 0.5)

    analyse(filled, queues)

    assert ids(queues, "small") < ids(queues, "large")


def test_items_and_traces_record_the_probability(filled, queues):
    live(queues, "share", None, 0.3)

    analyse(filled, queues)

    item = queues.items(project="default", queue="share").items[0]
    assert (item.selection.p, item.selection.selected) == (0.3, True)
    stored = filled.scan("traces").collect()["selections"]
    assert all(any(r["rule"] == "live:share" for r in json.loads(text)) for text in stored)


def test_a_score_that_arrives_late_brings_its_trace_into_the_queue(filled, queues):
    live(queues, "judged", "array_contains(scored_by, 'helpful')")
    live(queues, "bad", '"score:helpful" < 0.5')
    analyse(filled, queues)
    assert ids(queues, "judged") == set()
    score(filled, "t3", 0.2)
    score(filled, "t4", 0.9)

    report = analyse(filled, queues, LATER + timedelta(minutes=1))

    assert (report.traces_evaluated, report.traces_looked_at_again) == (0, 2)
    assert ids(queues, "judged") == {identifier("t3", 32), identifier("t4", 32)}
    assert ids(queues, "bad") == {identifier("t3", 32)}
    row = filled.scan("traces").collect().filter(trace_id=identifier("t3", 32))
    assert row.height == 1
    assert row["inclusion_probability"].item() == 1.0


def test_a_queue_created_later_fills_by_backfill_only(filled, queues):
    analyse(filled, queues)
    live(queues, "new", "agent_name = 'travel'")

    assert analyse(filled, queues, LATER).traces_looked_at_again == 0
    assert ids(queues, "new") == set()
    dry = analyse(filled, queues, LATER, since=AS_OF - timedelta(days=2), dry_run=True)
    counted = {count.queue: count.selected for count in dry.queues}
    assert (counted["new"], ids(queues, "new")) == (80, set())
    analyse(filled, queues, LATER, since=AS_OF - timedelta(days=2))
    assert len(ids(queues, "new")) == 80


def test_a_backfill_with_a_larger_random_floor_tells_it_of_every_trace(filled, queues):
    analyse(filled, queues, config=AnalysisConfig(random_floor=0.0))
    for hours, rate in enumerate((0.1, 0.4, 0.2)):
        moment = LATER + timedelta(hours=hours)
        since = AS_OF - timedelta(days=2)
        analyse(filled, queues, moment, since=since, config=AnalysisConfig(random_floor=rate))
        chances = filled.scan("traces").collect()["inclusion_probability"].unique().to_list()
        # What was kept stays kept when the share is smaller later on.
        assert chances == [max(rate, 0.4 if hours else 0.0)]


def test_a_cap_keeps_the_rest_for_a_backfill(filled, queues):
    live(queues, "all")

    report = analyse(filled, queues, config=AnalysisConfig(items_max=10))

    counted = next(count for count in report.queues if count.queue == "all")
    assert (counted.added, counted.capped) == (10, 90)
    analyse(filled, queues, LATER, since=AS_OF - timedelta(days=2))
    assert len(ids(queues, "all")) == 100


def test_what_a_person_removed_is_never_added_again(filled, queues):
    live(queues, "all")
    analyse(filled, queues)
    item = queues.items(project="default", queue="all").items[0]
    queues.remove(project="default", item_id=item.id, reason="not ours", now=AS_OF, actor="lead")

    analyse(filled, queues, LATER, since=AS_OF - timedelta(days=2))

    assert item.object_id not in ids(queues, "all")


def test_filters_may_use_decisions(filled, queues):
    filled.append("spans", frame([chat("blank", answer="")]))
    live(queues, "blank", "\"decision:empty_response\" = 'matched'")

    analyse(filled, queues)

    assert ids(queues, "blank") == {identifier("blank", 32)}


@pytest.mark.parametrize(
    ("filter_sql", "reason"),
    [
        ("detectors = 'refusal'", "detectors is a list"),
        ("CAST(agent_name AS INT) > 1", "TRY_CAST"),
        ("agent_nam = 'billing'", "did you mean agent_name"),
    ],
)
def test_a_filter_that_cannot_take_a_value_leaves_its_own_queue_out(
    filled, queues, filter_sql, reason
):
    live(queues, "impossible", filter_sql)
    live(queues, "all of billing", "agent_name = 'billing'")

    report = analyse(filled, queues)

    assert list(report.queues_left_out) == ["impossible"]
    assert reason in report.queues_left_out["impossible"]
    assert len(ids(queues, "all of billing")) == 20


def test_business_weights_raise_the_priority(filled, queues):
    live(queues, "all")
    analyse(
        filled, queues, config=AnalysisConfig(business_weights={"agent_name = 'billing'": 1000.0})
    )

    first = queues.items(project="default", queue="all", limit=20).items

    assert {item.priority_terms["business_weight"] for item in first} == {1000.0}
    assert all(item.state is ItemState.PENDING for item in first)


@pytest.mark.parametrize("name", ["empty_response", "random_floor", "all"])
def test_an_archived_queue_takes_nothing_and_fails_no_run(store, queues, name):
    live(queues, "all")
    analyse(store, queues)
    store.append("spans", frame([chat(f"blank-{n}", at=n, answer="") for n in range(9)]))
    state = {"state": QueueState.ARCHIVED}
    queues.update_queue(project="default", name=name, changes=state, now=AS_OF, actor="lead")

    report = analyse(store, queues, LATER, config=AnalysisConfig(random_floor=0.5))

    assert name not in {count.queue for count in report.queues}
    assert report.traces_evaluated == 9
    assert f'"queue":"{name}"' not in "".join(store.scan("traces").collect()["selections"])
    state = {"state": QueueState.ACTIVE}
    queues.update_queue(project="default", name=name, changes=state, now=AS_OF, actor="lead")
    again = analyse(store, queues, LATER, since=AS_OF - timedelta(days=9))
    assert next(count for count in again.queues if count.queue == name).considered == 9
