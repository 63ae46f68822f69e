"""Two versions on the same items, windows of time, and alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from analytics.alignment.bootstrap import bca_interval
from analytics.alignment.comparison import benjamini_hochberg, compare, mcnemar
from analytics.alignment.intervals import clopper_pearson, wilson, zero_error_bound
from analytics.alignment.report import ReportOptions, make_samples, report
from analytics.alignment.versions import flag_rate_change


def test_three_answers_of_mcnemar_on_one_table():
    found = mcnemar(6, 15)

    assert found.exact == pytest.approx(0.078354, abs=1e-6)
    assert found.mid_p == pytest.approx(0.052479, abs=1e-6)
    assert found.chi_squared == pytest.approx(3.857143, abs=1e-6)
    assert found.p_value == pytest.approx(0.049535, abs=1e-6)
    assert found.chi_squared_corrected == pytest.approx(3.047619, abs=1e-6)
    assert found.p_value_corrected == pytest.approx(0.080856, abs=1e-6)
    assert mcnemar(121, 59).chi_squared == pytest.approx(21.355556, abs=1e-6)


@pytest.mark.parametrize(
    ("hits", "size", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_intervals_of_one_share(hits, size, score, exact):
    assert wilson(hits / size, size) == pytest.approx(score, abs=5e-5)
    assert clopper_pearson(hits, size) == pytest.approx(exact, abs=5e-5)


def test_no_error_in_n_has_an_upper_bound_of_about_three_over_n():
    assert zero_error_bound(100) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert zero_error_bound(100) == pytest.approx(3 / 100, rel=0.02)


def test_bootstrap_intervals_of_mcc():
    def matthews(one, two):
        tp, fn = (one * two).sum(), (one * (1 - two)).sum()
        fp, tn = ((1 - one) * two).sum(), ((1 - one) * (1 - two)).sum()
        return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))

    human = np.array([1] * 90 + [0] * 10)
    evaluator = np.array([1] * 85 + [0] * 5 + [1] * 3 + [0] * 7)

    corrected = bca_interval(human, evaluator, matthews, seed=0)
    plain = bca_interval(human, evaluator, matthews, seed=0, method="percentile")

    assert corrected == pytest.approx((0.274389, 0.813890), abs=1e-6)
    assert plain == pytest.approx((0.296720, 0.823055), abs=1e-6)


def test_many_comparisons_are_corrected():
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert benjamini_hochberg([]) == []


def two_versions():
    """Version 2 repairs fifteen of version 1's mistakes and makes six new ones."""
    human = np.tile([1, 0], 60)
    one, two = human.copy(), human.copy()
    one[:15] = 1 - one[:15]
    two[20:26] = 1 - two[20:26]
    parts = [
        pl.DataFrame({"item": [f"i{n}" for n in range(120)], "human": human, "evaluator": scores,
                      "evaluator_version": name})
        for name, scores in (("v1", one), ("v2", two))
    ]  # fmt: skip
    return pl.concat(parts)


def test_versions_are_never_merged_and_compared_on_the_same_items():
    result = report(two_versions(), ReportOptions())

    assert result.scope["evaluator_version"] == "v2"
    assert result.scope["labelled"] == 120
    assert result.raw["accuracy"].value == pytest.approx(114 / 120)
    assert [s["version"] for s in result.versions["segments"]] == ["v1", "v2"]
    found = result.versions["comparisons"][0]
    assert found["mcnemar"]["first_only_right"] == 6
    assert found["mcnemar"]["second_only_right"] == 15
    assert found["mcnemar"]["mid_p"] == pytest.approx(0.052479, abs=1e-6)
    assert found["raw"]["accuracy"]["difference"].value == pytest.approx(9 / 120)
    assert found["flipped_count"] == 21
    assert found["flipped"][0] == {"item": "i20", "human": "1", "first": "1", "second": "0"}


def test_the_version_asked_for_is_reported():
    result = report(two_versions(), ReportOptions(version="v1"))

    assert result.raw["accuracy"].value == pytest.approx(105 / 120)


def test_difference_equals_the_paired_one_of_a_simple_share():
    samples, _ = make_samples(two_versions(), ReportOptions())

    found = compare(samples["v1"], samples["v2"])["raw"]["accuracy"]["difference"]

    gain = np.array([0.0] * 120)
    gain[:15], gain[20:26] = 1, -1
    error = gain.std(ddof=1) / np.sqrt(120)
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)


def weeks(falling):
    rng = np.random.default_rng(5)
    start = datetime(2026, 9, 7, tzinfo=UTC)
    rows = []
    for week in range(6):
        for number in range(100):
            human = int(rng.random() < 0.5)
            wrong = rng.random() < (0.35 if falling and week >= 3 else 0.05)
            moment = start + timedelta(days=7 * week, minutes=number)
            rows.append((human, int(human != wrong), moment.isoformat()))
    return pl.DataFrame(rows, schema=["human", "evaluator", "time"], orient="row")


def test_a_lasting_fall_raises_an_alert_in_its_second_week():
    found = report(weeks(falling=True), ReportOptions()).versions

    assert len(found["windows"]) == 6
    assert found["alerts"][0]["start"] == "2026-10-05"
    assert "two windows in a row" in found["alerts"][0]["because"]


def test_a_steady_evaluator_raises_none():
    assert report(weeks(falling=False), ReportOptions()).versions["alerts"] == []


def test_a_bound_under_the_gate_raises_one_at_once():
    found = report(weeks(falling=True), ReportOptions(gate=0.7)).versions

    assert found["alerts"][0]["start"] == "2026-09-28"


def test_flag_rate_moves_are_seen_without_labels():
    assert flag_rate_change(50, 1000, 90, 1000)["p_value"] < 0.001
    assert flag_rate_change(50, 1000, 52, 1000)["p_value"] > 0.5
