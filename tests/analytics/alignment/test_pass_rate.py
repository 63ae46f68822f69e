"""Corrected pass rates against ppi-python, judgy, Lee et al.'s code and the published formulas."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from alignment_builders import enqueue_bias, two_by_two

from analytics.alignment.design import finite_stratified_mean
from analytics.alignment.prediction_powered import (
    active_mean,
    design_mean,
    plain_mean,
    powered_mean,
    tuned_power,
)
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.rogan_gladen import corrected_rate, label_allocation
from analytics.alignment.score_types import ScaleOptions

Z = 1.959963984540054
HUMAN = np.array([1.0] * 10 + [0.0] * 10)
SCORES = np.array([1.0] * 9 + [0.0] + [1.0] * 2 + [0.0] * 8)
UNLABELLED = np.array([1.0] * 120 + [0.0] * 80)


@pytest.mark.parametrize(
    ("power", "value", "low", "high"),
    [
        (0.0, 0.5, 0.280869, 0.719131),
        (1.0, 0.55, 0.368505, 0.731495),
        (None, 0.532872, 0.370510, 0.695233),
    ],
)
def test_prediction_powered_mean_equals_the_reference(power, value, low, high):
    estimate = powered_mean(HUMAN, SCORES, UNLABELLED, power)

    assert estimate.value == pytest.approx(value, abs=1e-6)
    assert estimate.value - Z * estimate.error == pytest.approx(low, abs=1e-6)
    assert estimate.value + Z * estimate.error == pytest.approx(high, abs=1e-6)


def test_tuned_power_equals_the_reference():
    weights = np.array([2.0] * 10 + [1.0] * 10)

    assert tuned_power(HUMAN, SCORES, UNLABELLED) == pytest.approx(0.657432, abs=1e-6)
    power = tuned_power(HUMAN, SCORES, UNLABELLED, weights)
    assert power == pytest.approx(0.588619, abs=1e-6)
    assert plain_mean(HUMAN, SCORES, UNLABELLED, power, weights) == pytest.approx(
        0.627425, abs=1e-6
    )
    assert plain_mean(HUMAN, SCORES, UNLABELLED, 1.0, weights) == pytest.approx(0.6)


def test_estimators_under_unequal_probabilities():
    scores = np.array([1, 1, 1, 0, 0, 1, 0, 1, 1, 0.0])
    chance = np.array([0.2, 0.2, 0.5, 0.8, 0.5, 0.2, 0.8, 0.2, 0.5, 0.8])
    seen = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 1], dtype=bool)
    labels = np.array([1, math.nan, 0, 0, math.nan, math.nan, 1, math.nan, 1, 0])

    active, error = active_mean(scores, labels, seen, chance)
    weighted = design_mean(labels[seen], scores[seen], 1 / chance[seen], chance[seen], scores)

    assert active == pytest.approx(0.525)
    assert error == pytest.approx(0.219232, abs=1e-6)
    assert (labels[seen] / chance[seen]).sum() / 10 == pytest.approx(0.825)
    assert np.average(labels[seen], weights=1 / chance[seen]) == pytest.approx(0.647059, abs=1e-6)
    assert weighted.power == pytest.approx(0.444444, abs=1e-6)
    assert weighted.value == pytest.approx(0.6)
    assert weighted.labels_worth == pytest.approx(4.313433, abs=1e-6)


def test_rogan_gladen_with_few_labels():
    result = corrected_rate(rate=0.6, population=200, tpr=0.9, positives=10, tnr=0.8, negatives=10)

    assert result.value == pytest.approx(0.571429, abs=1e-6)
    assert result.error == pytest.approx(0.120183, abs=1e-6)
    assert (result.delta_low, result.delta_high) == pytest.approx((0.335874, 0.806983), abs=1e-6)
    assert (result.low, result.high) == pytest.approx((0.303896, 0.898963), abs=1e-6)


def test_rogan_gladen_with_many_labels():
    result = corrected_rate(
        rate=0.75, population=1000, tpr=0.9, positives=100, tnr=0.85, negatives=100
    )

    assert result.value == pytest.approx(0.8)
    assert (result.delta_low, result.delta_high) == pytest.approx((0.725418, 0.874582), abs=1e-6)
    assert (result.low, result.high) == pytest.approx((0.731632, 0.886894), abs=1e-6)
    assert label_allocation(labels=200, rate=0.75, tpr=0.9, tnr=0.85, pilot=10) == (54, 146)


def test_an_evaluator_near_chance_is_not_corrected():
    assert (
        corrected_rate(rate=0.5, population=99, tpr=0.5, positives=9, tnr=0.55, negatives=9) is None
    )


def labelled_and_unlabelled():
    rest = pl.DataFrame(
        {"human": pl.Series([None] * 200, dtype=pl.Int64), "evaluator": [1] * 120 + [0] * 80}
    )
    return pl.concat([two_by_two(9, 1, 2, 8), rest])


def test_report_gives_every_estimator_and_says_which_it_takes():
    rates = report(labelled_and_unlabelled(), ReportOptions()).pass_rate

    assert rates["of"] == "1"
    assert rates["naive"].value == pytest.approx(131 / 220)
    assert rates["human_weighted"].value == pytest.approx(0.5)
    assert rates["ppi"].value == pytest.approx(0.532872, abs=1e-6)
    assert rates["rogan_gladen"].value is not None
    assert rates["stratified"].null_reason == "fewer than two strata were named"
    assert rates["default"] == "rogan_gladen"
    assert "fewer than 30" in rates["default_reason"]


def test_report_corrects_the_rate_of_the_unlabelled_items_as_published():
    """Labels may have been picked by class to learn TPR and TNR: their own rate says nothing."""
    rest = pl.DataFrame(
        {"human": pl.Series([None] * 1000, dtype=pl.Int64), "evaluator": [1] * 750 + [0] * 250}
    )
    many = report(pl.concat([two_by_two(90, 10, 15, 85), rest]), ReportOptions())
    few = report(labelled_and_unlabelled(), ReportOptions())

    for found, value, low, high in (
        (few, 0.571429, 0.303896, 0.898963),
        (many, 0.8, 0.731632, 0.886894),
    ):
        figure = found.pass_rate["rogan_gladen"]
        assert figure.value == pytest.approx(value, abs=1e-6)
        assert (figure.ci_low, figure.ci_high) == pytest.approx((low, high), abs=1e-6)


def test_naming_the_bad_value_turns_the_rate_into_a_pass_rate():
    options = ReportOptions(scale=ScaleOptions(positive="1"))
    rates = report(labelled_and_unlabelled(), options).pass_rate

    assert rates["named_pass"]
    assert rates["of"] == "0"
    assert rates["ppi"].value == pytest.approx(1 - 0.532872, abs=1e-6)


def test_equal_probabilities_are_a_simple_sample():
    plain = report(labelled_and_unlabelled(), ReportOptions()).pass_rate
    frame = labelled_and_unlabelled().with_columns(inclusion_probability=pl.lit(0.1))
    weighted = report(frame, ReportOptions()).pass_rate

    assert weighted["ppi"].value == pytest.approx(plain["ppi"].value, abs=1e-12)


def test_report_gives_the_active_inference_estimate_where_every_probability_is_known():
    """The published example: .525 with a standard error of .219232."""
    frame = pl.DataFrame(
        {"human": [1, None, 0, 0, None, None, 1, None, 1, 0],
         "evaluator": [1, 1, 1, 0, 0, 1, 0, 1, 1, 0],
         "inclusion_probability": [0.2, 0.2, 0.5, 0.8, 0.5, 0.2, 0.8, 0.2, 0.5, 0.8]}
    )  # fmt: skip

    figure = report(frame, ReportOptions()).pass_rate["active"]
    without = report(labelled_and_unlabelled(), ReportOptions()).pass_rate["active"]

    assert figure.value == pytest.approx(0.525)
    assert figure.ci_high - figure.value == pytest.approx(Z * 0.219232, abs=1e-6)
    assert "probabilities over all items" in without.null_reason


def test_biased_queue_population_is_estimated():
    rates = report(enqueue_bias(population=True), ReportOptions()).pass_rate

    assert rates["human_weighted"].value == pytest.approx(0.052)
    assert rates["ppi"].ci_low < 0.052 < rates["ppi"].ci_high
    assert rates["stratified"].value == pytest.approx(rates["ppi"].value, abs=0.01)
    assert rates["default"] == "ppi"


def test_items_that_could_never_be_chosen_forbid_a_population_figure():
    frame = pl.concat(
        [
            two_by_two(190, 30, 120, 160, inclusion_probability=1.0, stratum="flagged"),
            pl.DataFrame(
                {"human": pl.Series([None] * 9, dtype=pl.Int64), "evaluator": [0] * 9}
            ).with_columns(inclusion_probability=pl.lit(0.0), stratum=pl.lit("unflagged")),
        ],
        how="diagonal_relaxed",
    )
    result = report(frame, ReportOptions())

    assert result.pass_rate["ppi"].value is None
    assert "9 of 509 items could never be chosen" in result.pass_rate["ppi"].null_reason
    assert result.sampling["zero_probability"]["strata"] == ["unflagged"]


def test_without_unlabelled_items_the_weights_stand_for_the_population():
    """Else the flag rate of the queue would be corrected as if it were the population's."""
    rates = report(enqueue_bias(), ReportOptions()).pass_rate

    assert rates["human_weighted"].value == pytest.approx(0.052)
    assert rates["rogan_gladen"].value == pytest.approx(0.052)
    assert rates["stratified"].value == pytest.approx(0.052)


