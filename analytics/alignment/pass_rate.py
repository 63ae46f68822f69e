"""The true pass rate, five ways: naive, human-weighted, PPI++, stratified, Rogan-Gladen.

The naive rate is the evaluator's own, uncorrected. Which of the others is the default is a rule,
not a taste: PPI++ (design-weighted when probabilities are known) with at least thirty labels,
Rogan-Gladen with fewer, the human-weighted rate when there is no unlabelled population.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import CONFIDENCE, variance_size, wald, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.prediction_powered import (
    MeanEstimate,
    design_mean,
    powered_mean,
    small_sample_interval,
)
from analytics.alignment.rogan_gladen import YOUDEN_MIN, corrected_rate
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]

ESTIMATORS = ("naive", "human_weighted", "ppi", "stratified", "rogan_gladen")
LABELS_MIN_PPI = 30
LABELS_MIN_STRATUM = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rated:
    """Labelled items that count, and all items, as 0/1 (or as scores)."""

    human: Floats
    scores: Floats
    weights: Floats
    probabilities: Floats
    clusters: NDArray[np.int64] | None
    strata: list[str | None]
    everyone: Floats
    unlabelled: Floats
    everyone_strata: list[str | None]
    designed: bool
    """Whether weights are known and differ; equal weights are a simple sample."""
    share: bool
    """Whether values are 0/1, so that intervals stay within [0, 1]."""


def pass_rate(sample: Sample) -> dict[str, Any]:
    """Every estimator, the default and why, and a warning when two disagree."""
    scale = sample.scale
    numeric = bool(
        not scale.human_binary and scale.score_type in (ScoreType.NUMERIC, ScoreType.ORDINAL)
    )
    of = "mean score" if numeric else scale.pass_value
    head: dict[str, Any] = {"of": of, "named_pass": scale.pass_named and not numeric}
    reason = None if numeric else scale.binary_reason
    if reason is not None:
        nothing = {name: missing(reason) for name in ESTIMATORS}
        return head | nothing | {"default": None, "default_reason": reason, "warnings": []}
    rated = _rated(sample, numeric=numeric)
    figures: dict[str, Figure] = {"naive": _naive(rated)}
    uncovered = _uncovered(sample)
    errors: dict[str, float] = {}
    estimate: MeanEstimate | None = None
    figures["human_weighted"], errors["human_weighted"] = _human(rated, uncovered)
    figures["ppi"], estimate = _powered(rated, uncovered)
    if estimate is not None:
        errors["ppi"] = estimate.error
    figures["stratified"], errors["stratified"] = _stratified(rated)
    figures["rogan_gladen"], errors["rogan_gladen"] = _rogan_gladen(rated, uncovered)
    default, why = _default(figures, len(rated.human))
    return (
        head
        | figures
        | {
            "default": default,
            "default_reason": why,
            "power": None if estimate is None else estimate.power,
            "labels_saved": _labels_saved(figures["ppi"], errors.get("ppi"), len(rated.human)),
            "warnings": _warnings(figures, errors),
        }
    )


def _rated(sample: Sample, *, numeric: bool) -> _Rated:
    scale = sample.scale
    reading = "number" if numeric else "binary"
    passing = int(scale.pass_value == scale.positive)
    frame = sample.frame.filter(pl.col(f"e_{reading}").is_not_null())
    value = [pl.col(f"{side}_{reading}").cast(pl.Float64) for side in ("h", "e")]
    if not numeric and passing == 0:
        value = [1 - side for side in value]
    frame = frame.with_columns(y=value[0], f=value[1])
    kept = pl.col("excluded").is_null()
    if not sample.has_design:
        kept |= pl.col("excluded") == "no_probability"
    labels = frame.filter(pl.col("y").is_not_null() & kept)
    weights = labels["weight"].fill_null(1.0).to_numpy() if sample.has_design else None
    designed = weights is not None and len(weights) > 0 and bool(np.ptp(weights) > 1e-12)
    return _Rated(
        human=labels["y"].to_numpy(),
        scores=labels["f"].to_numpy(),
        weights=weights if weights is not None and designed else np.ones(labels.height),
        probabilities=labels["inclusion_probability"].fill_null(math.nan).to_numpy(),
        clusters=labels["cluster_code"].to_numpy() if sample.has_clusters else None,
        strata=labels["stratum"].to_list(),
        everyone=frame["f"].to_numpy(),
        unlabelled=frame.filter(~pl.col("labelled"))["f"].to_numpy(),
        everyone_strata=frame["stratum"].to_list(),
        designed=designed,
        share=not numeric,
    )


def _uncovered(sample: Sample) -> str | None:
    """Why no population figure may be given; None when every item could have been chosen."""
    zero = sample.frame.filter(pl.col("inclusion_probability") == 0)
    if zero.is_empty():
        return None
    names = [name for name in zero["stratum"].unique().sort().to_list() if name]
    where = f" (stratum {', '.join(names)})" if names else ""
    return (
        f"{zero.height} of {sample.frame.height} items could never be chosen{where}: "
        "the labels say nothing about them"
    )


def _naive(rated: _Rated) -> Figure:
    n = len(rated.everyone)
    if n == 0:
        return missing("the evaluator gave no score")
    value = float(rated.everyone.mean())
    if rated.share:
        low, high = wilson(value, n)
        return Figure(value=value, ci_low=low, ci_high=high, method="wilson", n=n, n_eff=n)
    return _wald_figure(value, float(rated.everyone.std()) / math.sqrt(n), n, n, weighted=False)


def _wald_figure(value: float, error: float, n: int, n_eff: float, *, weighted: bool) -> Figure:
    low, high = wald(value, error)
    return Figure(
        value=value, ci_low=low, ci_high=high, method="linearised", n=n, n_eff=n_eff,
        weighted=weighted,
    )  # fmt: skip


def _human(rated: _Rated, uncovered: str | None) -> tuple[Figure, float]:
    n = len(rated.human)
    if n == 0 or uncovered:
        return missing(uncovered or "no item has a human value", weighted=rated.designed), math.nan
    value = float(np.average(rated.human, weights=rated.weights))
    error = standard_error(rated.human - value, rated.weights, rated.clusters)
    if not rated.share:
        return _wald_figure(value, error, n, kish(rated.weights), weighted=rated.designed), error
    simple = not rated.designed and rated.clusters is None
    worth = kish(rated.weights)
    size = worth if simple else variance_size(value, error, worth)
    low, high = wilson(value, size)
    figure = Figure(
        value=value, ci_low=low, ci_high=high, n=n, n_eff=size, weighted=rated.designed,
        method="wilson" if simple else "wilson_n_eff",
    )  # fmt: skip
    return figure, error


def _powered(rated: _Rated, uncovered: str | None) -> tuple[Figure, MeanEstimate | None]:
    reason = uncovered
    if len(rated.human) < 2:
        reason = reason or "two labelled items are needed"
    if len(rated.unlabelled) == 0:
        reason = reason or "there are no unlabelled items, so nothing is gained over the labels"
    if reason:
        return missing(reason, weighted=rated.designed), None
    if rated.designed:
        estimate = design_mean(
            rated.human, rated.scores, rated.weights, rated.probabilities, rated.everyone,
            rated.clusters,
        )  # fmt: skip
    else:
        estimate = powered_mean(rated.human, rated.scores, rated.unlabelled, None, rated.clusters)
    n = len(rated.human)
    if not rated.share:
        figure = _wald_figure(
            estimate.value, estimate.error, n, estimate.labels_worth, weighted=rated.designed
        )
        return figure, estimate
    value = min(1.0, max(0.0, estimate.value))
    low, high, size = small_sample_interval(
        estimate, rated.human, rated.scores, rated.weights, CONFIDENCE
    )
    figure = Figure(
        value=value, ci_low=max(0.0, low), ci_high=min(1.0, high), method="ppi_wilson_n_eff",
        n=n, n_eff=size, weighted=rated.designed,
    )  # fmt: skip
    return figure, estimate


def _stratified(rated: _Rated) -> tuple[Figure, float]:
    names = sorted({name for name in rated.everyone_strata if name is not None})
    if len(names) < 2:
        return missing("fewer than two strata were named"), math.nan
    strata, everyone = (
        np.array(rated.strata, dtype=object),
        np.array(rated.everyone_strata, dtype=object),
    )
    value = variance = thinness = 0.0
    weights = np.zeros(len(strata))
    total = sum(int((everyone == name).sum()) for name in names)
    for name in names:
        inside, around = strata == name, everyone == name
        count, size = int(inside.sum()), int(around.sum())
        if count < LABELS_MIN_STRATUM:
            reason = f"stratum {name} has {count} labels, {LABELS_MIN_STRATUM} are needed"
            return missing(reason), math.nan
        mean, error = _stratum_mean(rated, inside, around)
        value += size / total * mean
        variance += (size / total * error) ** 2
        thinness += (size / total) ** 2 / count
        weights[inside] = size / total / count
    error = math.sqrt(variance)
    n = int(np.isin(strata, names).sum())
    if not rated.share:
        return _wald_figure(value, error, n, n, weighted=True), error
    value = min(1.0, max(0.0, value))
    known = weights > 0
    estimate = MeanEstimate(
        value=value, error=error, power=1.0, labels_worth=1 / thinness, population=total
    )
    low, high, worth = small_sample_interval(
        estimate, rated.human[known], rated.scores[known], weights[known], CONFIDENCE
    )
    figure = Figure(
        value=value, ci_low=max(0.0, low), ci_high=min(1.0, high), n=n, n_eff=worth,
        method="stratified_wilson_n_eff", weighted=True,
    )  # fmt: skip
    return figure, error


def _stratum_mean(
    rated: _Rated, inside: NDArray[np.bool_], around: NDArray[np.bool_]
) -> tuple[float, float]:
    human, scores, weights = rated.human[inside], rated.scores[inside], rated.weights[inside]
    clusters = None if rated.clusters is None else rated.clusters[inside]
    population = rated.everyone[around]
    if len(population) == len(human):
        return float(human.mean()), float(human.std()) / math.sqrt(len(human))
    if np.ptp(weights) > 1e-12:
        estimate = design_mean(
            human, scores, weights, rated.probabilities[inside], population, clusters
        )
        return estimate.value, estimate.error
    # The unlabelled scores are the population's without the labelled ones.
    rest = len(population) - len(human)
    others = (
        np.repeat(
            [1.0, 0.0],
            [hits := round(population.sum() - scores.sum()), rest - hits],
        )
        if rated.share
        else population
    )
    estimate = powered_mean(human, scores, others, None, clusters)
    return estimate.value, estimate.error


def _rogan_gladen(rated: _Rated, uncovered: str | None) -> tuple[Figure, float]:
    if not rated.share:
        return missing("scores are numbers, not passes and failures"), math.nan
    ones = rated.human == 1
    reason = uncovered
    if not ones.any() or ones.all():
        reason = reason or "labels of both classes are needed"
    if reason:
        return missing(reason, weighted=rated.designed), math.nan
    tpr = float(np.average(rated.scores[ones], weights=rated.weights[ones]))
    tnr = float(np.average(1 - rated.scores[~ones], weights=rated.weights[~ones]))
    # Without unlabelled rows the labels are all there is: their weights stand for the population.
    labels_only = rated.designed and len(rated.unlabelled) == 0
    everyone = rated.scores if labels_only else rated.everyone
    shares = rated.weights if labels_only else np.ones(len(everyone))
    result = corrected_rate(
        rate=float(np.average(everyone, weights=shares)),
        population=kish(shares),
        tpr=tpr,
        positives=kish(rated.weights[ones]),
        tnr=tnr,
        negatives=kish(rated.weights[~ones]),
    )
    if result is None:
        return missing(
            f"TPR + TNR - 1 is {tpr + tnr - 1:.2f}, below {YOUDEN_MIN}: "
            "the evaluator is too close to chance to be corrected",
            weighted=rated.designed,
        ), math.nan
    figure = Figure(
        value=result.value, ci_low=result.low, ci_high=result.high, method="lee_2025",
        n=len(rated.human), n_eff=kish(rated.weights), weighted=rated.designed,
    )  # fmt: skip
    return figure, result.error


def _default(figures: dict[str, Figure], labels: int) -> tuple[str | None, str]:
    if figures["ppi"].value is not None and labels >= LABELS_MIN_PPI:
        return "ppi", f"PPI++: {labels} labels and an unlabelled population"
    if figures["rogan_gladen"].value is not None and figures["ppi"].value is not None:
        return "rogan_gladen", f"Rogan-Gladen: fewer than {LABELS_MIN_PPI} labels ({labels})"
    if figures["human_weighted"].value is not None:
        return "human_weighted", "the labels alone: there is nothing to correct them with"
    return None, figures["human_weighted"].null_reason or "no labels"


def _labels_saved(figure: Figure, error: float | None, labels: int) -> float | None:
    """How many labels one label is worth: the effective size of PPI++ over the labels."""
    if figure.value is None or not error or not 0 < figure.value < 1:
        return None
    return figure.value * (1 - figure.value) / error**2 / labels


def _warnings(figures: dict[str, Figure], errors: dict[str, float]) -> list[str]:
    first, second = figures["ppi"].value, figures["rogan_gladen"].value
    if first is None or second is None:
        return []
    gap, error = abs(first - second), max(errors["ppi"], errors["rogan_gladen"])
    if gap <= 2 * error:
        return []
    sentence = (
        f"PPI++ ({first:.3f}) and Rogan-Gladen ({second:.3f}) differ by more than "
        "two standard errors: the evaluator's errors may have changed"
    )
    return [sentence]
