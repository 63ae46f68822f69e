"""Scores as probabilities and rankings, and the choice of a threshold."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

from analytics.alignment.calibration import (
    area_under_roc,
    calibration_error,
    probability_figures,
)
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.score_types import ScaleOptions
from analytics.alignment.thresholds import Objective, best_threshold, folds

HIGH = np.array([1, 1, 1, 0, 1, 0, 0, 0, 1, 0.0])
SCORES = np.array([0.95, 0.9, 0.8, 0.7, 0.65, 0.4, 0.35, 0.2, 0.15, 0.05])
ONES = np.ones(10)


def test_calibration_figures():
    found = probability_figures(HIGH, SCORES, ONES, None, weighted=False, seed=0)

    assert found["brier"].value == pytest.approx(0.17125)
    assert found["log_loss"].value == pytest.approx(0.512772, abs=1e-6)
    assert found["d2_brier"].value == pytest.approx(0.315, abs=1e-6)
    assert calibration_error(HIGH, SCORES, ONES, 5) == pytest.approx(0.245)
    assert calibration_error(HIGH, SCORES, ONES, 10) == pytest.approx(0.325)
    assert "needs 200 pairs" in found["ece"].null_reason


def test_ranking_figures():
    found = area_under_roc(HIGH, SCORES, ONES, None, weighted=False)

    assert found.value == pytest.approx(0.8)
    assert 0 <= found.ci_low < 0.8 < found.ci_high <= 1
    assert metrics.average_precision_score(HIGH, SCORES) == pytest.approx(0.871111, abs=1e-6)


def test_best_threshold():
    assert best_threshold(HIGH, SCORES, ONES) == pytest.approx((0.8, 0.654654), abs=1e-6)


def test_weighted_area_equals_scikit_learn():
    rng = np.random.default_rng(1)
    high = (rng.random(300) < 0.3) * 1.0
    scores = (rng.normal(size=300) + high).round(1)
    weights = rng.uniform(0.2, 4, 300)

    found = area_under_roc(high, scores, weights, None, weighted=True)

    wanted = metrics.roc_auc_score(high, scores, sample_weight=weights)
    assert found.value == pytest.approx(wanted, abs=1e-12)


def test_folds_keep_clusters_whole():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(40), 5)
    high = (rng.random(200) < 0.2) * 1.0

    fold = folds(high, clusters, rng)

    for cluster in range(40):
        assert len(set(fold[clusters == cluster])) == 1
    assert set(fold) == set(range(5))


def noise(n, seed):
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"human": rng.integers(0, 2, n), "evaluator": rng.random(n).round(3)})


def test_a_score_of_pure_noise_shows_its_optimism():
    found = [report(noise(120, seed), ReportOptions()).thresholds for seed in range(4)]

    for entry in found:
        assert entry["in_sample"].value > 0.05
        assert entry["optimism"].value == pytest.approx(
            entry["in_sample"].value - entry["out_of_fold"].value
        )
        # Enough labels, and yet a threshold that does no better than chance is not to be applied.
        assert entry["ready"] == (entry["out_of_fold"].value > 0)
        assert entry["ready"] or "no better than chance" in entry["advice"]
    assert np.mean([entry["in_sample"].value for entry in found]) > 0.1
    assert abs(np.mean([entry["out_of_fold"].value for entry in found])) < 0.08


def test_few_labels_make_a_suggestion_only():
    found = report(noise(60, 4), ReportOptions()).thresholds

    assert not found["ready"]
    assert "a suggestion only" in found["advice"]


def test_numbers_outside_zero_to_one_need_a_threshold():
    frame = pl.DataFrame({"human": [1, 0, 1, 0] * 10, "evaluator": [7.5, 2.5, 6.0, 3.0] * 10})

    without = report(frame, ReportOptions())
    given = report(frame, ReportOptions(scale=ScaleOptions(threshold=5.0)))

    assert "no threshold was given" in without.raw["tpr"].null_reason
    assert without.thresholds["suggested"] == pytest.approx(6.0)
    assert given.raw["tpr"].value == 1
    assert any("evaluator score >= 5" in rule for rule in given.scope["mapping"])


def test_classes_have_no_threshold():
    frame = pl.DataFrame({"human": [1, 0, 1], "evaluator": [1, 0, 0]})

    assert "classes, not scores" in report(frame, ReportOptions()).thresholds["null_reason"]


def scored(n=400, seed=3):
    rng = np.random.default_rng(seed)
    human = rng.integers(0, 2, n)
    evaluator = np.clip(rng.normal(0.35 + 0.3 * human, 0.2), 0, 1).round(3)
    return pl.DataFrame({"human": human, "evaluator": evaluator})


def test_each_objective_is_the_best_of_the_sweep():
    for name in ("mcc", "f1"):
        found = report(scored(), ReportOptions(objective=Objective(name=name))).thresholds
        best = max(found["sweep"], key=lambda row: -1 if row[name] is None else row[name])
        assert found["in_sample"].value == pytest.approx(best[name])
        assert found["suggested"] == best["threshold"]
        assert found["out_of_fold"].value < found["in_sample"].value


def test_few_false_alarms_at_a_safe_catch_rate():
    asked = Objective(name="tnr", catch_rate_min=0.9)
    found = report(scored(), ReportOptions(objective=asked)).thresholds

    safe = [row for row in found["sweep"] if row["tpr_low"] is not None and row["tpr_low"] >= 0.9]
    assert found["in_sample"].value == pytest.approx(max(row["tnr"] for row in safe))
    assert found["suggested"] in {row["threshold"] for row in safe}
    assert found["suggested"] < report(scored(), ReportOptions()).thresholds["suggested"]


def test_an_objective_out_of_reach_has_no_threshold(command, tmp_path):
    scored(60).write_csv(tmp_path / "pairs.csv")

    said = command(
        "alignment", "report", "--pairs", tmp_path / "pairs.csv", "--objective", "tnr",
        "--catch-rate", "0.99", "--format", "json", "--html", tmp_path / "page.html",
    )  # fmt: skip

    assert said.json["thresholds"]["suggested"] is None
    assert "no threshold reaches" in said.json["thresholds"]["advice"]


def test_the_positive_class_may_have_the_low_scores():
    frame = scored().with_columns(
        human=pl.when(pl.col("human") == 1).then(pl.lit("pass")).otherwise(pl.lit("fail"))
    )
    asked = Objective(name="tnr", catch_rate_min=0.9)
    found = report(frame, ReportOptions(objective=asked)).thresholds

    safe = [row for row in found["sweep"] if row["tpr_low"] is not None and row["tpr_low"] >= 0.9]
    assert found["in_sample"].value == pytest.approx(max(row["tnr"] for row in safe))
