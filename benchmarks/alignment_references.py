"""Our own formulas against the reference packages, on random data; run outside the product.

The packages are no part of the product (two of them are GPL). Make an environment for them:

    python -m venv checks
    checks/bin/pip install -e . krippendorff statsmodels pingouin
    checks/bin/python -m benchmarks.alignment_references

Each line is the largest difference over the seeded cases; the run fails above 1e-9.
"""

from __future__ import annotations

import argparse
import importlib
import warnings
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.alignment import tables
from analytics.alignment.comparison import mcnemar
from analytics.alignment.intervals import clopper_pearson, wilson
from analytics.alignment.linearised import cell_influence, standard_error
from analytics.alignment.raters import (
    Metric,
    alpha_from_sums,
    class_counts,
    coincidences,
    intraclass,
)
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.score_types import ScaleOptions, ScoreType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 1e-9
Case = tuple[float, float]


def main() -> None:
    """Run every comparison and print its largest difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    cases = parser.parse_args().cases
    warnings.simplefilter("ignore")
    checks: dict[str, Callable[[np.random.Generator], Iterator[Case]]] = {
        "Krippendorff's alpha with gaps (krippendorff)": _alpha,
        "Cohen's kappa, plain and weighted (statsmodels)": _kappa,
        "large-sample error of kappa (statsmodels)": _kappa_error,
        "Fleiss' kappa (statsmodels)": _fleiss,
        "McNemar, exact and chi-squared (statsmodels)": _mcnemar,
        "Wilson and Clopper-Pearson intervals (statsmodels)": _proportions,
        "intraclass correlations (pingouin)": _intraclass,
        "every weighted figure of a table (scikit-learn)": _scikit,
        "correlations and distances (scipy, scikit-learn)": _correlations,
    }
    worst = 0.0
    for name, check in checks.items():
        rng = np.random.default_rng(1)
        gaps = [abs(ours - theirs) for _ in range(cases) for ours, theirs in check(rng)]
        print(f"{name:<52} {len(gaps):>6} numbers, largest difference {max(gaps):.1e}")
        worst = max(worst, *gaps)
    assert worst < LIMIT, f"{worst} is more than {LIMIT}"


def _pair(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    human = rng.integers(0, size, 60)
    evaluator = np.where(rng.random(60) < 0.6, human, rng.integers(0, size, 60))
    return human, evaluator


def _table(human: np.ndarray, evaluator: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(human * size + evaluator, minlength=size * size).reshape(size, size)


def _value(measure: tables.Measure, shares: np.ndarray) -> float:
    return float(measure(shares[None].astype(complex)).real[0])


def _alpha(rng: np.random.Generator) -> Iterator[Case]:
    krippendorff = importlib.import_module("krippendorff")
    codes = rng.integers(0, 5, (20, 4))
    codes[rng.random(codes.shape) < 0.2] = -1
    codes[0] = [0, 1, 2, 3]
    levels = np.arange(1.0, 6.0)
    values = np.where(codes >= 0, codes + 1.0, np.nan).T
    sums = coincidences(class_counts(codes, 5)).sum(axis=0)
    for metric in Metric:
        theirs = krippendorff.alpha(
            reliability_data=values, level_of_measurement=str(metric), value_domain=levels
        )
        yield alpha_from_sums(sums, metric, levels), float(theirs)


def _kappa(rng: np.random.Generator) -> Iterator[Case]:
    rater = importlib.import_module("statsmodels.stats.inter_rater")
    counts = _table(*_pair(rng, 4), 4)
    shares = counts / counts.sum()
    codes = np.arange(4.0)
    for distance, kind in (
        (tables.nominal_distance(4), None),
        (tables.scale_distance(codes, 1), "linear"),
        (tables.scale_distance(codes, 2), "quadratic"),
    ):
        yield (
            _value(tables.kappa(distance), shares),
            float(rater.cohens_kappa(counts, wt=kind).kappa),
        )


def _kappa_error(rng: np.random.Generator) -> Iterator[Case]:
    rater = importlib.import_module("statsmodels.stats.inter_rater")
    human, evaluator = _pair(rng, 3)
    counts = _table(human, evaluator, 3)
    by_cell = cell_influence(tables.kappa(tables.nominal_distance(3)), counts / counts.sum())
    n = len(human)
    # Ours divides by n - 1 clusters, the delta method by n.
    ours = standard_error(by_cell[human, evaluator]) * np.sqrt((n - 1) / n)
    yield ours, float(rater.cohens_kappa(counts).std_kappa)


def _fleiss(rng: np.random.Generator) -> Iterator[Case]:
    from analytics.alignment.raters import chance_corrected

    rater = importlib.import_module("statsmodels.stats.inter_rater")
    counts = class_counts(rng.integers(0, 3, (25, 4)), 3)
    yield chance_corrected(counts, np.eye(3), "fleiss"), float(rater.fleiss_kappa(counts))


def _mcnemar(rng: np.random.Generator) -> Iterator[Case]:
    contingency = importlib.import_module("statsmodels.stats.contingency_tables")
    first, second = (int(count) for count in rng.integers(1, 40, 2))
    counts = [[20, first], [second, 20]]
    ours = mcnemar(first, second)
    exact = contingency.mcnemar(counts, exact=True)
    plain = contingency.mcnemar(counts, exact=False, correction=False)
    corrected = contingency.mcnemar(counts, exact=False, correction=True)
    yield ours.exact, float(exact.pvalue)
    yield ours.chi_squared, float(plain.statistic)
    yield ours.p_value, float(plain.pvalue)
    # statsmodels lets the correction overshoot for equal counts; the square is 1 / n there.
    if first != second:
        yield ours.p_value_corrected, float(corrected.pvalue)


def _proportions(rng: np.random.Generator) -> Iterator[Case]:
    proportion = importlib.import_module("statsmodels.stats.proportion")
    size = int(rng.integers(1, 300))
    hits = int(rng.integers(0, size + 1))
    for ours, method in ((wilson(hits / size, size), "wilson"),
                         (clopper_pearson(hits, size), "beta")):  # fmt: skip
        theirs = proportion.proportion_confint(hits, size, method=method)
        yield ours[0], max(0.0, float(np.nan_to_num(theirs[0])))
        yield ours[1], min(1.0, float(np.nan_to_num(theirs[1], nan=1.0)))


def _intraclass(rng: np.random.Generator) -> Iterator[Case]:
    pingouin = importlib.import_module("pingouin")
    pandas = importlib.import_module("pandas")
    scores = rng.normal(size=(15, 1)) + rng.normal(size=(15, 3)) + rng.normal(size=3)
    long = pandas.DataFrame(
        {"item": np.repeat(np.arange(15), 3), "rater": np.tile(np.arange(3), 15),
         "score": scores.ravel()}
    )  # fmt: skip
    found = pingouin.intraclass_corr(long, targets="item", raters="rater", ratings="score")
    ours = intraclass(scores)
    theirs = found["ICC"].tolist()
    for name, value in zip(("1,1", "A,1", "C,1", None, "A,k", "C,k"), theirs, strict=True):
        if name is not None:
            yield ours[name], float(value)


def _scikit(rng: np.random.Generator) -> Iterator[Case]:
    from sklearn import metrics

    human, evaluator = _pair(rng, 2)
    p = rng.choice([0.1, 0.5, 1.0], 60)
    frame = pl.DataFrame({"human": human, "evaluator": evaluator, "inclusion_probability": p})
    found = report(frame, ReportOptions(scale=ScaleOptions(score_type=ScoreType.BOOLEAN)))
    for figures, w in ((found.raw, None), (found.weighted, 1 / p)):
        named = {
            "accuracy": metrics.accuracy_score(human, evaluator, sample_weight=w),
            "balanced_accuracy": metrics.balanced_accuracy_score(human, evaluator, sample_weight=w),
            "tnr": metrics.recall_score(human, evaluator, pos_label=0, sample_weight=w),
            "ppv": metrics.precision_score(human, evaluator, sample_weight=w),
            "npv": metrics.precision_score(human, evaluator, pos_label=0, sample_weight=w),
            "f1": metrics.f1_score(human, evaluator, sample_weight=w),
            "mcc": metrics.matthews_corrcoef(human, evaluator, sample_weight=w),
            "cohen_kappa": metrics.cohen_kappa_score(human, evaluator, sample_weight=w),
        }
        for name, theirs in named.items():
            ours = figures[name].value
            assert ours is not None, name
            yield ours, float(theirs)


def _correlations(rng: np.random.Generator) -> Iterator[Case]:
    from scipy import stats
    from sklearn import metrics

    human = rng.normal(size=50).round(1)
    evaluator = (human + rng.normal(size=50)).round(1)
    raw = report(pl.DataFrame({"human": human, "evaluator": evaluator}), ReportOptions()).raw
    named = {
        "pearson": stats.pearsonr(human, evaluator).statistic,
        "spearman": stats.spearmanr(human, evaluator).statistic,
        "kendall_tau_b": stats.kendalltau(human, evaluator).statistic,
        "mae": metrics.mean_absolute_error(human, evaluator),
        "rmse": metrics.root_mean_squared_error(human, evaluator),
    }
    for name, theirs in named.items():
        ours = raw[name].value
        assert ours is not None, name
        yield ours, float(theirs)


if __name__ == "__main__":
    main()
