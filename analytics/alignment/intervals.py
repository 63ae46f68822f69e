"""Intervals for one number: Wilson, Clopper-Pearson, Fisher z, Wald.

Sizes may be fractional: an effective size takes the place of a count.
"""

from __future__ import annotations

import math

from scipy.stats import beta, norm

CONFIDENCE = 0.95


def z_quantile(confidence: float = CONFIDENCE) -> float:
    """The two-sided standard normal quantile."""
    return float(norm.ppf(0.5 + confidence / 2))


def wilson(share: float, size: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share seen in ``size`` observations."""
    if size <= 0:
        return 0.0, 1.0
    z2 = z_quantile(confidence) ** 2
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = math.sqrt(z2 * (share * (1 - share) / size + z2 / (4 * size * size))) / (1 + z2 / size)
    low = 0.0 if share <= 0 else max(0.0, centre - half)
    high = 1.0 if share >= 1 else min(1.0, centre + half)
    return low, high


def clopper_pearson(
    hits: float, size: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The exact interval of ``hits`` in ``size``: guaranteed, wider, for release gates."""
    if size <= 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, size - hits + 1))
    high = 1.0 if hits >= size else float(beta.ppf(1 - tail, hits + 1, size - hits))
    return low, high


def zero_error_bound(size: float, confidence: float = CONFIDENCE) -> float:
    """The one-sided upper bound of a rate of which nothing was seen in ``size``; about 3/size."""
    return 1.0 if size <= 0 else 1 - (1 - confidence) ** (1 / size)


def fisher_z(value: float, se: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """An interval for a coefficient in [-1, 1], made on the inverse hyperbolic tangent's scale."""
    if abs(value) >= 1:
        return value, value
    half = z_quantile(confidence) * se / (1 - value * value)
    centre = math.atanh(value)
    return math.tanh(centre - half), math.tanh(centre + half)


def wald(
    value: float,
    se: float,
    confidence: float = CONFIDENCE,
    low: float = -math.inf,
    high: float = math.inf,
) -> tuple[float, float]:
    """Value plus and minus z standard errors, cut at the bounds of the scale."""
    half = z_quantile(confidence) * se
    return max(low, value - half), min(high, value + half)


def variance_size(share: float, se: float, ceiling: float) -> float:
    """The size of a simple sample in which a share has this standard error, at most ``ceiling``.

    At the edges of [0, 1] the standard error says nothing, and the ceiling stands alone.
    """
    if share <= 0 or share >= 1 or se <= 0:
        return ceiling
    return min(ceiling, share * (1 - share) / (se * se))
