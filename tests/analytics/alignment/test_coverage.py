"""Intervals cover a known truth as often as they say, where the naive ones do not.

300 seeded runs a design here; `benchmarks/alignment.py --coverage` runs 2,000 and holds them to
0.93 to 0.985.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from alignment_builders import two_by_two

from analytics.alignment.agreement import agreement
from analytics.alignment.intervals import variance_size, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.report import ReportOptions, make_samples
from analytics.alignment.simulation import BIASED, SIMPLE, SKEWED, coverage
from analytics.alignment.sparse_rate import smoothed_interval

RUNS = 300
FLOOR, TOP = 0.91, 0.99


@pytest.mark.slow
@pytest.mark.parametrize("world", [SIMPLE, SKEWED], ids=["simple", "skewed"])
def test_corrected_rates_cover_the_truth_and_the_naive_rate_does_not(world):
    found = coverage(world, RUNS, seed=11)

    for name in ("PPI++ rate", "human rate", "Rogan-Gladen rate"):
        assert found[name].covered >= FLOOR, found[name]
        # With five negatives TNR is rough, and dividing by it moves Rogan-Gladen a little.
        assert abs(found[name].bias) < (0.02 if name.startswith("Rogan") else 0.006), found[name]
    assert found["naive rate"].covered < 0.5


@pytest.mark.slow
def test_a_biased_queue_is_undone_by_weights_and_by_nothing_else():
    found = coverage(BIASED, RUNS, seed=12)

    # Neither too seldom nor too often: an interval that always covers is wider than it says.
    for name in ("PPI++ rate", "human rate", "stratified rate", "weighted tpr", "weighted tnr"):
        assert FLOOR <= found[name].covered <= TOP, found[name]
        assert abs(found[name].bias) < (0.006 if name.endswith("rate") else 0.01), found[name]
    for name in ("naive rate", "unweighted PPI++ rate", "raw tpr"):
        assert found[name].covered < 0.5, found[name]


def short_queue(rng):
    """Labels of a queue over a thousand items: human, evaluator, weight, whether flagged."""
    size = 1000
    truth = rng.random(size) < BIASED.rate
    score = np.where(truth, rng.random(size) < BIASED.tpr, rng.random(size) >= BIASED.tnr)
    kind = np.where(truth, np.where(score, 0, 1), np.where(score, 2, 3))
    flagged = rng.random(size) < np.array(BIASED.flagged)[kind]
    chance = np.where(flagged, 1.0, BIASED.kept)
    seen = rng.random(size) < chance
    return truth[seen], score[seen], 1 / chance[seen], flagged[seen]


def test_a_catch_rate_of_a_short_queue_covers_when_it_is_shown():
    """Few positives are seen where nobody looked much, and each of them weighs ten."""
    shown = covered = narrow = 0
    for run in range(2000):
        truth, score, weights, flagged = short_queue(np.random.default_rng([13, run]))
        heavy = weights[truth & ~flagged].sum() > 0.1 * weights[truth].sum()
        if heavy and (truth & ~flagged).sum() < 5:
            continue
        value = float(np.average(score[truth], weights=weights[truth]))
        influence = np.where(truth, score - value, 0) * weights.sum() / weights[truth].sum()
        size = variance_size(value, standard_error(influence, weights), kish(weights[truth]))
        plain = wilson(value, size)
        wide = smoothed_interval(truth & score, truth & ~score, weights, flagged.astype(np.int64))
        shown += 1
        covered += min(plain[0], wide[0]) <= BIASED.tpr <= max(plain[1], wide[1])
        narrow += plain[0] <= BIASED.tpr <= plain[1]

    assert shown > 300
    assert 0.93 <= covered / shown <= 0.985
    # Wilson's interval of the linearised error alone, beside it, does not.
    assert narrow / shown < 0.87


def test_the_report_widens_a_rate_that_rests_on_few_heavy_labels():
    frame = pl.concat(
        [
            two_by_two(50, 2, 30, 60, inclusion_probability=1.0, stratum="flagged"),
            two_by_two(5, 0, 5, 81, inclusion_probability=0.1, stratum="rest"),
        ]
    )
    samples, version = make_samples(frame, ReportOptions())

    figure = agreement(samples[version], weighted=True)["tpr"]

    plain = wilson(figure.value, figure.n_eff)
    assert figure.method == "wilson_n_eff_smoothed"
    assert figure.ci_low <= plain[0] < figure.value < plain[1] <= figure.ci_high
    assert figure.ci_high - figure.ci_low > 1.1 * (plain[1] - plain[0])


@pytest.mark.parametrize(
    ("shares", "floor"),
    [
        ((0.04, 0.01, 0.02, 0.93), 0.88),
        ((0.03, 0.12, 0.12, 0.73), 0.92),
        ((0.4, 0.1, 0.1, 0.4), 0.92),
    ],
    ids=["few positives", "little overlap", "balanced"],
)
def test_means_of_rates_cover_the_truth_without_weights_too(shares, floor):
    """Balanced accuracy leans on the rare class, and F1 is no share of what it leaves out."""
    hit, missed, false, right = shares
    truth = {
        "balanced_accuracy": (hit / (hit + missed) + right / (false + right)) / 2,
        "f1": 2 * hit / (2 * hit + missed + false),
    }
    draws = np.random.default_rng(17).multinomial(300, shares, size=RUNS)
    covered = dict.fromkeys(truth, 0)
    for table in draws:
        samples, version = make_samples(two_by_two(*table), ReportOptions())
        figures = agreement(samples[version], weighted=False)
        for name, value in truth.items():
            covered[name] += figures[name].ci_low <= value <= figures[name].ci_high

    for name, hits in covered.items():
        assert floor <= hits / RUNS <= 0.99, (name, hits / RUNS)


def test_a_mean_of_rates_is_no_surer_than_its_rarest_class():
    samples, version = make_samples(two_by_two(1, 0, 0, 999), ReportOptions())

    figure = agreement(samples[version], weighted=False)["balanced_accuracy"]

    assert figure.value == 1
    assert figure.ci_low < 0.6
    assert figure.n_eff == pytest.approx(4, abs=0.01)
