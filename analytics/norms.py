"""Norms: what a cohort's window says of the next sample.

A norm is a location and the distribution of the distances from it. Two readings of a window are
compared: its plain median, and the median of its latest few samples, as a moving cohort asks for
(drift, the hour of the day, a new version). Each is judged by how far it was off within the
window: distances from the latest samples are taken one stretch ahead, so that they hold what the
reading lags behind. The moving one is used only where it was clearly closer; an incident does
not become the norm at once.

What is judged on two metrics together (``parts``) is the mean of both distances, or, where that
finds more (heavy tails), whether both are large at once (an intersection-union test: R. L.
Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982). Two
metrics seldom go astray together by chance, whatever their tails; how often, their cohort shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from analytics.tails import growth, growth_error, quantile, spread, upper_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]


def _sizes() -> Integers:
    sizes = [30]
    while sizes[-1] < 1_800:
        sizes.append(sizes[-1] + sizes[-1] // 8)
    return np.array([*sizes, 2_000], dtype=np.int64)


_SIZES = _sizes()
"""How many samples of a window are read: the largest of these, spread evenly over it."""
_LATEST_MAX = 960
"""How many of the latest samples a moving norm is read from, in stretches of a sixth of them."""
_STRETCH_MIN, _STRETCH_MAX = 8, 32
_CLOSER = 0.95
"""A moving norm has to be so much closer than the plain one."""
_SETTLED = 320
"""A cohort that moved and lay still for so many samples is read from there on, ..."""
_SETTLES = 1.03
"""... when their own median is hardly farther off than the moving one."""
_VALUES_AT_ONCE = 500_000
_MEDIAN_VARIANCE = 1.57
"""Of the median of n normal samples, times n / sigma squared."""
_AIM = log(4.0)
"""Which of two tests finds more is asked for fourfold values."""
_CAUTION_ALONE, _CAUTION_TOGETHER = (1.0, 0.8), (0.0, 0.25)
"""How many errors of a tail's growth are added, and how many more where nearly nothing is seen."""
_SMALL = 600
"""From so many samples on nothing more is added."""
_MEAN_SAMPLES_MIN = 256
"""With fewer samples the choice between two tests would be chance."""


@dataclass(slots=True, kw_only=True)
class Norms:
    """Norms of as many blocks or samples; NaN where there is none.

    A sample exceeds its norm when the mean over its parts lies more than ``limit`` above the mean
    location, and each part more than its own ``bars`` above its location.
    """

    n: Integers
    """Samples in the window."""
    location: Floats
    """(parts, norms)"""
    bars: Floats
    """(parts, norms); minus infinity for none."""
    limit: Floats
    """A distance from the mean location, as are the others below."""
    p95: Floats
    p99: Floats
    spread: Floats

    @classmethod
    def blank(cls, size: int, parts: int) -> Norms:
        """No norm for anything."""
        return cls(
            n=np.zeros(size, dtype=np.int64),
            location=np.full((parts, size), np.nan),
            bars=np.full((parts, size), -np.inf),
            **{name: np.full(size, np.nan) for name in ("limit", "p95", "p99", "spread")},
        )

    def put(self, where: Integers, other: Norms) -> None:
        """Replace the norms at these places."""
        for name in ("n", "limit", "p95", "p99", "spread"):
            getattr(self, name)[where] = getattr(other, name)
        for name in ("location", "bars"):
            getattr(self, name)[:, where] = getattr(other, name)

    def take(self, where: Integers) -> Norms:
        """The norms at these places."""
        return Norms(
            **{name: getattr(self, name)[where] for name in ("n", "limit", "p95", "p99", "spread")},
            location=self.location[:, where],
            bars=self.bars[:, where],
        )

    @classmethod
    def joined(cls, several: Sequence[Norms]) -> Norms:
        """All of them, one after another."""
        return cls(
            **{
                name: np.concatenate([getattr(one, name) for one in several])
                for name in ("n", "limit", "p95", "p99", "spread")
            },
            location=np.concatenate([one.location for one in several], axis=1),
            bars=np.concatenate([one.bars for one in several], axis=1),
        )


