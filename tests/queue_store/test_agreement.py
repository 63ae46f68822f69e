"""Agreement: published figures, and nothing that depends on order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_store.agreement import agreement

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C:
# four observers, twelve units, missing values; nominal alpha 0.743, interval alpha 0.849.
KRIPPENDORFF = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


def units(table):
    found = {}
    for rater, values in table.items():
        for unit, value in enumerate(values):
            if value is not None:
                found.setdefault(unit, {})[rater] = value
    return found


def test_krippendorffs_own_example():
    nominal = agreement(units(KRIPPENDORFF))
    interval = agreement(units(KRIPPENDORFF), interval=True)

    assert nominal.alpha == pytest.approx(0.743, abs=5e-4)
    assert interval.alpha == pytest.approx(0.849, abs=5e-4)


def test_cohens_kappa_of_the_textbook_table():
    """Yes/yes 20, yes/no 5, no/yes 10, no/no 15 gives kappa 0.4."""
    pairs = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    found = agreement({n: {"a": one, "b": other} for n, (one, other) in enumerate(pairs)})

    assert found.kappa == pytest.approx(0.4)
    assert found.percent == pytest.approx(70.0)


def test_what_is_undefined_is_none():
    nothing = agreement({})
    one_class = agreement({1: {"a": True, "b": True}, 2: {"a": True, "b": True}})

    assert (nothing.percent, nothing.kappa, nothing.alpha) == (None, None, None)
    assert (one_class.percent, one_class.kappa, one_class.alpha) == (100.0, None, None)


@given(
    st.dictionaries(
        st.integers(0, 20),
        st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_units_and_raters_changes_nothing(ratings, random):
    order = list(ratings)
    random.shuffle(order)
    shuffled = {}
    for unit in order:
        raters = list(ratings[unit])
        random.shuffle(raters)
        shuffled[unit] = {rater: ratings[unit][rater] for rater in raters}

    one, other = agreement(ratings), agreement(shuffled)

    assert one.percent == other.percent
    assert one.alpha == pytest.approx(other.alpha)
    assert one.kappa == pytest.approx(other.kappa)
    assert one.pairs == other.pairs
