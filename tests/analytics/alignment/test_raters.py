"""Reliability of several raters against krippendorff, irrCAC, pingouin and published tables."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.alignment.alternative_test import alternative_test
from analytics.alignment.dawid_skene import dawid_skene
from analytics.alignment.raters import (
    Metric,
    chance_corrected,
    class_counts,
    conger_kappa,
    gwet_error,
    intraclass,
    krippendorff_alpha,
)
from analytics.alignment.reviewers import pairwise_kappa
from analytics.alignment.yardstick import interval_alpha_sums, interval_alpha_value

# Krippendorff's example of four raters and twelve units; 0 is a gap.
UNITS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
).T
CODES = UNITS - 1
COUNTS = class_counts(CODES, 5)
LEVELS = np.arange(1.0, 6.0)


@pytest.mark.parametrize(
    ("metric", "alpha"),
    [
        (Metric.NOMINAL, 0.743421),
        (Metric.ORDINAL, 0.815388),
        (Metric.INTERVAL, 0.849107),
        (Metric.RATIO, 0.797403),
    ],
)
def test_alpha_of_each_metric(metric, alpha):
    assert krippendorff_alpha(COUNTS, metric, LEVELS) == pytest.approx(alpha, abs=1e-6)


def test_alpha_of_weighted_items_is_that_of_repeated_items():
    weights = np.array([1, 2, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1])

    weighted = krippendorff_alpha(COUNTS, Metric.NOMINAL, LEVELS, weights.astype(float))

    assert weighted == pytest.approx(0.730444, abs=1e-6)
    repeated = np.repeat(COUNTS, weights, axis=0)
    assert weighted == pytest.approx(krippendorff_alpha(repeated, Metric.NOMINAL, LEVELS))


def test_interval_alpha_from_sums_is_the_same():
    values = np.where(UNITS > 0, UNITS, np.nan).astype(float)

    sums = interval_alpha_sums(values).sum(axis=0)

    assert interval_alpha_value(sums[None])[0] == pytest.approx(0.849107, abs=1e-6)


def test_chance_corrected_coefficients_with_gaps():
    same = np.eye(5)
    gap = np.abs(LEVELS[:, None] - LEVELS) / 4

    assert chance_corrected(COUNTS, same, "ac") == pytest.approx(0.775444, abs=1e-6)
    assert gwet_error(COUNTS, same) == pytest.approx(0.14295, abs=1e-5)
    assert chance_corrected(COUNTS, 1 - gap, "ac") == pytest.approx(0.858739, abs=1e-6)
    assert chance_corrected(COUNTS, 1 - gap**2, "ac") == pytest.approx(0.914001, abs=1e-6)
    assert chance_corrected(COUNTS, same, "fleiss") == pytest.approx(0.761169, abs=1e-6)
    assert conger_kappa(CODES, 5) == pytest.approx(0.762067, abs=1e-6)
    assert chance_corrected(COUNTS, same, "bp") == pytest.approx(0.772727, abs=1e-6)


def test_intraclass_correlations_of_shrout_and_fleiss():
    scores = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )

    found = intraclass(scores.astype(float))

    wanted = {"1,1": 0.165742, "A,1": 0.289764, "C,1": 0.714841, "A,k": 0.620051, "C,k": 0.9093}
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-4 if name == "C,k" else 1e-6)


def test_mean_kappa_of_pairs_does_not_depend_on_the_order_of_rows_or_raters():
    values = np.where(UNITS > 0, UNITS - 1, np.nan).astype(float)
    rng = np.random.default_rng(0)

    first = pairwise_kappa(values, 5)
    mixed = pairwise_kappa(values[rng.permutation(12)][:, [2, 0, 3, 1]], 5)

    assert first == pytest.approx(mixed)


def synthetic():
    index = np.arange(60)
    truth = (index % 3 != 0) * 1.0

    def flipped(every):
        return np.where(index % every == 0, 1 - truth, truth)

    return np.column_stack([flipped(10), flipped(7), flipped(4)]), flipped(12)


@pytest.mark.parametrize(("epsilon", "winning"), [(0.0, 2 / 3), (0.1, 1.0), (0.2, 1.0)])
def test_alternative_test_winning_rate(epsilon, winning):
    ratings, evaluator = synthetic()

    found = alternative_test(ratings, evaluator, epsilon)

    assert found.advantage == 1.0
    assert found.winning_rate == pytest.approx(winning)


def test_alternative_test_p_values():
    ratings, evaluator = synthetic()

    found = alternative_test(ratings, evaluator, 0.1)

    assert found.p_values == pytest.approx((9.511e-07, 1.7523e-06, 1.7523e-06), rel=1e-4)
    assert found.passed


def test_leave_one_out_agreement():
    ratings, evaluator = synthetic()
    people, machine = [], []
    for person in range(3):
        others = np.delete(ratings, person, axis=1)
        people.append((ratings[:, [person]] == others).mean())
        machine.append((evaluator[:, None] == others).mean())

    assert people == pytest.approx([0.766667, 0.741667, 0.725], abs=1e-6)
    assert machine == pytest.approx([0.816667, 0.841667, 0.825], abs=1e-6)


# Table 1 of Dawid and Skene 1979: 45 patients, observer 1 three times, then observers 2 to 5.
PATIENTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343
1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222
1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343
2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""


def patients():
    counts = np.zeros((45, 5, 4))
    for row, text in enumerate(PATIENTS.split()):
        for place, answer in enumerate(text):
            counts[row, max(0, place - 2), int(answer) - 1] += 1
    return counts


def test_dawid_and_skene_find_their_published_estimates():
    found = dawid_skene(patients())

    assert found.prior == pytest.approx([0.3996, 0.4220, 0.1118, 0.0667], abs=5e-5)
    assert found.log_likelihood == pytest.approx(-192.890881, abs=1e-5)
    wanted = [[0.889, 0.111, 0, 0], [0.071, 0.876, 0.053, 0], [0, 0.339, 0.661, 0],
              [0, 0, 0.556, 0.444]]  # fmt: skip
    assert found.habits[0] == pytest.approx(np.array(wanted), abs=5e-4)


def test_dawid_and_skene_differ_from_the_majority_on_three_patients():
    counts = patients()

    best = dawid_skene(counts).posterior.argmax(axis=1)
    majority = counts.sum(axis=1).argmax(axis=1)

    assert set(np.flatnonzero(best != majority) + 1) == {2, 12, 36}
