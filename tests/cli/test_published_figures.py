"""The published figures follow from the shipped labels."""

from __future__ import annotations

import pytest

from cli.demonstration.judged_answers import JUDGE, final_label, read_answers, scores_of_answers
from cli.demonstration.published import PUBLISHED, PUBLISHED_JUDGE, agreement

ROWS = read_answers()


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_two_annotators_agree_as_published(model):
    pairs = [(r["annotation_1"], r["annotation_2"]) for r in ROWS if r["model"] == model]

    measured = agreement(pairs)

    assert measured.n == 450
    assert (round(100 * measured.raw, 1), round(measured.fleiss_kappa, 2)) == PUBLISHED[model]


def test_the_judge_agrees_with_the_settled_labels_as_published():
    verdicts = [score.label for score in scores_of_answers(ROWS, 0) if score.evaluator == JUDGE]
    pairs = [
        (final_label(row), verdict)
        for row, verdict in zip(ROWS, verdicts, strict=True)
        if verdict is not None
    ]

    measured = agreement(pairs)

    assert measured.n == 2239
    assert measured.raw == pytest.approx(PUBLISHED_JUDGE[0], abs=0.0005)
    assert measured.cohen_kappa == pytest.approx(PUBLISHED_JUDGE[1], abs=0.001)


def test_agreement_by_hand():
    measured = agreement([("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")])

    assert measured.raw == 0.75
    assert measured.fleiss_kappa == pytest.approx((0.75 - 34 / 64) / (1 - 34 / 64))
    assert measured.cohen_kappa == pytest.approx((0.75 - 0.5) / 0.5)
