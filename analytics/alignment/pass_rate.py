"""The true pass rate, five ways: naive, human-weighted, PPI++, stratified, Rogan-Gladen.

The naive rate is the evaluator's own, uncorrected. Which of the others is the default is a rule,
not a taste: PPI++ (design-weighted when probabilities are known) with at least thirty labels,
Rogan-Gladen with fewer, the human-weighted rate when there is no unlabelled population.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.design_size import design_size
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import CONFIDENCE, variance_size, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.prediction_powered import (
    MeanEstimate,
    active_mean,
    design_mean,
    powered_mean,
    small_sample_interval,
)
from analytics.alignment.rated import Rated, rated_items, wald_figure
from analytics.alignment.rogan_gladen import YOUDEN_MIN, corrected_rate
from analytics.alignment.score_types import ScoreType
from analytics.alignment.stratified import finite, steadied, stratified

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

ESTIMATORS = ("naive", "human_weighted", "ppi", "stratified", "rogan_gladen")
LABELS_MIN_PPI = 30


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
    rated = rated_items(sample, numeric=numeric)
    figures: dict[str, Figure] = {"naive": _naive(rated)}
    uncovered = _uncovered(sample)
    errors: dict[str, float] = {}
    estimate: MeanEstimate | None = None
    figures["human_weighted"], errors["human_weighted"] = _human(rated, uncovered)
    figures["ppi"], estimate = _powered(rated, uncovered)
    if estimate is not None:
        errors["ppi"] = estimate.error
    figures["stratified"], errors["stratified"] = stratified(rated)
    figures["rogan_gladen"], errors["rogan_gladen"] = _rogan_gladen(rated, uncovered)
    default, why = _default(figures, len(rated.human))
    return (
        head
        | figures
        | {
            "default": default,
            "default_reason": why,
            "power": None if estimate is None else estimate.power,
            "these_items": finite(rated),
            "active": _active(rated),
            "labels_saved": _labels_saved(figures["ppi"], errors.get("ppi"), len(rated.human)),
            "warnings": _warnings(figures, errors),
        }
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


def _naive(rated: Rated) -> Figure:
    n = len(rated.everyone)
    if n == 0:
        return missing("the evaluator gave no score")
    value = float(rated.everyone.mean())
    if rated.share:
        low, high = wilson(value, n)
        return Figure(value=value, ci_low=low, ci_high=high, method="wilson", n=n, n_eff=n)
    return wald_figure(value, float(rated.everyone.std()) / math.sqrt(n), n, n, weighted=False)


def _human(rated: Rated, uncovered: str | None) -> tuple[Figure, float]:
    n = len(rated.human)
    if n == 0 or uncovered:
        return missing(uncovered or "no item has a human value", weighted=rated.designed), math.nan
    value = float(np.average(rated.human, weights=rated.weights))
    error = standard_error(rated.human - value, rated.weights, rated.clusters)
    if not rated.share:
        return wald_figure(value, error, n, kish(rated.weights), weighted=rated.designed), error
    simple = not rated.designed and rated.clusters is None
    worth = design_size(rated.human, rated.weights, rated.strata_codes)
    size = worth if simple else variance_size(value, error, worth)
    low, high = wilson(value, size)
    figure = Figure(
        value=value, ci_low=low, ci_high=high, n=n, n_eff=size, weighted=rated.designed,
        method="wilson" if simple else "wilson_n_eff",
    )  # fmt: skip
    return figure, error


def _powered(rated: Rated, uncovered: str | None) -> tuple[Figure, MeanEstimate | None]:
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
        figure = wald_figure(
            estimate.value, estimate.error, n, estimate.labels_worth, weighted=rated.designed
        )
        return figure, estimate
    value = min(1.0, max(0.0, estimate.value))
    low, high, size = small_sample_interval(
        steadied(estimate, rated.human, rated.weights, rated.strata_codes),
        rated.human, rated.scores, rated.weights, CONFIDENCE,
    )  # fmt: skip
    figure = Figure(
        value=value, ci_low=max(0.0, low), ci_high=min(1.0, high), method="ppi_wilson_n_eff",
        n=n, n_eff=size, weighted=rated.designed,
    )  # fmt: skip
    return figure, estimate


def _rogan_gladen(rated: Rated, uncovered: str | None) -> tuple[Figure, float]:
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
    everyone, shares = _to_correct(rated)
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


def _active(rated: Rated) -> Figure:
    """The active-inference estimate: unbiased and wider; every item's probability is needed."""
    if not rated.designed or rated.everyone_human is None:
        return missing("no sample of known, unequal probabilities over all items", weighted=True)
    labelled = np.isfinite(rated.everyone_human)
    value, error = active_mean(
        rated.everyone, rated.everyone_human, labelled, rated.everyone_probabilities
    )
    return wald_figure(value, error, len(rated.human), len(labelled), weighted=True)


def _to_correct(rated: Rated) -> tuple[Floats, Floats]:
    """The scores whose rate is corrected, and their weights.

    Under a design every item. Labels of a simple sample may have been picked by their class, to
    learn TPR and TNR: the rate is then the unlabelled items'. Without any of those the labels are
    all there is, and their weights stand for the population.
    """
    if len(rated.unlabelled) == 0:
        return rated.scores, rated.weights
    scores = rated.everyone if rated.designed else rated.unlabelled
    return scores, np.ones(len(scores))


def _default(figures: dict[str, Figure], labels: int) -> tuple[str | None, str]:
    if figures["ppi"].value is not None and labels >= LABELS_MIN_PPI:
        return "ppi", f"PPI++: {labels} labels and an unlabelled population"
    if figures["rogan_gladen"].value is not None and figures["ppi"].value is not None:
        return "rogan_gladen", f"Rogan-Gladen: fewer than {LABELS_MIN_PPI} labels ({labels})"
    if figures["human_weighted"].value is not None:
        return "human_weighted", "the labels alone: there is nothing to correct them with"
    return None, figures["human_weighted"].null_reason or "no labels"


def _labels_saved(figure: Figure, error: float | None, labels: int) -> Figure:
    """How many labels one label is worth: the effective size of PPI++ over the labels."""
    if figure.value is None or not error or not 0 < figure.value < 1:
        reason = figure.null_reason or "the rate is 0, 1 or no share"
        return missing(reason, weighted=figure.weighted)
    worth = figure.value * (1 - figure.value) / error**2
    return Figure(value=worth / labels, method="none: a ratio of sizes", n=labels, n_eff=worth,
                  weighted=figure.weighted)  # fmt: skip


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
