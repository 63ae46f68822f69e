"""Rates by stratum: each stratum estimated for itself, weighted by its share of the population."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.design import finite_stratified_mean
from analytics.alignment.design_size import design_size, unseen_variance
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import CONFIDENCE, variance_size, wilson
from analytics.alignment.linearised import standard_error
from analytics.alignment.prediction_powered import (
    MeanEstimate,
    design_mean,
    powered_mean,
    small_sample_interval,
)
from analytics.alignment.rated import wald_figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.rated import Rated

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

LABELS_MIN_STRATUM = 10


def steadied(estimate: MeanEstimate, human: Floats, weights: Floats, strata: Codes) -> MeanEstimate:
    """The estimate with what few heavy labels cannot have shown, for its interval."""
    return replace(
        estimate,
        error=math.sqrt(estimate.error**2 + unseen_variance(weights, strata)),
        labels_worth=design_size(human, weights, strata),
    )


def stratified(rated: Rated) -> tuple[Figure, float]:
    """PPI++ in each stratum, and its standard error; ten labels a stratum are needed."""
    names = sorted({name for name in rated.everyone_strata if name is not None})
    if len(names) < 2:
        return missing("fewer than two strata were named"), math.nan
    strata, everyone = (
        np.array(rated.strata, dtype=object),
        np.array(rated.everyone_strata, dtype=object),
    )
    value = variance = 0.0
    weights = np.zeros(len(strata))
    # Without unlabelled items the labels' weights say how large each stratum is.
    sizes = {
        name: float(rated.weights[strata == name].sum())
        if rated.designed and len(rated.unlabelled) == 0
        else float((everyone == name).sum())
        for name in names
    }
    total = sum(sizes.values())
    for name, size in sizes.items():
        inside, around = strata == name, everyone == name
        count = int(inside.sum())
        if count < LABELS_MIN_STRATUM:
            reason = f"stratum {name} has {count} labels, {LABELS_MIN_STRATUM} are needed"
            return missing(reason), math.nan
        mean, error = _stratum_mean(rated, name, inside, around)
        value += size / total * mean
        variance += (size / total * error) ** 2
        weights[inside] = size / total / count
    error = math.sqrt(variance)
    n = int(np.isin(strata, names).sum())
    if not rated.share:
        return wald_figure(value, error, n, n, weighted=True), error
    value = min(1.0, max(0.0, value))
    known = weights > 0
    estimate = MeanEstimate(
        value=value, error=error, power=1.0, labels_worth=float(n), population=round(total)
    )
    low, high, worth = small_sample_interval(
        steadied(estimate, rated.human[known], weights[known], rated.strata_codes[known]),
        rated.human[known],
        rated.scores[known],
        weights[known],
        CONFIDENCE,
    )
    figure = Figure(
        value=value, ci_low=max(0.0, low), ci_high=min(1.0, high), n=n, n_eff=worth,
        method="stratified_wilson_n_eff", weighted=True,
    )  # fmt: skip
    return figure, error


def _stratum_mean(
    rated: Rated, name: str, inside: NDArray[np.bool_], around: NDArray[np.bool_]
) -> tuple[float, float]:
    human, scores, weights = rated.human[inside], rated.scores[inside], rated.weights[inside]
    clusters = None if rated.clusters is None else rated.clusters[inside]
    population = rated.everyone[around]
    others = rated.unlabelled[np.array(rated.unlabelled_strata, dtype=object) == name]
    if len(others) == 0:
        mean = float(np.average(human, weights=weights))
        return mean, standard_error(human - mean, weights, _in_order(clusters))
    if np.ptp(weights) > 1e-12:
        estimate = design_mean(
            human, scores, weights, rated.probabilities[inside], population, clusters
        )
        return estimate.value, estimate.error
    estimate = powered_mean(human, scores, others, None, clusters)
    return estimate.value, estimate.error


def _in_order(clusters: Codes | None) -> Codes | None:
    """Cluster codes without gaps: only clusters that are here count."""
    return (
        None if clusters is None else np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    )


def finite(rated: Rated) -> Figure:
    """The rate among exactly these items, where what was looked at is not in doubt.

    It leaves the evaluator aside and takes each stratum for a simple sample of its items.
    """
    names = sorted({name for name in rated.everyone_strata if name is not None})
    if len(names) < 2:
        return missing("fewer than two strata were named")
    if None in rated.everyone_strata:
        return missing("some items have no stratum")
    codes = {name: code for code, name in enumerate(names)}
    strata = np.array([codes[str(name)] for name in rated.strata], dtype=np.int64)
    sizes = {code: rated.everyone_strata.count(name) for name, code in codes.items()}
    labels = np.bincount(strata, minlength=len(names))
    for name, code in codes.items():
        if labels[code] < min(2, sizes[code]):
            return missing(f"stratum {name} has {labels[code]} labels, 2 are needed")
    value, error = finite_stratified_mean(rated.human, strata, sizes)
    n = len(rated.human)
    if not rated.share:
        return wald_figure(value, error, n, n, weighted=True)
    size = variance_size(value, error, float(len(rated.everyone)))
    low, high = (value, value) if error == 0 and n == len(rated.everyone) else wilson(value, size)
    return Figure(
        value=value, ci_low=low, ci_high=high, n=n, n_eff=size, method="finite_stratified",
        weighted=True,
    )  # fmt: skip