@dataclass(slots=True, kw_only=True)
class Lent:
    """What larger families know of the tails of small windows, a window each.

    ``growth`` (statistics, windows) is that of :func:`analytics.tails.growth` for each of
    :func:`statistics`, told by ``n`` samples (0 for none).
    """

    n: Integers
    growth: Floats

    @classmethod
    def nothing(cls, size: int, parts: int) -> Lent:
        """No family knows more."""
        return cls(n=np.zeros(size, dtype=np.int64), growth=np.zeros((parts, size)))

    def take(self, where: Integers) -> Lent:
        """What is known at these places."""
        return Lent(n=self.n[where], growth=self.growth[:, where])


def window_norms(
    parts: Sequence[Floats],
    begin: Integers,
    end: Integers,
    *,
    share: float,
    samples_min: int,
    lent: Lent | None = None,
) -> Norms:
    """The norms of the windows ``[begin, end)`` of values in order of time, cohort after cohort.

    ``share`` of ordinary samples may exceed them. Windows of too few samples have none.
    """
    lent = lent or Lent.nothing(begin.size, len(parts))
    norms = Norms.blank(begin.size, len(parts))
    norms.n[:] = end - begin
    enough = max(samples_min, int(_SIZES[0]))
    sizes = np.searchsorted(_SIZES, norms.n, side="right") - 1
    for size_code in np.unique(sizes[norms.n >= enough]).tolist():
        size = int(_SIZES[size_code])
        rows = np.flatnonzero((sizes == size_code) & (norms.n >= enough))
        for some in _batches(rows, size):
            norms.put(some, _norms_of(parts, begin[some], end[some], size, share, lent.take(some)))
    return norms


