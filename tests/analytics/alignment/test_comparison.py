"""Two versions on the same items, windows of time, and alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from analytics.alignment.bootstrap import bca_interval
from analytics.alignment.comparison import benjamini_hochberg, compare, mcnemar
from analytics.alignment.drift import alerts_of_many, flag_rate_change
from analytics.alignment.errors import InvalidPairsError
from analytics.alignment.intervals import clopper_pearson, wilson, zero_error_bound
from analytics.alignment.report import ReportOptions, make_samples, report


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
    assert found["mcnemar"]["chi_squared_corrected"] == pytest.approx(3.047619, abs=1e-6)
    assert found["mcnemar"]["chi_squared_corrected_p"] == pytest.approx(0.080856, abs=1e-6)
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


def test_causes_name_the_errors_that_moved():
    causes = report(weeks(falling=True), ReportOptions()).versions["alerts"][0]["causes"]

    assert any(cause.startswith("the catch rate moved from 0.9") for cause in causes)


def test_people_who_agree_less_are_named_before_the_evaluator():
    rng = np.random.default_rng(6)
    rows = []
    for week in range(4):
        for number in range(80):
            truth = int(rng.random() < 0.5)
            for rater in ("ann", "bob"):
                wrong = rng.random() < (0.3 if week >= 2 else 0.02)
                moment = datetime(2026, 9, 7, tzinfo=UTC) + timedelta(days=7 * week)
                rows.append((f"{week}-{number}", rater, int(truth != wrong), truth,
                             moment.isoformat()))  # fmt: skip
    columns = ["item", "rater", "human", "evaluator", "time"]
    found = report(
        pl.DataFrame(rows, schema=columns, orient="row"), ReportOptions(gate=0.99)
    ).versions

    assert found["windows"][0]["kappa_human_human"] > 0.9
    assert "people agree less with each other" in " ".join(found["alerts"][-1]["causes"])


def test_alerts_are_corrected_over_the_evaluators_of_a_week():
    """One evaluator that fell by chance among forty steady ones raises no alert."""
    steady = made_windows([0.8] * 3, error=0.04)
    fell = made_windows([0.8, 0.69, 0.69], error=0.04)

    alone = alerts_of_many({"fell": fell}, None)
    among = alerts_of_many({"fell": fell} | {f"s{i}": steady for i in range(40)}, None)

    assert len(alone["fell"]) == 1
    assert among["fell"] == []


def made_windows(values, error):
    from analytics.alignment.figure import Figure
    from analytics.alignment.windows import Window

    return [
        Window(
            start=f"2026-09-{7 + 7 * i:02d}", end=f"2026-09-{13 + 7 * i:02d}",
            figure=Figure(value=value, ci_low=value - 0.1, ci_high=value + 0.1), error=error,
            human_rate=None, evaluator_rate=None, tpr=None, tnr=None, people_kappa=None,
        )
        for i, value in enumerate(values)
    ]  # fmt: skip


def test_flag_rate_of_all_traffic_is_watched_without_labels():
    rng = np.random.default_rng(7)
    rows = []
    for week in range(4):
        moment = (datetime(2026, 9, 7, tzinfo=UTC) + timedelta(days=7 * week)).isoformat()
        flags = rng.random(400) < (0.3 if week == 3 else 0.1)
        rows += [(None, int(flag), moment) for flag in flags]
    rows += [(1, 1, None), (0, 0, None)]
    frame = pl.DataFrame(
        rows, schema=["human", "evaluator", "item_time"], orient="row", infer_schema_length=None
    )

    found = report(frame, ReportOptions()).versions["traffic"]

    assert [week["items"] for week in found["weeks"]] == [400] * 4
    assert found["weeks"][0]["flag_rate"].value == pytest.approx(0.1, abs=0.04)
    assert [change["start"] for change in found["moved"]] == ["2026-09-28"]
    assert found["moved"][0]["p_adjusted"] < 0.001


def test_a_time_that_is_none_is_named():
    frame = pl.DataFrame({"human": [1], "evaluator": [1], "time": ["yesterday"]})

    with pytest.raises(InvalidPairsError, match="row 1: time is 'yesterday'"):
        report(frame, ReportOptions())


@pytest.mark.parametrize(
    "text", ["2026-09-07T10:00:00Z", "2026-09-07T12:00:00+02:00", "2026-09-07 10:00:00",
             "2026-09-07T10:00:00.123456+00:00", "2026-09-07"],
)  # fmt: skip
def test_times_are_read_in_every_common_form(text):
    frame = pl.DataFrame({"human": [0, 1] * 20, "evaluator": [0, 1, 1, 1] * 10, "time": text})

    assert report(frame, ReportOptions()).versions["windows"][0]["start"] == "2026-09-07"


@pytest.mark.parametrize("kind", ["words", "numbers"])
def test_drawn_differences_agree_with_the_linearised_ones(kind):
    rng = np.random.default_rng(5)
    size = 600
    if kind == "words":
        human = rng.integers(0, 2, size)
        sides = [np.where(rng.random(size) < rate, human, 1 - human) for rate in (0.7, 0.85)]
    else:
        human = rng.normal(5, 2, size)
        sides = [human + rng.normal(shift, 1, size) for shift in (1.0, 0.2)]
    frame = pl.concat(
        [
            pl.DataFrame(
                {"item": np.arange(size).astype(str), "human": human, "evaluator": side,
                 "evaluator_version": name, "cluster": np.arange(size) // 3}
            ).with_columns(weight=1.0 + pl.col("cluster") % 3)
            for name, side in zip("ab", sides, strict=True)
        ]
    )  # fmt: skip
    samples, _ = make_samples(frame, ReportOptions())

    found = compare(samples["a"], samples["b"], seed=1)
    again = compare(samples["a"], samples["b"], seed=1)

    assert found == again
    for block in ("raw", "weighted"):
        drawn = {name: entry for name, entry in found[block].items() if "difference_drawn" in entry}
        assert {"mae", "ccc"} <= set(drawn) or {"mcc", "tpr", "cohen_kappa"} <= set(drawn)
        for name, entry in drawn.items():
            line, draws = entry["difference"], entry["difference_drawn"]
            assert (draws.value, draws.seed) == (line.value, 1), name
            width = line.ci_high - line.ci_low
            assert draws.ci_low == pytest.approx(line.ci_low, abs=0.12 * width), name
            assert draws.ci_high == pytest.approx(line.ci_high, abs=0.12 * width), name
    assert "difference_drawn" not in compare(samples["a"], samples["b"])["raw"]


def test_every_window_has_thirty_labels_that_count():
    """Labels given in view of the verdict, and items without a score, fill no window."""
    rng = np.random.default_rng(8)
    size = 400
    human = rng.integers(0, 2, size)
    frame = pl.DataFrame(
        {"human": human, "evaluator": np.where(rng.random(size) < 0.8, human, 1 - human),
         "inclusion_probability": 0.5,
         "blind": np.where(np.arange(size) % 3 == 0, "false", "true"),
         "time": [f"2026-{1 + n // 40:02d}-{1 + n % 28:02d}" for n in range(size)]}
    ).with_columns(
        evaluator=pl.when(pl.int_range(size) % 5 != 0).then("evaluator")
    )  # fmt: skip

    found = report(frame, ReportOptions()).versions["windows"]

    assert len(found) > 3
    assert min(window["figure"]["n"] for window in found) >= 30
