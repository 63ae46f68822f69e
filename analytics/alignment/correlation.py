"""Measures of two numeric scores: correlation, concordance, error; each with its influences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.alignment.linearised import moment_influence
from analytics.alignment.ranks import dense, mid_ranks, pair_signs, weight_below

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Estimate = tuple[float, Floats]


def _centred(human: Floats, evaluator: Floats, weights: Floats) -> tuple[Floats, Floats]:
    return (
        human - np.average(human, weights=weights),
        evaluator - np.average(evaluator, weights=weights),
    )


def _moments(x: Floats, y: Floats) -> Floats:
    return np.column_stack((x, y, x * x, y * y, x * y))


def _parts(means: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    x, y, xx, yy, xy = means.T
    return xx - x * x, yy - y * y, xy - x * y


def pearson(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """Pearson's correlation."""
    x, y = _centred(human, evaluator, weights)
    x, y = x / np.abs(x).max(), y / np.abs(y).max()

    def measure(means: NDArray[Any]) -> NDArray[Any]:
        var_x, var_y, cov = _parts(means)
        return np.asarray(cov / np.sqrt(var_x * var_y))

    return moment_influence(measure, _moments(x, y), weights)


def concordance(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """Lin's concordance correlation with population variances (equal to quadratic kappa)."""
    origin = np.average(human, weights=weights)

    def measure(means: NDArray[Any]) -> NDArray[Any]:
        var_x, var_y, cov = _parts(means)
        gap = means[:, 0] - means[:, 1]
        return np.asarray(2 * cov / (var_x + var_y + gap * gap))

    return moment_influence(measure, _moments(human - origin, evaluator - origin), weights)


def spearman(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """Pearson's correlation of weighted mid-ranks.

    An observation moves it twice: by its own ranks, and by the ranks it gives to the others.
    """
    u, v = mid_ranks(human, weights), mid_ranks(evaluator, weights)
    value, own = pearson(u, v, weights)
    total = weights.sum()
    x, y = _centred(u, v, weights)
    sd_x, sd_y = (np.sqrt(np.average(side * side, weights=weights)) for side in (x, y))
    slope_u = (y / sd_y - value * x / sd_x) / sd_x
    slope_v = (x / sd_x - value * y / sd_y) / sd_y
    given = _given(human, slope_u, weights / total) + _given(evaluator, slope_v, weights / total)
    return value, own + given


def _given(values: Floats, slope: Floats, shares: Floats) -> Floats:
    """What an observation does to others' ranks: sum over j of slope_j ([v_j > v_i] - F(v_j))."""
    codes = dense(values)
    moved = shares * slope
    below, tied = weight_below(codes, moved)
    above = moved.sum() - below - tied
    result = above + tied / 2
    return np.asarray(result - np.average(result, weights=shares), dtype=np.float64)


def kendall_tau_b(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """Kendall's tau-b over weighted pairs."""
    signs, x_differs, y_differs = pair_signs(human, evaluator, weights)
    s, x, y = (float(np.average(part, weights=weights)) for part in (signs, x_differs, y_differs))
    root = np.sqrt(x * y)
    value = s / root
    influence = 2 * ((signs - s) / root - value / 2 * ((x_differs - x) / x + (y_differs - y) / y))
    return float(value), np.asarray(influence, dtype=np.float64)


def bias(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """The mean of evaluator minus human."""
    return _mean(evaluator - human, weights)


def mean_absolute_error(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """The mean distance."""
    return _mean(np.abs(evaluator - human), weights)


def root_mean_squared_error(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """The root of the mean squared distance."""
    square, influence = _mean((evaluator - human) ** 2, weights)
    root = float(np.sqrt(square))
    return root, influence / (2 * root) if root > 0 else influence


def interval_alpha(human: Floats, evaluator: Floats, weights: Floats) -> Estimate:
    """Krippendorff's alpha with the interval distance, of two complete raters."""
    values = 2 * len(human)
    origin = np.average(human, weights=weights)

    def measure(means: NDArray[Any]) -> NDArray[Any]:
        x, y, xx, yy, xy = means.T
        seen = (xx + yy - 2 * xy) / 2
        middle = (x + y) / 2
        expected = (xx + yy) / 2 - middle * middle
        return np.asarray(1 - (values - 1) / values * seen / expected)

    return moment_influence(measure, _moments(human - origin, evaluator - origin), weights)


def _mean(values: Floats, weights: Floats) -> Estimate:
    mean = float(np.average(values, weights=weights))
    return mean, values - mean
