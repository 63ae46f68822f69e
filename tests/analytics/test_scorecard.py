"""Precision from reviewed flags, recall and prevalence from the random floor."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest

from analytics.config import AnalysisConfig, DeclaredDetectorConfig
from analytics.detectors.catalog import load
from analytics.job import run
from analytics.job.scorecards import scorecards
from analytics.job.teaching import trace_verdicts
from analytics.job.verdicts import FLOOR_FIELD, VERDICT_FIELD, precisions
from analytics.reach import Drawn, chances, lines
from analytics.scorecard import (
    Share,
    Stratum,
    Verdict,
    missed,
    precision_of,
    share_of,
    wilson,
)
from queue_store.model import AnnotationDraft
from tests.analytics.spans import AS_OF, chat, frame, identifier

DAY = timedelta(days=1)


def drawn(priority, *, importance=1.0, arrived=0, answered=None, p=1.0, **values):
    return Drawn(
        p=p,
        importance=importance,
        priority=priority,
        arrived=arrived,
        answered=answered,
        is_waiting=values.pop("is_waiting", answered is None),
        **values,
    )


def verdicts(right, wrong, chance=1.0):
    given = [True] * right + [False] * wrong
    return [Verdict(is_case=is_case, chance=chance) for is_case in given]


def answer(queues, queue, values, *, now=AS_OF + DAY):
    """Answer about objects in a queue, by object id."""
    for item in queues.items(project="default", queue=queue, limit=500).items:
        if item.object_id not in values:
            continue
        claim = queues.claim_item(project="default", item_id=item.id, reviewer="ann", now=now)
        field = FLOOR_FIELD if queue == "random_floor" else VERDICT_FIELD
        draft = AnnotationDraft(field=field, value=values[item.object_id])
        queues.complete(
            project="default", item_id=item.id, token=claim.token, values=[draft], now=now
        )


def cards(store, queues, config=None):
    detectors = load(config or AnalysisConfig())
    found = scorecards(store, queues, detectors, project="default", seed=0)
    return {(card.detector, card.version): card for card in found}


def test_the_interval_is_wilsons():
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_few_verdicts_make_no_precision():
    found = precision_of(verdicts(5, 0))

    assert (found.value, found.reason) == (None, "not enough data: 5 of 20 verdicts")


def test_a_queue_that_was_emptied_leaves_every_item_its_own_chance():
    items = [drawn(9, answered=5), drawn(1, answered=6, p=0.2), drawn(3, arrived=8)]

    assert lines(items) == [0.0, 0.0, float("inf")]
    assert chances(items) == [1.0, 0.2, None]


def test_the_line_is_the_highest_priority_that_was_passed_over():
    items = [drawn(9, importance=1.5, answered=5), drawn(4, importance=0.5, answered=6), drawn(3)]

    assert chances(items)[:2] == [0.5, pytest.approx(0.5 / 3)]


def test_what_came_before_reviewers_emptied_the_queue_stays_certain_when_they_stop_later():
    before = [drawn(9, answered=5), drawn(1, answered=6)]
    after = [drawn(8, arrived=10, answered=15), drawn(7, arrived=10)]

    assert lines([*before, *after]) == [0.0, 0.0, 7.0, 7.0]


def test_skipped_items_and_items_of_others_leave_no_line():
    items = [
        drawn(5, answered=5, assignee="ann"),
        drawn(9, is_waiting=False, assignee="ann"),
        drawn(8, assignee="ben"),
    ]

    assert lines(items) == [0.0, 0.0, float("inf")]


def test_an_answer_out_of_the_queues_order_has_no_chance():
    assert chances([drawn(2, answered=5), drawn(7)])[0] is None


def test_reviewing_the_top_first_does_not_bias_the_precision():
    rng = np.random.default_rng(3)
    estimates, plain = [], []
    for _ in range(300):
        importance = rng.uniform(0.1, 1.0, 400)
        u = rng.random(400)
        kept = np.flatnonzero(u < np.where(importance > 0.5, 1.0, 0.4))
        right = rng.random(400) < importance
        priority = importance / u
        top = set(kept[np.argsort(-priority[kept])][:100])
        items = [
            drawn(
                priority[n],
                importance=importance[n],
                p=1.0 if importance[n] > 0.5 else 0.4,
                answered=1 if n in top else None,
            )
            for n in kept
        ]
        known = zip(kept, chances(items), strict=True)
        given = [Verdict(is_case=bool(right[n]), chance=p) for n, p in known if n in top]
        estimates.append(precision_of(given).value - right.mean())
        plain.append(right[list(top)].mean() - right.mean())

    assert abs(np.mean(estimates)) < 0.015
    assert np.mean(plain) > 0.05


def test_recall_weighs_what_the_random_floor_stands_for():
    flagged = Stratum(size=40, share=precision_of(verdicts(20, 20)), seen=1.0)
    floor = share_of(verdicts(1, 99, 0.05), needed=50, of="labels")

    recall, prevalence = missed(flagged, Stratum(size=2000, share=floor, seen=0.05), seed=0)

    # A little less than 20 / (20 + 20): one case among a hundred labels may well stand for more.
    assert 0.42 < recall.value < 0.5
    assert prevalence.value == pytest.approx(40 / 2040)
    assert recall.low < recall.value < recall.high


def test_a_recall_from_a_small_floor_is_too_high_as_often_as_too_low():
    rng = np.random.default_rng(11)
    flagged = Stratum(size=300, share=precision_of(verdicts(280, 20)), seen=1.0)
    truth = 280 / (280 + 9_700 * 0.0124)
    above, plain = 0, []
    for _ in range(400):
        cases = rng.binomial(200, 0.0124)
        floor = share_of(verdicts(cases, 200 - cases, 0.02), needed=50, of="labels")
        recall, _ = missed(flagged, Stratum(size=9_700, share=floor, seen=0.02), seed=0)
        above += recall.value > truth
        plain.append(recall.value - truth)

    assert 150 < above < 250
    assert abs(np.mean(plain)) < 0.03


def test_where_everything_was_seen_nothing_is_in_doubt():
    flagged = Stratum(size=40, share=precision_of(verdicts(30, 10)), seen=1.0)
    floor = share_of(verdicts(10, 90), needed=50, of="labels")

    recall, prevalence = missed(flagged, Stratum(size=100, share=floor, seen=1.0), seed=0)

    assert (recall.low, recall.high) == (recall.value, recall.value) == (0.75, 0.75)
    assert prevalence.low == prevalence.high == pytest.approx(40 / 140)


def test_recall_is_not_claimed_on_few_labels_nor_without_any_case():
    flagged = Stratum(size=40, share=precision_of(verdicts(40, 0)), seen=1.0)
    few = Stratum(size=2000, share=Share(n=10, reason="not enough data: 10 of 50"), seen=0.01)
    nothing = Stratum(size=0, share=Share(reason="not enough data"), seen=0.0)
    clean = Stratum(
        size=2000, share=share_of(verdicts(0, 80, 0.1), needed=50, of="labels"), seen=0.04
    )

    assert missed(flagged, few, seed=0)[0].reason == "not enough data: 10 of 50"
    recall, prevalence = missed(nothing, clean, seed=0)
    assert recall.reason == "not enough data: no case was seen"
    assert (prevalence.value, prevalence.low) == (0.0, 0.0)
    assert 0.01 < prevalence.high < 0.1


def test_verdicts_raise_the_priority_of_what_comes_next(store, queues):
    store.append("spans", frame([chat(f"blank-{n}", at=n, answer="") for n in range(4)]))
    run(store, queues, project="default", as_of=AS_OF)
    answer(queues, "empty_response", {identifier(f"blank-{n}", 32): True for n in range(4)})

    assert precisions(queues, project="default")["empty_response"].mean == pytest.approx(5 / 6)


def test_a_project_without_answers_has_a_scorecard_without_claims(store, queues):
    store.append("spans", frame([chat("blank", answer="")]))
    run(store, queues, project="default", as_of=AS_OF)

    card = next(card for key, card in cards(store, queues).items() if key[0] == "empty_response")

    assert (card.flags, card.reviewed, card.precision.value) == (1, 0, None)
    assert queues.queue(project="default", name="random_floor").field_names == (FLOOR_FIELD,)


@pytest.fixture
def two_versions(store, queues):
    """A detector that flags calls above 5 s, then above 2 s; every trace is in the floor."""
    seconds = [9.0] * 3 + [3.0] * 5 + [1.0] * 52
    store.append(
        "spans", frame([chat(f"t{n}", at=n * 60, seconds=s) for n, s in enumerate(seconds)])
    )
    found = []
    for hours, limit in enumerate((5000, 2000)):
        config = AnalysisConfig(
            random_floor=1.0,
            disabled_detectors=("resource_outliers",),
            detectors={"slow": DeclaredDetectorConfig(when=f"duration_ms > {limit}", severity=0.0)},
        )
        moment = AS_OF + hours * DAY / 24
        run(store, queues, project="default", as_of=moment, config=config)
        found.append((load(config)[-1].version, config))
    return found


def test_each_version_has_a_scorecard_of_its_own(two_versions, store, queues):
    slow = {identifier(f"t{n}", 32) for n in range(8)}
    answer(queues, "slow", dict.fromkeys(slow, True))
    answer(
        queues,
        "random_floor",
        {identifier(f"t{n}", 32): ["slow" if n < 8 else "nothing"] for n in range(60)},
    )
    (old, _), (new, config) = two_versions
    known = cards(store, queues, config)

    before, after = known["slow", old], known["slow", new]
    assert [key for key in known if key[0] == "slow"] == [("slow", new), ("slow", old)]
    assert (before.is_current, after.is_current) == (False, True)
    assert (before.looked_at, before.flags, before.confirmed) == (60, 3, 3)
    assert (after.looked_at, after.flags, after.confirmed) == (60, 8, 8)
    assert (before.recall.value, after.recall.value) == (pytest.approx(3 / 8), 1.0)
    assert before.prevalence.value == after.prevalence.value == pytest.approx(8 / 60)


def test_a_detector_that_is_not_run_any_more_keeps_its_scorecards(two_versions, store, queues):
    answer(queues, "slow", {identifier(f"t{n}", 32): n < 6 for n in range(8)})
    (old, _), (new, _) = two_versions

    without = AnalysisConfig(disabled_detectors=("resource_outliers", "refusal"))
    known = cards(store, queues, without)

    assert {key for key in known if key[0] == "slow"} == {("slow", new), ("slow", old)}
    assert (known["slow", new].confirmed, known["slow", new].reviewed) == (6, 8)
    assert not known["slow", new].is_current
    assert [card.is_current for key, card in known.items() if key[0] == "refusal"] == [False]


def test_the_floor_sees_what_only_another_detector_flagged(two_versions, store, queues):
    _, (_, config) = two_versions
    nothing = {identifier(f"t{n}", 32): ["nothing"] for n in range(60)}
    nothing |= {identifier("t0", 32): ["slow", "laziness"]}
    answer(queues, "random_floor", nothing)

    card = next(card for key, card in cards(store, queues, config).items() if key[0] == "laziness")

    assert (card.flags, card.recall.value) == (0, 0.0)
    assert card.prevalence.value == pytest.approx(1 / 60)


def test_the_command_prints_every_version_and_says_where_data_is_missing(store, queues, command):
    store.append("spans", frame([chat("blank", answer="")]))
    run(store, queues, project="default", as_of=AS_OF)

    said = command("detectors", "scorecard", "--format", "jsonl")

    rows = {row["detector"]: row for row in map(json.loads, said.out.splitlines())}
    assert rows["empty_response"]["precision"]["reason"] == "not enough data: 0 of 20 verdicts"
    assert "not enough data" in rows["empty_response"]["recall"]["reason"]
    assert len(rows) == 11


def test_a_detector_that_came_later_is_offered_on_the_floor_and_judged_by_answers_since(
    store, queues
):
    store.append("spans", frame([chat(f"t{n}", at=n * 60) for n in range(120)]))
    config = AnalysisConfig(random_floor=1.0)
    run(store, queues, project="default", as_of=AS_OF, config=config)
    early = {identifier(f"t{n}", 32): ["nothing"] for n in range(60)}
    answer(queues, "random_floor", early)

    declared = DeclaredDetectorConfig(when="duration_ms > 5000")
    config = AnalysisConfig(random_floor=1.0, detectors={"slow": declared})
    run(store, queues, project="default", as_of=AS_OF + DAY, config=config)
    run(store, queues, project="default", as_of=AS_OF + 2 * DAY, config=config)
    (version,) = (key[1] for key in cards(store, queues, config) if key[0] == "slow")
    before = cards(store, queues, config)["slow", version]
    late = {identifier(f"t{n}", 32): ["slow"] for n in range(60, 120)}
    answer(queues, "random_floor", late, now=AS_OF + 3 * DAY)
    after = cards(store, queues, config)["slow", version]

    assert before.prevalence.reason == "not enough data: 0 of 50 labelled in the random floor"
    assert (after.prevalence.value, after.recall.value) == (1.0, 0.0)
    versions = queues.fields(project="default", every_version=True)
    assert [field.version for field in versions if field.name == FLOOR_FIELD] == [1, 2]
    refusal = cards(store, queues, config)["refusal", load(config)[1].version]
    assert refusal.prevalence.n == 120
    assert len(trace_verdicts(queues, "slow", project="default")) == 60
