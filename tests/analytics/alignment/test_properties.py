"""Properties that hold for every table: order, weights, scale, swapping sides."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.alignment.prediction_powered import design_mean, powered_mean
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.score_types import ScaleOptions, ScoreType

QUICK = settings(max_examples=25, deadline=None, derandomize=True)
FAST = ("accuracy", "balanced_accuracy", "tpr", "tnr", "ppv", "npv", "f1", "mcc", "cohen_kappa",
        "gwet_ac1", "pabak")  # fmt: skip
SYMMETRIC = ("accuracy", "mcc", "cohen_kappa", "gwet_ac1", "krippendorff_alpha", "pabak")

binary_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(1, 4)), min_size=4, max_size=40
)
scale_rows = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)), min_size=6, max_size=30
)


def frame_of(rows, **columns):
    human, evaluator, times = zip(*rows, strict=True)
    frame = pl.DataFrame({"human": human, "evaluator": evaluator, "weight": times})
    return frame.with_columns(**columns)


def values(figures, names=None):
    return {
        name: figure.value for name, figure in figures.items() if names is None or name in names
    }


def same(first, second, tolerance=1e-9):
    assert set(first) == set(second)
    for name, value in first.items():
        other = second[name]
        assert (value is None) == (other is None), name
        if value is not None:
            assert value == pytest.approx(other, abs=tolerance), name


def of(frame, **scale):
    return report(frame, ReportOptions(scale=ScaleOptions(**scale)))


@QUICK
@given(binary_rows)
def test_whole_weights_are_repeated_rows(rows):
    weighted = of(frame_of(rows, stratum=pl.lit("one")))
    repeated = pl.concat([frame_of(rows).select("human", "evaluator").slice(i, 1)
                          for i, row in enumerate(rows) for _ in range(row[2])])  # fmt: skip

    names = tuple(name for name in FAST if weighted.weighted[name].value is not None)
    same(values(weighted.weighted, names), values(of(repeated).raw, names))


@QUICK
@given(scale_rows)
def test_whole_weights_are_repeated_rows_of_an_ordinal_scale(rows):
    names = ("accuracy", "weighted_kappa", "pearson", "spearman", "kendall_tau_b", "ccc", "bias",
             "mae", "rmse")  # fmt: skip
    weighted = of(frame_of(rows), score_type=ScoreType.ORDINAL)
    repeated = pl.concat([frame_of(rows).select("human", "evaluator").slice(i, 1)
                          for i, row in enumerate(rows) for _ in range(row[2])])  # fmt: skip

    again = of(repeated, score_type=ScoreType.ORDINAL)

    same(values(weighted.weighted, names), values(again.raw, names))


@QUICK
@given(binary_rows, st.floats(0.05, 1.0))
def test_equal_probabilities_change_nothing(rows, probability):
    frame = frame_of(rows).drop("weight").with_columns(inclusion_probability=pl.lit(probability))
    result = of(frame)

    for name, figure in result.weighted.items():
        if figure.null_reason and "withheld" in figure.null_reason:
            continue
        raw = result.raw[name].value
        assert (figure.value is None) == (raw is None), name
        if raw is not None:
            assert figure.value == pytest.approx(raw, abs=1e-9), name


@QUICK
@given(binary_rows, st.sampled_from([0.01, 3.0, 250.0]))
def test_rescaling_the_weights_changes_nothing(rows, factor):
    first = of(frame_of(rows))
    second = of(frame_of(rows, weight=pl.col("weight") * factor))

    same(values(first.weighted), values(second.weighted))
    for name, figure in first.weighted.items():
        other = second.weighted[name]
        if figure.ci_low is not None:
            assert figure.ci_low == pytest.approx(other.ci_low, abs=1e-7), name
            assert figure.ci_high == pytest.approx(other.ci_high, abs=1e-7), name


@QUICK
@given(binary_rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(rows, random):
    mixed = list(rows)
    random.shuffle(mixed)

    same(values(of(frame_of(rows)).raw), values(of(frame_of(mixed)).raw))


@QUICK
@given(binary_rows)
def test_swapping_the_sides_keeps_symmetric_coefficients(rows):
    swapped = [(evaluator, human, times) for human, evaluator, times in rows]

    first, second = of(frame_of(rows)).raw, of(frame_of(swapped)).raw

    same(values(first, SYMMETRIC), values(second, SYMMETRIC))


@QUICK
@given(scale_rows)
def test_the_names_of_classes_are_irrelevant(rows):
    names = {1: "zeta", 2: "alpha", 3: "mu", 4: "beta", 5: "omega"}
    plain = frame_of(rows).with_columns(pl.col("human", "evaluator").cast(pl.String))
    renamed = frame_of(rows).with_columns(
        pl.col("human", "evaluator").replace_strict(names, return_dtype=pl.String)
    )
    kept = ("accuracy", "cohen_kappa", "mcc", "f1", "balanced_accuracy", "krippendorff_alpha",
            "gwet_ac1")  # fmt: skip

    first = of(plain, score_type=ScoreType.CATEGORICAL)
    second = of(renamed, score_type=ScoreType.CATEGORICAL)

    same(values(first.raw, kept), values(second.raw, kept))


@QUICK
@given(st.lists(st.floats(-100, 100), min_size=5, max_size=30, unique=True), st.integers(0, 99))
def test_quadratic_kappa_equals_concordance(scores, seed):
    rng = np.random.default_rng(seed)
    human = rng.integers(1, 6, len(scores))
    evaluator = np.clip(human + rng.integers(-1, 2, len(scores)), 1, 5)
    frame = pl.DataFrame({"human": human, "evaluator": evaluator})

    raw = of(frame, score_type=ScoreType.ORDINAL).raw

    if raw["ccc"].value is not None:
        assert raw["weighted_kappa"].value == pytest.approx(raw["ccc"].value, abs=1e-9)


@QUICK
@given(st.integers(20, 80), st.integers(100, 400), st.integers(0, 1000))
def test_a_perfect_evaluator_is_worth_every_label(labels, others, seed):
    rng = np.random.default_rng(seed)
    human = (rng.random(labels) < 0.4) * 1.0
    rest = (rng.random(others) < 0.4) * 1.0

    found = powered_mean(human, human, rest)

    pooled = np.concatenate((human, rest))
    assert found.error == pytest.approx(pooled.std() / np.sqrt(len(pooled)), rel=0.35)


@QUICK
@given(st.integers(0, 1000))
def test_useless_scores_leave_the_weighted_mean(seed):
    rng = np.random.default_rng(seed)
    human, chance = (rng.random(50) < 0.4) * 1.0, rng.uniform(0.1, 1, 50)

    found = design_mean(human, np.ones(50), 1 / chance, chance, np.ones(200))

    assert found.power == 0
    assert found.value == pytest.approx(np.average(human, weights=1 / chance))


@QUICK
@given(binary_rows)
def test_intervals_hold_their_value_and_stay_on_the_scale(rows):
    result = of(frame_of(rows))

    for figure in (*result.raw.values(), *result.weighted.values()):
        if figure.ci_low is not None:
            assert -1 - 1e-9 <= figure.ci_low <= figure.value + 1e-9
            assert figure.value - 1e-9 <= figure.ci_high <= 1 + 1e-9