def _batches(rows: Integers, size: int) -> Iterator[Integers]:
    at_once = max(1, _VALUES_AT_ONCE // size)
    for first in range(0, rows.size, at_once):
        yield rows[first : first + at_once]


def _norms_of(
    parts: Sequence[Floats],
    begin: Integers,
    end: Integers,
    size: int,
    share: float,
    lent: Lent,
) -> Norms:
    """The norms of windows that are read at the same number of samples."""
    count = end - begin
    evenly = begin[:, None] + (np.arange(size) * count[:, None]) // size
    whole = [values[evenly] for values in parts]
    location = np.stack([_plain_location(values) for values in whole])
    distances = [values - np.median(values, axis=1)[:, None] for values in whole]
    norms = tail_norms(distances, count, location, share, lent)
    moving, latest = _moving(parts, end, min(size, _LATEST_MAX))
    closer = np.zeros(begin.size, dtype=np.bool_)
    for still, off in zip(distances, moving, strict=True):
        closer |= _error(off) < _CLOSER * _error(still)
    some = np.flatnonzero(closer)
    if some.size:
        ahead = [values[some] for values in moving]
        looks = min(size, _LATEST_MAX) // _length(min(size, _LATEST_MAX))
        followed = tail_norms(ahead, count[some], latest[:, some], share, lent.take(some), looks)
        norms.put(some, followed)
        if size >= 2 * _SETTLED:
            _settle(norms, parts, end, some, ahead, share, lent)
    return norms


def _settle(  # The moving norms, and what they were read from.
    norms: Norms,
    parts: Sequence[Floats],
    end: Integers,
    some: Integers,
    ahead: Sequence[Floats],
    share: float,
    lent: Lent,
) -> None:
    """Read a cohort that moved and came to rest from there on, without the jump."""
    rows = end[some, None] - _SETTLED + np.arange(_SETTLED)
    latest = [values[rows] for values in parts]
    distances = [values - np.median(values, axis=1)[:, None] for values in latest]
    rests = np.ones(some.size, dtype=np.bool_)
    for still, moving in zip(distances, ahead, strict=True):
        rests &= _error(still) <= _SETTLES * _error(moving)
    at = np.flatnonzero(rests)
    if at.size:
        location = np.stack([_plain_location(values[at]) for values in latest])
        resting = [values[at] for values in distances]
        where = some[at]
        norms.put(where, tail_norms(resting, norms.n[where], location, share, lent.take(where)))


def _plain_location(values: Floats) -> Floats:
    """The median, or that of the latest third where it is higher: a rise is followed early."""
    third = values.shape[1] // 3
    late = np.median(values[:, -third:], axis=1)
    return np.asarray(np.maximum(np.median(values, axis=1), late))


def _moving(parts: Sequence[Floats], end: Integers, size: int) -> tuple[list[Floats], Floats]:
    """Distances of each stretch from the median of the one before, and the last median."""
    length = _length(size)
    stretches = size // length
    rows = end[:, None] - stretches * length + np.arange(stretches * length)
    distances, last = [], []
    for values in parts:
        cut = values[rows].reshape(end.size, stretches, length)
        medians = np.median(cut, axis=2)
        distances.append((cut[:, 1:] - medians[:, :-1, None]).reshape(end.size, -1))
        last.append(medians[:, -1])
    return distances, np.stack(last)


def _length(size: int) -> int:
    return min(max(size // 6, _STRETCH_MIN), _STRETCH_MAX)


def _error(distances: Floats) -> Floats:
    """How far off a reading was: the middle and upper spread of the distances around zero."""
    ordered = np.sort(distances, axis=1)
    return spread(ordered, np.zeros(ordered.shape[0]))


def statistics(distances: Sequence[Floats]) -> tuple[list[Floats], Floats]:
    """What limits are set on, each row sorted: the mean of the parts, and the least of several.

    The least is counted in each part's own spread, which is the second answer (parts, rows).
    """
    mean = np.sort(sum(distances) / len(distances), axis=1)
    if len(distances) == 1:
        return [mean], np.ones((1, mean.shape[0]))
    ordered = [np.sort(values, axis=1) for values in distances]
    scale = np.stack([spread(values, quantile(values, 0.5)) for values in ordered])
    least = np.minimum.reduce([v / s[:, None] for v, s in zip(distances, scale, strict=True)])
    return [mean, np.sort(least, axis=1)], scale


def tail_norms(
    distances: Sequence[Floats],
    count: Integers,
    location: Floats,
    share: float,
    lent: Lent,
    looks: int = 0,
) -> Norms:
    """The norms that distances from a location stand for, a row each.

    ``looks`` is from how many medians the distances are; by default from one of all of them.
    """
    told, scale = statistics(distances)
    mean, size = told[0], told[0].shape[1]
    caution = _CAUTION_ALONE if len(told) == 1 else _CAUTION_TOGETHER
    # The location is uncertain too.
    wider = (1 + _MEDIAN_VARIANCE / (looks or size)) ** 0.5
    limit, *bar = (
        wider * upper_limit(one, share, _growth(one, caution, lent, place))
        for place, one in enumerate(told)
    )
    bars = np.full(location.shape, -np.inf)
    if bar:
        by_mean = _power(mean, _AIM, limit)
        by_bars = _power(told[1], _AIM / scale.max(axis=0), bar[0])
        use_bars = (by_bars > by_mean) | (size < _MEAN_SAMPLES_MIN)
        bars = np.where(use_bars, bar[0] * scale, bars)
        limit = np.where(use_bars, (bar[0] * scale).mean(axis=0), limit)
    return Norms(
        n=count,
        location=location,
        bars=bars,
        limit=limit,
        p95=quantile(mean, 0.95),
        p99=quantile(mean, 0.99),
        spread=spread(mean, quantile(mean, 0.5)),
    )


def _power(ordered: Floats, shift: Floats | float, limit: Floats) -> Floats:
    """By how many of its spreads a sample shifted so far would lie beyond the limit."""
    median = quantile(ordered, 0.5)
    return np.asarray((median + shift - limit) / spread(ordered, median))


def _growth(ordered: Floats, caution: tuple[float, float], lent: Lent, place: int) -> Floats:
    """The growth of the tail that is reckoned with: the window's own, or a larger family's."""
    size = ordered.shape[1]
    own = growth(ordered) + _errors(caution, size)
    borrowed = np.array([_errors(caution, n) if n else 0.0 for n in lent.n.tolist()])
    return np.where(lent.n > 0, lent.growth[place] + borrowed, own)


def _errors(caution: tuple[float, float], size: int) -> float:
    """The error of a growth that is told by so many samples, as many times as caution asks."""
    few = max(0.0, 1.0 - size / _SMALL)
    return (caution[0] + caution[1] * few) * growth_error(size)
