"""Intervals cover a known truth as often as they say, where the naive ones do not.

300 seeded runs a design here; `benchmarks/alignment.py --coverage` runs 2,000 and holds them to
0.93 to 0.985.
"""

from __future__ import annotations

import pytest

from analytics.alignment.simulation import BIASED, SIMPLE, SKEWED, coverage

RUNS = 300
FLOOR, TOP = 0.91, 0.99
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("world", [SIMPLE, SKEWED], ids=["simple", "skewed"])
def test_corrected_rates_cover_the_truth_and_the_naive_rate_does_not(world):
    found = coverage(world, RUNS, seed=11)

    for name in ("PPI++ rate", "human rate", "Rogan-Gladen rate"):
        assert found[name].covered >= FLOOR, found[name]
        # With five negatives TNR is rough, and dividing by it moves Rogan-Gladen a little.
        assert abs(found[name].bias) < (0.02 if name.startswith("Rogan") else 0.006), found[name]
    assert found["naive rate"].covered < 0.5


def test_a_biased_queue_is_undone_by_weights_and_by_nothing_else():
    found = coverage(BIASED, RUNS, seed=12)

    # Neither too seldom nor too often: an interval that always covers is wider than it says.
    for name in ("PPI++ rate", "human rate", "stratified rate", "weighted tpr", "weighted tnr"):
        assert FLOOR <= found[name].covered <= TOP, found[name]
        assert abs(found[name].bias) < (0.006 if name.endswith("rate") else 0.01), found[name]
    for name in ("naive rate", "unweighted PPI++ rate", "raw tpr"):
        assert found[name].covered < 0.5, found[name]
