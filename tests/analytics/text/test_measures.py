from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from analytics.text.measures import average_precision, proportion, quality


def test_precision_and_recall_of_a_hand_counted_example():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.2, 0.1, 0.1])

    found = quality(labels, scores, 0.5, seed=1)

    assert (found.n, found.positives, found.flagged) == (8, 3, 3)
    assert found.precision.value == pytest.approx(2 / 3)
    assert found.recall.value == pytest.approx(2 / 3)
    assert found.false_positive_rate.value == pytest.approx(1 / 5)
    assert found.pr_auc.value == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_the_interval_is_wilsons():
    """Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662."""
    found = proportion(81, 263)

    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_what_is_not_defined_is_none_and_reads_as_a_dash():
    found = quality(np.array([0, 0]), np.array([0.1, 0.9]), 0.5, seed=1)

    assert found.recall.value is None
    assert found.precision.value is None
    assert found.pr_auc.value is None
    assert str(found.recall) == "-"


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30).filter(
        lambda rows: any(label for label, _ in rows)
    )
)
def test_average_precision_agrees_with_scikit_learn(rows):
    wanted = np.array([label for label, _ in rows])
    scores = np.array([score for _, score in rows], dtype=float)

    assert average_precision(wanted, scores) == pytest.approx(
        average_precision_score(wanted, scores)
    )
