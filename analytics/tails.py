"""Where the upper tail of a sample ends: limits that few ordinary values exceed.

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

from dataclasses import dataclass
from functools import cache, cached_property
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_NORMAL = NormalDist()


def z_of(share: float) -> float:
    """The z that this share of normal samples exceeds."""
    return -_NORMAL.inv_cdf(share)


_ANCHORS = (0.9, 0.95, 0.975)
_Z = {at: z_of(1 - at) for at in (0.75, *_ANCHORS)}
_GROWTH_ERRORS = {0.9: 1.29, 0.95: 0.75, 0.975: 0.55}
"""Standard error of the growth, times the root of the sample size (simulated, normal samples)."""
_ABOVE_MIN = 2.5
"""A quantile is used when so many samples lie above it: one or two outliers do not move it."""
_CONTAMINATION = 0.025
"""The growth that one outlier in a hundred fakes in a normal sample."""
_FAKED = {0.9: 0.06, 0.95: 0.09}
"""By how much the same, and taking the largest of several scales, moves that of a quantile."""
_LIGHT_BELOW = 0.05
_LIGHT_ERRORS = 1.0
"""Half the growth of a Student tail with three degrees of freedom; errors that are added to it."""
_GROWTH_MAX = 0.5
_SPREAD_MIN = 1e-9
_HUMPS_SAMPLES_MIN = 1_000
_CONCAVE = 0.9


@cache
def _tellable(size: int) -> tuple[float, ...]:
    """The upper quantiles that so many samples can tell."""
    return tuple(at for at in _ANCHORS if size * (1 - at) >= _ABOVE_MIN) or _ANCHORS[:1]


@cache
def _inner(size: int) -> tuple[float, ...]:
    """Those of them that outliers do not reach."""
    return tuple(at for at in _tellable(size) if at < _ANCHORS[-1])


def growth_error(size: int) -> float:
    """The standard error of :meth:`Ascending.growth` in normal samples of this size."""
    return _GROWTH_ERRORS[_tellable(size)[-1]] / sqrt(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The share of ordinary values that may exceed a limit, by what is known of their tail."""

    light: float
    """Where samples have shown that the tail is light: the limit is told well."""
    heavy: float
    """Where it is heavy, or where too few samples say: it is told badly, and often too low."""

    def z(self, light: Floats) -> Floats:
        """The z of the limit, between the two by how light the tail is (0 to 1)."""
        heaviest = z_of(self.heavy)
        return np.asarray(heaviest + (z_of(self.light) - heaviest) * light)


def lightness(growth: Floats, error: Floats | float) -> Floats:
    """How sure it is that a tail is light, from 0 to 1, by its growth and the error of that."""
    return np.clip(1.0 - (growth + _LIGHT_ERRORS * error) / _LIGHT_BELOW, 0.0, 1.0)


class Ascending:
    """Sorted samples, one a row; every answer is one value a row."""

    def __init__(self, rows: Floats) -> None:
        self.rows = rows
        self.size = rows.shape[1]
        self._known: dict[float, Floats] = {}

    def at(self, share: float) -> Floats:
        """A quantile, linear between neighbours, as ``numpy.quantile`` has it."""
        if share not in self._known:
            last = self.size - 1
            place = share * last
            below = int(place)
            low, high = self.rows[:, below], self.rows[:, min(below + 1, last)]
            self._known[share] = low + (place - below) * (high - low)
        return self._known[share]

    @property
    def median(self) -> Floats:
        """The value in the middle."""
        return self.at(0.5)

    @property
    def middle(self) -> Floats:
        """The scale that the quartiles stand for."""
        return np.asarray((self.at(0.75) - self.at(0.25)) / (2 * _Z[0.75]))

    @cached_property
    def spread(self) -> Floats:
        """The largest of the scales that the quartiles and the upper quantiles stand for."""
        return self.spread_around(self.median)

    def spread_around(self, centre: Floats | float) -> Floats:
        """The same, of the distances from another value than the median."""
        outer = [(self.at(at) - centre) / _Z[at] for at in _inner(self.size)]
        return np.asarray(np.maximum(np.maximum.reduce([self.middle, *outer]), _SPREAD_MIN))

    @cached_property
    def growth(self) -> Floats:
        """How much the scale grows outwards, by ``z`` squared: 0 for a normal sample."""
        top = _tellable(self.size)[-1]
        body = np.maximum((self.at(0.75) - self.median) / _Z[0.75], _SPREAD_MIN)
        outer = np.maximum((self.at(top) - self.median) / _Z[top], _SPREAD_MIN)
        grown = np.log(outer / body) / (_Z[top] ** 2 - _Z[0.75] ** 2)
        # In a tail that grows more than outliers explain, nothing is put down to them.
        faked = np.clip((3 * _CONTAMINATION - grown) / (2 * _CONTAMINATION), 0.0, 1.0)
        return np.asarray(grown - _CONTAMINATION * faked)

    def upper_limit(self, spending: Spending, growth: Floats, light: Floats) -> Floats:
        """What a share of ordinary values exceeds, when the tail's scale grows like this.

        ``light`` says how sure it is that the tail is light, from 0 to 1.
        """
        far = spending.z(light)
        reach = np.maximum(far**2 - _Z[_inner(self.size)[-1]] ** 2, 0.0)
        grown = np.exp(np.clip(growth, 0.0, _GROWTH_MAX) * reach)
        limit = self.median + far * self._outer_scale(light) * grown
        if self.size < _HUMPS_SAMPLES_MIN:
            return np.asarray(limit)
        return np.where(self._has_hump(), self._beyond_hump(far), limit)

    def _outer_scale(self, light: Floats) -> Floats:
        """The scale of the upper quantiles, less what one outlier in a hundred adds to a light one.

        In a heavy tail the outliers are not told apart, and nothing is taken off.
        """
        scales = [
            (self.at(at) - self.median) / _Z[at] * np.exp(-_FAKED[at] * light)
            for at in _inner(self.size)
        ]
        return np.asarray(np.maximum(np.maximum.reduce([self.middle, *scales]), _SPREAD_MIN))

    def _has_hump(self) -> NDArray[np.bool_]:
        """Whether the scale shrinks outwards: the top of a second hump, and no tail."""
        at90, at95, at975 = ((self.at(at) - self.median) / _Z[at] for at in _ANCHORS)
        return np.asarray(np.maximum(at95, at975) < _CONCAVE * at90)

    def _beyond_hump(self, far: Floats) -> Floats:
        """The hump's own slope, continued."""
        slope = (self.at(0.975) - self.at(0.9)) / (_Z[0.975] - _Z[0.9])
        return np.asarray(self.at(0.975) + slope * (far - _Z[0.975]))