def test_rate_among_exactly_these_items_takes_no_doubt_from_what_was_seen_wholly():
    result = report(enqueue_bias(population=True), ReportOptions()).pass_rate["these_items"]
    half = (result.ci_high - result.ci_low) / 2

    assert result.value == pytest.approx(0.052)
    # Wilson around the published standard error, .005116.
    size = 0.052 * 0.948 / 0.005116**2
    assert result.n_eff == pytest.approx(size, rel=1e-3)
    assert half == pytest.approx(1.96 * 0.005116, rel=0.02)


def test_finite_error_of_the_biased_queue_is_the_published_one():
    values = np.repeat([1.0, 0.0, 1.0, 0.0], [220, 280, 30, 920])
    strata = np.repeat([0, 1], [500, 950])

    found = finite_stratified_mean(values, strata, {0: 500, 1: 9500})

    assert found == pytest.approx((0.052, 0.005116), abs=5e-7)


def test_labels_of_a_queue_that_looks_where_it_is_bad_are_worth_more_than_kish_says():
    figure = report(enqueue_bias(population=True), ReportOptions()).pass_rate["human_weighted"]

    # p(1 - p) / SE^2 of the linearised error, which the strata bear out.
    assert figure.n_eff == pytest.approx(1568, rel=0.01)
    assert figure.n_eff > 1047.12
