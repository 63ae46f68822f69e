"""Where the upper tail of a sample ends: limits that few ordinary values exceed.

All functions take matrices of sorted samples, one sample a row, and answer a value a row.

A sample of logarithms is described by its quantiles against those of a normal sample. Where
``(quantile - median) / z`` is the same at every share the sample is normal; where it grows with
``z`` squared, the tail is heavier (Tukey's h distribution; D. C. Hoaglin, "Summarizing shape
numerically: the g-and-h distributions", in Hoaglin, Mosteller and Tukey, Exploring Data Tables,
Trends, and Shapes, 1985). The growth between the quartile and the outermost quantile that the
sample can tell is continued to the limit, with its standard error added: a small sample is not
trusted to have shown its tail. The highest two and a half per cent, which may be outliers
themselves, have no say.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_ANCHORS = (0.9, 0.95, 0.975)
_GROWTH_ERRORS = {0.9: 1.29, 0.95: 0.75, 0.975: 0.55}
"""Standard error of the growth, times the root of the sample size (simulated, normal samples)."""
_ABOVE_MIN = 2.5
"""A quantile is used when so many samples lie above it: one or two outliers do not move it."""
_CONTAMINATION = 0.025
"""The growth that one outlier in a hundred fakes in a normal sample."""
_FAKED = {0.9: 0.06, 0.95: 0.09}
"""By how much the same, and taking the largest of several scales, moves that of a quantile."""
_GROWTH_MAX = 0.5
_LIGHT_BELOW = 0.05
_SPREAD_MIN = 1e-9
_HUMPS_SAMPLES_MIN = 1_000
_CONCAVE = 0.9


def z_of(share: float) -> float:
    """The z that this share of normal samples exceeds."""
    return -_NORMAL.inv_cdf(share)


def quantile(ordered: Floats, share: float) -> Floats:
    """A quantile of each sorted row, linear between neighbours, as ``numpy.quantile`` has it."""
    last = ordered.shape[1] - 1
    place = share * last
    below = int(place)
    low = ordered[:, below]
    return np.asarray(low + (place - below) * (ordered[:, min(below + 1, last)] - low))


def spread(ordered: Floats, median: Floats) -> Floats:
    """The largest of the scales that the quartiles and the upper quantiles stand for."""
    middle = (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / (2 * z_of(0.25))
    outer = [(quantile(ordered, at) - median) / z_of(1 - at) for at in _inner(ordered.shape[1])]
    return np.asarray(np.maximum.reduce([middle, *outer, np.full_like(middle, _SPREAD_MIN)]))


def growth(ordered: Floats) -> Floats:
    """How much the scale grows outwards, by ``z`` squared: 0 for a normal sample."""
    median = quantile(ordered, 0.5)
    top = _outermost(ordered.shape[1])
    reached = z_of(1 - top)
    body = np.maximum((quantile(ordered, 0.75) - median) / z_of(0.25), _SPREAD_MIN)
    outer = np.maximum((quantile(ordered, top) - median) / reached, _SPREAD_MIN)
    grown = np.log(outer / body) / (reached**2 - z_of(0.25) ** 2)
    return np.asarray(grown - _CONTAMINATION)


def growth_error(size: int) -> float:
    """The standard error of :func:`growth` in normal samples of this size."""
    return _GROWTH_ERRORS[_outermost(size)] / sqrt(size)


def _outer_scale(ordered: Floats, median: Floats, growth: Floats) -> Floats:
    """The scale of the upper quantiles, without what one outlier in a hundred adds to a light one.

    In a heavy tail the outliers are not told apart, and nothing is taken off.
    """
    light = np.clip(1.0 - growth / _LIGHT_BELOW, 0.0, 1.0)
    scales = [
        (quantile(ordered, at) - median) / z_of(1 - at) * np.exp(-_FAKED[at] * light)
        for at in _inner(ordered.shape[1])
    ]
    middle = (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / (2 * z_of(0.25))
    return np.asarray(np.maximum.reduce([middle, *scales, np.full_like(middle, _SPREAD_MIN)]))


def upper_limit(ordered: Floats, share: float, growth: Floats) -> Floats:
    """What a share of ordinary values exceeds, when the tail's scale grows like this."""
    size = ordered.shape[1]
    median = quantile(ordered, 0.5)
    far = z_of(share)
    anchor = z_of(1 - (_inner(size) or [0.9])[-1])
    grown = np.exp(np.clip(growth, 0.0, _GROWTH_MAX) * max(far**2 - anchor**2, 0.0))
    limit = median + far * _outer_scale(ordered, median, growth) * grown
    if size < _HUMPS_SAMPLES_MIN:
        return np.asarray(limit)
    return np.where(_has_hump(ordered, median), _beyond_hump(ordered, far), limit)


def _outermost(size: int) -> float:
    return (_tellable(size) or [0.9])[-1]


def _tellable(size: int) -> list[float]:
    return [at for at in _ANCHORS if size * (1 - at) >= _ABOVE_MIN]


def _inner(size: int) -> list[float]:
    return [at for at in _tellable(size) if at < _ANCHORS[-1]]


def _has_hump(ordered: Floats, median: Floats) -> NDArray[np.bool_]:
    """Whether the scale shrinks outwards: the top of a second hump, and no tail."""
    at90, at95, at975 = (
        (quantile(ordered, at) - median) / z_of(1 - at) for at in (0.9, 0.95, 0.975)
    )
    return np.asarray(np.maximum(at95, at975) < _CONCAVE * at90)


def _beyond_hump(ordered: Floats, far: float) -> Floats:
    """The hump's own slope, continued."""
    low, high = quantile(ordered, 0.9), quantile(ordered, 0.975)
    slope = (high - low) / (z_of(0.025) - z_of(0.1))
    return np.asarray(high + slope * (far - z_of(0.025)))
