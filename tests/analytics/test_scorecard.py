"""Precision from reviewed flags, recall from the random floor."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.job import run
from analytics.job.verdicts import FLOOR_FIELD, VERDICT_FIELD, precisions, scorecards
from analytics.scorecard import Flag, missed, precision_of, wilson
from queue_store.model import AnnotationDraft
from tests.analytics.spans import AS_OF, chat, frame


def test_the_interval_is_wilsons():
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_few_verdicts_make_no_precision():
    flags = [Flag(importance=1, priority=2, is_right=True)] * 5

    assert precision_of(flags).value is None
    assert "not enough" in precision_of(flags).reason


def test_reviewing_the_top_first_does_not_bias_the_precision():
    rng = np.random.default_rng(3)
    estimates, plain = [], []
    for _ in range(300):
        importance = rng.uniform(0.1, 1.0, 400)
        right = rng.random(400) < importance
        priority = importance / rng.random(400)
        top = set(np.argsort(-priority)[:120])
        flags = [
            Flag(
                importance=importance[n],
                priority=priority[n],
                is_right=bool(right[n]) if n in top else None,
            )
            for n in range(400)
        ]
        estimates.append(precision_of(flags).value - right.mean())
        plain.append(right[list(top)].mean() - right.mean())

    assert abs(np.mean(estimates)) < 0.015
    assert np.mean(plain) > 0.05


def test_recall_weighs_what_the_random_floor_stands_for():
    precision = precision_of(
        [Flag(importance=1, priority=1, is_right=n % 2 == 0) for n in range(40)]
    )

    recall, prevalence = missed(
        flags=40, precision=precision, unflagged=2000, floor_labelled=100, floor_bad=1, seed=0
    )

    assert recall.value == pytest.approx(20 / (20 + 20))
    assert prevalence.value == pytest.approx(40 / 2040)
    assert recall.low < recall.value < recall.high


def test_recall_is_not_claimed_on_few_labels():
    precision = precision_of([Flag(importance=1, priority=1, is_right=True)] * 40)

    recall, _ = missed(
        flags=40, precision=precision, unflagged=2000, floor_labelled=10, floor_bad=0, seed=0
    )

    assert recall.value is None


def test_verdicts_raise_the_priority_of_what_comes_next(store, queues):
    store.append("spans", frame([chat(f"blank-{n}", at=n, answer="") for n in range(4)]))
    run(store, queues, project="default", as_of=AS_OF)
    for item in queues.items(project="default", queue="empty_response").items:
        claim = queues.claim_item(project="default", item_id=item.id, reviewer="ann", now=AS_OF)
        queues.complete(
            project="default",
            item_id=item.id,
            token=claim.token,
            values=[AnnotationDraft(field=VERDICT_FIELD, value=True)],
            now=AS_OF,
        )

    assert precisions(queues, project="default")["empty_response"].mean == pytest.approx(5 / 6)


def test_a_project_without_answers_has_a_scorecard_without_claims(store, queues):
    store.append("spans", frame([chat("blank", answer="")]))
    run(store, queues, project="default", as_of=AS_OF)
    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import load

    cards = scorecards(store, queues, load(AnalysisConfig()), project="default", seed=0)

    card = next(card for card in cards if card.detector == "empty_response")
    assert (card.flags, card.reviewed, card.precision.value) == (1, 0, None)
    assert queues.queue(project="default", name="random_floor").field_names == (FLOOR_FIELD,)
