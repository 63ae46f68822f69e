"""Published and independently computed agreement figures, to six digits.

Sources: statsmodels ``cohens_kappa``, irrCAC, scikit-learn, scipy, krippendorff; PMC7222679.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from alignment_builders import enqueue_bias, two_by_two

from analytics.alignment import tables
from analytics.alignment.agreement import NAMES
from analytics.alignment.linearised import cell_influence, kish, standard_error
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.score_types import ScaleOptions

TABLES = [
    ((118, 5, 2, 0), -0.023392, 0.012287, 0.940776, -0.026029, 0.888),
    ((130, 9, 56, 5), 0.021968, 0.052083, 0.532584, 0.031071, 0.35),
    ((20, 5, 10, 15), 0.4, 0.126996, 0.405941, 0.408248, 0.4),
    ((45, 15, 25, 15), 0.130435, 0.098662, 0.266055, 0.133631, 0.2),
    ((90, 1, 8, 1), 0.154135, 0.152781, 0.899559, 0.204665, 0.82),
]


def of(frame, **options):
    return report(frame, ReportOptions(**options))


@pytest.mark.parametrize(("table", "kappa", "error", "ac1", "mcc", "pabak"), TABLES)
def test_coefficients_of_published_tables(table, kappa, error, ac1, mcc, pabak):
    raw = of(two_by_two(*table)).raw

    assert raw["cohen_kappa"].value == pytest.approx(kappa, abs=1e-6)
    assert raw["gwet_ac1"].value == pytest.approx(ac1, abs=1e-6)
    assert raw["mcc"].value == pytest.approx(mcc, abs=1e-6)
    assert raw["pabak"].value == pytest.approx(pabak, abs=1e-6)


@pytest.mark.parametrize(("table", "kappa", "error", "ac1", "mcc", "pabak"), TABLES)
def test_linearised_error_of_kappa_is_the_published_one(table, kappa, error, ac1, mcc, pabak):
    a, b, c, d = table
    shares = np.array([[d, c], [b, a]]) / sum(table)
    influence = cell_influence(tables.kappa(tables.nominal_distance(2)), shares)

    found = math.sqrt((shares * influence**2).sum() / sum(table))

    assert found == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize(
    ("table", "error"), [(TABLES[0][0], 0.023057), (TABLES[1][0], 0.061368),
                         (TABLES[2][0], 0.131473), (TABLES[4][0], 0.034962)]
)  # fmt: skip
def test_linearised_error_of_ac1_is_the_published_one(table, error):
    frame = two_by_two(*table)
    a, b, c, d = table
    shares = np.array([[d, c], [b, a]]) / sum(table)
    influence = cell_influence(tables.gwet(np.eye(2)), shares)
    by_row = influence[frame["human"].to_numpy(), frame["evaluator"].to_numpy()]

    assert standard_error(by_row) == pytest.approx(error, abs=1e-6)


def test_agreement_of_94_percent_can_mean_no_agreement_beyond_chance():
    raw = of(two_by_two(118, 5, 2, 0)).raw

    assert raw["accuracy"].value == pytest.approx(0.944)
    assert raw["tnr"].value == 0
    assert raw["cohen_kappa"].value < 0


def test_identical_constant_raters_have_no_kappa_and_no_mcc():
    raw = of(pl.DataFrame({"human": [1, 1, 1], "evaluator": [1, 1, 1]})).raw

    assert raw["accuracy"].value == 1
    for name in ("cohen_kappa", "mcc", "krippendorff_alpha", "tnr", "balanced_accuracy"):
        assert raw[name].value is None, name
        assert raw[name].null_reason, name


def test_one_constant_rater_has_kappa_zero_and_no_mcc():
    raw = of(pl.DataFrame({"human": [1, 1, 0], "evaluator": [1, 1, 1]})).raw

    assert raw["cohen_kappa"].value == pytest.approx(0)
    assert raw["mcc"].value is None
    assert "one of 2 classes" in raw["mcc"].null_reason


ORDINAL = pl.DataFrame(
    {
        "human": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 3, 3],
        "evaluator": [1, 2, 3, 4, 4, 2, 2, 3, 5, 5, 3, 1],
    }
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cohen_kappa", 0.578947),
        ("weighted_kappa_linear", 0.716981),
        ("weighted_kappa", 0.829268),
        ("ccc", 0.829268),
        ("pearson", 0.831166),
        ("spearman", 0.851932),
        ("kendall_tau_b", 0.761092),
        ("mae", 0.416667),
        ("rmse", 0.763763),
        ("bias", -0.083333),
    ],
)
def test_ordinal_scores(name, value):
    assert of(ORDINAL).raw[name].value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "raw", "weighted"),
    [
        ("accuracy", 0.868966, 0.945),
        ("tpr", 0.8, 0.557692),
        ("tnr", 0.883333, 0.966245),
        ("ppv", 0.588235, 0.47541),
        ("f1", 0.677966, 0.513274),
        ("mcc", 0.609245, 0.486057),
        ("cohen_kappa", 0.598104, 0.484323),
    ],
)
def test_enqueue_bias_is_undone_by_the_weights(name, raw, weighted):
    result = of(enqueue_bias())

    assert result.raw[name].value == pytest.approx(raw, abs=1e-6)
    assert result.weighted[name].value == pytest.approx(weighted, abs=1e-6)
    assert result.weighted[name].weighted


def test_enqueue_bias_rates_and_worth():
    result = of(enqueue_bias())
    human = result.confusion["human_positive_rate"]
    evaluator = result.confusion["evaluator_positive_rate"]

    assert human["raw"].value == pytest.approx(0.172414, abs=1e-6)
    assert human["weighted"].value == pytest.approx(0.052, abs=1e-6)
    assert evaluator["raw"].value == pytest.approx(0.234483, abs=1e-6)
    assert evaluator["weighted"].value == pytest.approx(0.061, abs=1e-6)
    assert result.sampling["kish_n_eff"] == pytest.approx(1047.120419, abs=1e-6)


def test_linearised_error_of_weighted_kappa():
    frame = enqueue_bias()
    weights = 1 / frame["inclusion_probability"].to_numpy()
    human, evaluator = frame["human"].to_numpy(), frame["evaluator"].to_numpy()
    shares = np.bincount(human * 2 + evaluator, weights=weights).reshape(2, 2) / weights.sum()
    influence = cell_influence(tables.kappa(tables.nominal_distance(2)), shares)

    error = standard_error(influence[human, evaluator], weights)

    assert error == pytest.approx(0.044099, abs=1e-6)
    assert kish(weights) == pytest.approx(1047.120419, abs=1e-6)


def test_linearised_errors_of_a_two_by_two_table():
    """100 and 5 pairs: H 90 ones, 10 zeros; E 85 ones, 5 zeros, 3 ones, 7 zeros."""
    human = np.array([1] * 90 + [0] * 10)
    evaluator = np.array([1] * 85 + [0] * 5 + [1] * 3 + [0] * 7)
    shares = np.bincount(human * 2 + evaluator).reshape(2, 2) / 100
    wanted = {
        0.130010: tables.matthews,
        0.130970: tables.kappa(tables.nominal_distance(2)),
        0.024267: tables.recall(1),
        0.015954: tables.f1_of(1),
    }

    for error, measure in wanted.items():
        influence = cell_influence(measure, shares)[human, evaluator]
        assert standard_error(influence) == pytest.approx(error, abs=1e-6)


def test_without_probabilities_every_weighted_figure_is_null_with_the_reason():
    weighted = of(two_by_two(20, 5, 10, 15)).weighted

    assert set(weighted) == set(NAMES)
    for name, figure in weighted.items():
        assert figure.value is None, name
        assert "no inclusion probabilities" in figure.null_reason, name


def test_no_overlap_gives_reasons_and_no_number():
    frame = pl.DataFrame({"human": [1, None], "evaluator": [None, 1], "item": ["a", "b"]})
    raw = of(frame).raw

    for name in ("accuracy", "tpr", "cohen_kappa"):
        assert raw[name].value is None
        assert "no item has both" in raw[name].null_reason


def test_catch_rate_is_withheld_when_it_rests_on_one_heavy_case():
    parts = [
        two_by_two(50, 5, 10, 35, inclusion_probability=1.0, stratum="flagged"),
        two_by_two(0, 1, 0, 99, inclusion_probability=0.01, stratum="rest"),
    ]
    result = of(pl.concat(parts))

    assert result.raw["tpr"].value is not None
    assert result.weighted["tpr"].value is None
    assert "withheld" in result.weighted["tpr"].null_reason


def test_perfect_agreement_still_has_an_interval():
    raw = of(two_by_two(10, 0, 0, 10)).raw

    assert raw["cohen_kappa"].value == 1
    assert raw["cohen_kappa"].ci_low < 0.95
    assert raw["cohen_kappa"].ci_high == 1
    assert raw["tpr"].ci_low < 0.8


def test_sizes_of_every_figure_count_copies_in_a_cluster_once():
    """Five copies of each item, told to be one cluster, are worth the items and no more."""
    rng = np.random.default_rng(3)
    truth = rng.integers(1, 6, 90)
    frame = pl.DataFrame(
        {"human": truth, "evaluator": np.clip(truth + rng.integers(-1, 2, 90), 1, 5)}
    )
    copies = pl.concat([frame.with_row_index("cluster")] * 5)

    alone, copied = report(frame, ReportOptions()).raw, report(copies, ReportOptions()).raw

    for name in ("accuracy", "cohen_kappa", "weighted_kappa", "mcc", "pearson", "ccc", "mae"):
        assert alone[name].n_eff == 90
        assert copied[name].n == 450
        # One observation is spent on the mean of the clusters.
        assert copied[name].n_eff == pytest.approx(89, abs=1e-6), name


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 0.25, 1.0, 0.5] * 40])
def test_numbers_cut_by_thresholds_have_the_whole_block_of_a_yes_or_no(weights):
    draw = np.random.default_rng(3)
    human = draw.normal(size=200)
    evaluator = 0.8 * human + draw.normal(scale=0.4, size=200)
    numbers = pl.DataFrame({"human": human, "evaluator": evaluator})
    cut = pl.DataFrame({"human": human < 0.1, "evaluator": evaluator < 0.2})
    if weights is not None:
        numbers, cut = (
            frame.with_columns(inclusion_probability=pl.Series(weights)) for frame in (numbers, cut)
        )

    found = of(numbers, scale=ScaleOptions(threshold=0.2, human_threshold=0.1))
    plain = of(numbers)
    wanted = of(cut, scale=ScaleOptions(positive="true"))

    names = ("accuracy", "balanced_accuracy", "tpr", "tnr", "ppv", "npv", "f1", "mcc",
             "cohen_kappa", "gwet_ac1", "pabak")  # fmt: skip
    for block in ("raw",) if weights is None else ("raw", "weighted"):
        for name in names:
            assert getattr(found, block)[name] == getattr(wanted, block)[name], name
            assert "give both thresholds" in getattr(plain, block)[name].null_reason, name
        for name in ("ccc", "pearson", "krippendorff_alpha", "weighted_kappa"):
            assert getattr(found, block)[name] == getattr(plain, block)[name], name
