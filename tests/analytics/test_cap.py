"""The cap of items: every run adds the next best, and the weights still stand for everything."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.job import queue_filling, run
from analytics.job.writing import Writer
from tests.analytics.spans import AS_OF, chat, frame
from tests.analytics.test_live_queues import live

LONG_AGO = AS_OF - timedelta(days=9)
HOUR = timedelta(hours=1)
RECORDS = pl.List(pl.Struct({"queue": pl.String, "p": pl.Float64}))


@pytest.fixture
def blanks(store):
    store.append("spans", frame([chat(f"blank-{n}", at=n, answer="") for n in range(25)]))
    return store


def added(report, queue="empty_response"):
    return next((count.added for count in report.queues if count.queue == queue), 0)


def items(queues, queue="empty_response"):
    return queues.items(project="default", queue=queue, limit=500).items


class DiedError(Exception):
    """Stands for a kill: nothing after it happens."""


def die(*_, **__):
    raise DiedError


def run_that_dies(monkeypatch, where, step, store, queues, **options):
    with monkeypatch.context() as patch:
        patch.setattr(where, step, die)
        with pytest.raises(DiedError):
            run(store, queues, project="default", as_of=AS_OF, **options)


def test_each_backfill_adds_the_next_best_until_none_is_left(blanks, queues):
    config = AnalysisConfig(items_max=10)
    counts = []
    for hours in range(4):
        since = LONG_AGO if hours else None
        moment = AS_OF + hours * HOUR
        report = run(blanks, queues, project="default", as_of=moment, since=since, config=config)
        counts.append(added(report))

    assert counts == [10, 10, 5, 0]


@pytest.mark.parametrize("since", [None, LONG_AGO], ids=["nightly", "backfill"])
def test_a_run_that_died_after_adding_items_adds_no_more_when_repeated_later(
    blanks, queues, monkeypatch, since
):
    config = AnalysisConfig(items_max=10)
    if since is not None:
        run(blanks, queues, project="default", as_of=AS_OF - HOUR, config=config)
    before = len(items(queues)) if since else 0
    step = "run" if since else "traces"
    run_that_dies(monkeypatch, Writer, step, blanks, queues, since=since, config=config)

    run(blanks, queues, project="default", as_of=AS_OF + HOUR, since=since, config=config)

    assert len(items(queues)) - before == 10


@pytest.mark.parametrize(("step", "incremental"), [("traces", False), ("run", True)])
def test_the_next_run_records_what_one_that_died_had_done(
    blanks, queues, monkeypatch, step, incremental
):
    run_that_dies(monkeypatch, Writer, step, blanks, queues, incremental=incremental)
    died = blanks.scan("traces").collect().height

    reports = [
        run(
            blanks,
            queues,
            project="default",
            as_of=AS_OF + hours * HOUR,
            incremental=incremental,
        )
        for hours in (1, 2)
    ]

    first, second = reports
    assert (first.traces_evaluated, first.traces_taken_over) == (25, died)
    assert (added(first), added(second), second.traces_evaluated) == (25, 0, 0)
    found = next(count for count in first.detectors if count.detector == "empty_response")
    assert found.matched_new == 25
    stored = blanks.scan("runs").collect().sort("as_of")["counts"]
    assert json.loads(stored[0])["traces_evaluated"] == 25
    assert stored.len() == (1 if incremental else 2)


def test_a_run_that_died_before_adding_items_gives_the_same_priorities_when_repeated_later(
    blanks, queues, monkeypatch
):
    run_that_dies(monkeypatch, queue_filling, "fill", blanks, queues)
    assert blanks.scan("findings").collect().height == 25

    run(blanks, queues, project="default", as_of=AS_OF + HOUR)

    similar = sorted(item.priority_terms["similar_queued"] for item in items(queues))
    assert similar == list(range(25))


def test_weights_stand_for_everything_although_a_cap_kept_few(store, queues):
    store.append("spans", frame([chat(f"t{n}", at=n) for n in range(400)]))
    live(queues, "all", None, 0.5)
    config = AnalysisConfig(items_max=80, random_floor=0.6)

    run(store, queues, project="default", as_of=AS_OF, config=config)

    rows = store.scan("traces").collect()
    for queue in ("all", "random_floor"):
        kept = items(queues, queue)
        weights = sum(1 / item.selection.p for item in kept)
        assert len(kept) == 80
        # The standard error of the sum is 400 * sqrt((1 - 0.2) / 80) = 40.
        assert 280 < weights < 520, queue
        assert all(item.selection.selected for item in kept)
    union = rows["inclusion_probability"].unique()
    assert union.len() == 1
    assert 0.1 < union.item() < 0.3


@pytest.mark.parametrize("later_max", [40, 0], ids=["next best", "no cap any more"])
def test_weights_stand_for_everything_once_although_later_runs_let_more_in(
    store, queues, later_max
):
    store.append("spans", frame([chat(f"t{n}", at=n) for n in range(400)]))
    live(queues, "all", None, 0.5)
    config = AnalysisConfig(items_max=40, random_floor=0.6)
    later = AnalysisConfig(items_max=later_max, random_floor=0.6)

    run(store, queues, project="default", as_of=AS_OF, config=config)
    run(store, queues, project="default", as_of=AS_OF + HOUR, since=LONG_AGO, config=later)

    records = store.scan("traces").collect()["selections"].str.json_decode(RECORDS).explode()
    known = records.struct.unnest().group_by("queue").agg(pl.col("p").unique())
    for queue in ("all", "random_floor"):
        kept = items(queues, queue)
        chances = {item.selection.p for item in kept}
        # Of what was passed over too: it had the same chance.
        assert chances == set(known.filter(queue=queue)["p"].item())
        assert 280 < sum(1 / item.selection.p for item in kept) < 520, queue


def test_under_a_cap_the_chance_of_a_trace_that_was_not_kept_knows_its_weight(store, queues):
    rows = [chat(f"t{n}", at=n, agent_name="vip" if n % 2 else "other") for n in range(200)]
    store.append("spans", frame(rows))
    weights = {"agent_name = 'vip'": 4.0}
    config = AnalysisConfig(items_max=10, random_floor=0.5, business_weights=weights)

    run(store, queues, project="default", as_of=AS_OF, config=config)

    chances = (
        store.scan("traces")
        .collect()
        .group_by("agent_name")
        .agg(pl.col("inclusion_probability").unique())
    )
    (low,), (high,) = (
        chances.filter(agent_name=name)["inclusion_probability"].item() for name in ("other", "vip")
    )
    assert high == pytest.approx(4 * low)


def test_a_trace_that_was_kept_keeps_its_chance_when_the_queue_takes_less_later(store, queues):
    store.append("spans", frame([chat(f"t{n}", at=n) for n in range(60)]))
    live(queues, "all", None, 0.9)
    run(store, queues, project="default", as_of=AS_OF)
    queues.update_queue(
        project="default", name="all", changes={"sample_rate": 0.1}, now=AS_OF, actor="lead"
    )

    run(store, queues, project="default", as_of=AS_OF + HOUR, since=LONG_AGO)

    rows = store.scan("traces").collect()
    assert rows["inclusion_probability"].to_list() == [0.9] * 60
    chosen = rows.filter(pl.col("selections").str.contains('"rule":"live:all".*"selected":true'))
    assert {item.object_id for item in items(queues, "all")} <= set(rows["trace_id"])
    assert chosen.height == len(items(queues, "all"))


def test_what_was_passed_over_at_the_line_is_not_told_as_kept(store, queues):
    # With this salt, one over the line's priority is more than the draw by the last digit.
    config = AnalysisConfig(items_max=3, random_floor=0.0, salt="line-25")
    store.append("spans", frame([chat(f"t{n}", at=n) for n in range(6)]))
    live(queues, "all", None, 1.0)

    run(store, queues, project="default", as_of=AS_OF, config=config)

    rows = store.scan("traces").collect()
    told = rows.filter(pl.col("selections").str.contains('"selected":true', literal=True))
    kept = {item.object_id for item in items(queues, "all")}
    assert (set(told["trace_id"]), len(kept)) == (kept, 3)
