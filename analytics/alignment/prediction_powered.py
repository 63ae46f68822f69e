"""Prediction-powered estimates of a mean: few human labels helped by many evaluator scores.

Sources: Angelopoulos et al. 2023 (PPI++, arXiv 2311.01453); Zrnic and Candes 2024 (active
inference, arXiv 2403.03208); Sarndal, Swensson and Wretman 1992 for the difference estimator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.intervals import wilson
from analytics.alignment.linearised import kish

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanEstimate:
    """A mean, its standard error, and how much the evaluator's scores were trusted."""

    value: float
    error: float
    power: float
    """Lambda: 0 uses the labels alone, 1 is plain prediction-powered inference."""
    labels_worth: float
    """Kish size of the labels."""
    population: int


def tuned_power(
    human: Floats, scores: Floats, unlabelled: Floats, weights: Floats | None = None
) -> float:
    """PPI++'s lambda, between 0 and 1; with weights as the reference implementation has it."""
    n, size = len(human), len(unlabelled)
    scale = np.ones(n) if weights is None else weights / weights.mean()
    if weights is None:
        residual, guess, rest = human, scores, unlabelled
    else:
        centre = plain_mean(human, scores, unlabelled, 1.0, weights)
        residual, guess = scale * (human - centre), scale * (scores - centre)
        rest = unlabelled - centre
    covariance = float(np.mean((residual - residual.mean()) * (guess - guess.mean())))
    spread = float(np.var(np.concatenate((guess, rest)), ddof=1))
    return 0.0 if spread <= 0 else min(1.0, max(0.0, covariance / ((1 + n / size) * spread)))


def plain_mean(
    human: Floats,
    scores: Floats,
    unlabelled: Floats,
    power: float,
    weights: Floats | None = None,
) -> float:
    """The PPI point estimate for a given lambda."""
    rectified = float(np.average(human - power * scores, weights=weights))
    return power * float(unlabelled.mean()) + rectified


def powered_mean(
    human: Floats,
    scores: Floats,
    unlabelled: Floats,
    power: float | None = None,
    clusters: Codes | None = None,
) -> MeanEstimate:
    """PPI++ of a simple random sample; ``unlabelled`` holds the scores of the other items."""
    used = tuned_power(human, scores, unlabelled) if power is None else power
    rest = human - used * scores
    n, size = len(human), len(unlabelled)
    variance = used**2 * float(unlabelled.var()) / size
    variance += _mean_variance(rest - rest.mean(), np.full(n, 1 / n), clusters)
    return MeanEstimate(
        value=plain_mean(human, scores, unlabelled, used),
        error=math.sqrt(variance),
        power=used,
        labels_worth=float(n),
        population=n + size,
    )


def design_mean(
    human: Floats,
    scores: Floats,
    weights: Floats,
    probabilities: Floats,
    population_scores: Floats,
    clusters: Codes | None = None,
) -> MeanEstimate:
    """Design-weighted PPI++ (the difference estimator): weights undo the selection.

    ``probabilities`` are nan where only a weight is known; ``population_scores`` are all items'.
    """
    total = weights.sum()
    shares = weights / total
    human_mean, score_mean = float(shares @ human), float(shares @ scores)
    covariance = float(shares @ ((human - human_mean) * (scores - score_mean)))
    spread = float(shares @ (scores - score_mean) ** 2)
    power = 0.0 if spread <= 1e-24 else min(1.0, max(0.0, covariance / spread))
    residual = (human - human_mean) - power * (scores - score_mean)
    thinning = np.sqrt(1 - np.nan_to_num(probabilities, nan=0.0))
    variance = _mean_variance(residual * thinning, shares, clusters)
    size = len(population_scores)
    variance += float(shares @ (human - human_mean) ** 2) / size
    return MeanEstimate(
        value=human_mean - power * (score_mean - float(population_scores.mean())),
        error=math.sqrt(variance),
        power=power,
        labels_worth=kish(weights),
        population=size,
    )


def _mean_variance(residual: Floats, shares: Floats, clusters: Codes | None) -> float:
    moved = residual * shares
    if clusters is not None:
        moved = np.bincount(clusters, weights=moved).astype(np.float64)
    return float((moved**2).sum())


def active_mean(
    scores: Floats, labels: Floats, labelled: NDArray[np.bool_], probabilities: Floats
) -> tuple[float, float]:
    """The active-inference estimate over all items and its standard error.

    ``labels`` may hold anything where ``labelled`` is false.
    """
    correction = np.where(labelled, (labels - scores) / probabilities, 0.0)
    values = scores + correction
    return float(values.mean()), float(values.std()) / math.sqrt(len(values))


def small_sample_interval(
    estimate: MeanEstimate,
    human: Floats,
    scores: Floats,
    weights: Floats,
    confidence: float,
) -> tuple[float, float, float]:
    """Wilson's interval of a share around the estimate, and its effective size.

    Wald intervals of PPI++ cover too seldom when labels are few; the effective size is cut to what
    the labels and their correlation with the scores can be worth.
    """
    worth = estimate.labels_worth
    value = min(1 - 0.5 / worth, max(0.5 / worth, estimate.value))
    r2 = _smoothed_r2(human, scores, weights, worth)
    rest = max(estimate.population - worth, 0.0)
    bound = 1 / ((1 - r2) / worth + r2 / (worth + rest))
    size = bound
    if estimate.error > 0:
        size = min(bound, value * (1 - value) / estimate.error**2)
    low, high = wilson(value, size, confidence)
    return min(low, estimate.value), max(high, estimate.value), size


def _smoothed_r2(human: Floats, scores: Floats, weights: Floats, worth: float) -> float:
    """Squared correlation of the 2x2 table with half an observation added to each cell."""
    cell = (np.round(human) * 2 + np.round(scores)).astype(np.int64)
    table = np.bincount(cell, weights=weights, minlength=4)[:4]
    d, c, b, a = table / table.sum() * worth + 0.5
    root = (a + b) * (c + d) * (a + c) * (b + d)
    return float((a * d - b * c) ** 2 / root)
