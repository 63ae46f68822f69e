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
from typing import TYPE_CHECKING, Protocol

import numpy as np

from analytics.tails import Ascending, Spending, growth_error, lightness

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


_BY_NORM = ("n", "own_n", "limit", "p95", "p99", "spread")


@dataclass(slots=True, kw_only=True)
class Norms:
    """Norms of as many blocks or samples; NaN where there is none.

    A sample exceeds its norm when the mean over its parts lies more than ``limit`` above the mean
    location, and each part more than its own ``bars`` above its location.
    """

    n: Integers
    """Samples that tell the limit."""
    own_n: Integers
    """Samples of the narrow cohort, which tell the location; 0 where others have to."""
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
            own_n=np.zeros(size, dtype=np.int64),
            location=np.full((parts, size), np.nan),
            bars=np.full((parts, size), -np.inf),
            **{name: np.full(size, np.nan) for name in ("limit", "p95", "p99", "spread")},
        )

    def put(self, where: Integers, other: Norms) -> None:
        """Replace the norms at these places."""
        for name in _BY_NORM:
            getattr(self, name)[where] = getattr(other, name)
        for name in ("location", "bars"):
            getattr(self, name)[:, where] = getattr(other, name)

    def take(self, where: Integers) -> Norms:
        """The norms at these places."""
        return Norms(
            **{name: getattr(self, name)[where] for name in _BY_NORM},
            location=self.location[:, where],
            bars=self.bars[:, where],
        )

    @classmethod
    def joined(cls, several: Sequence[Norms]) -> Norms:
        """All of them, one after another."""
        return cls(
            **{name: np.concatenate([getattr(one, name) for one in several]) for name in _BY_NORM},
            location=np.concatenate([one.location for one in several], axis=1),
            bars=np.concatenate([one.bars for one in several], axis=1),
        )


@dataclass(slots=True, kw_only=True)
class Lent:
    """What larger families know of the tails of small windows, a window each.

    ``growth`` (statistics, windows) is that of :attr:`analytics.tails.Ascending.growth` for each of
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


class Values(Protocol):
    """Values that are looked up by their places."""

    def __getitem__(self, places: Integers, /) -> Floats:
        """Those that stand there."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """Values of samples by their places in an order; windows ask for few of them."""

    values: Floats
    order: Integers

    def __getitem__(self, places: Integers, /) -> Floats:
        """Those of the samples that stand there."""
        return self.values[self.order[places]]


def window_norms(
    parts: Sequence[Values],
    begin: Integers,
    end: Integers,
    *,
    spending: Spending,
    samples_min: int,
    lent: Lent | None = None,
) -> Norms:
    """The norms of the windows ``[begin, end)`` of values in order of time, cohort after cohort.

    ``spending`` of ordinary samples may exceed them. Windows of too few samples have none.
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
            norms.put(
                some, _norms_of(parts, begin[some], end[some], size, spending, lent.take(some))
            )
    return norms


def _batches(rows: Integers, size: int) -> Iterator[Integers]:
    at_once = max(1, _VALUES_AT_ONCE // size)
    for first in range(0, rows.size, at_once):
        yield rows[first : first + at_once]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read windows: a location, and how far the samples lay from it."""

    distances: Sequence[Floats]
    """A matrix a part, a window a row."""
    ordered: Sequence[Ascending]
    """The same, each row sorted."""
    location: Floats
    """(parts, windows)"""
    looks: int
    """From how many independent looks the distances are."""

    @classmethod
    def around_median(cls, parts: Sequence[Values], rows: Integers) -> Reading:
        """The median, or that of the latest third where it is higher: a rise is followed early."""
        distances, ordered, location = [], [], []
        third = rows.shape[1] // 3
        for values in parts:
            window = values[rows]
            ascending = np.sort(window, axis=1)
            median = Ascending(ascending).median
            late = np.partition(window[:, -third:], third // 2, axis=1)[:, third // 2]
            distances.append(window - median[:, None])
            ascending -= median[:, None]
            ordered.append(Ascending(ascending))
            location.append(np.maximum(median, late))
        return cls(
            distances=distances,
            ordered=ordered,
            location=np.stack(location),
            looks=rows.shape[1],
        )

    @classmethod
    def moving(cls, parts: Sequence[Values], end: Integers, size: int) -> Reading:
        """The median of the latest stretch; each stretch lies off that of the one before.

        What a stretch lags behind it lags behind as a whole: only stretches count as looks.
        """
        length = min(max(size // 6, _STRETCH_MIN), _STRETCH_MAX)
        stretches = size // length
        rows = end[:, None] - stretches * length + np.arange(stretches * length)
        distances, location = [], []
        for values in parts:
            cut = values[rows].reshape(end.size, stretches, length)
            ordered = np.sort(cut, axis=2)
            medians = (ordered[:, :, (length - 1) // 2] + ordered[:, :, length // 2]) / 2
            distances.append((cut[:, 1:] - medians[:, :-1, None]).reshape(end.size, -1))
            location.append(medians[:, -1])
        return cls(
            distances=distances,
            ordered=[Ascending(np.sort(values, axis=1)) for values in distances],
            location=np.stack(location),
            looks=stretches,
        )

    def take(self, windows: Integers) -> Reading:
        """The reading of some of the windows."""
        return Reading(
            distances=[values[windows] for values in self.distances],
            ordered=[Ascending(values.rows[windows]) for values in self.ordered],
            location=self.location[:, windows],
            looks=self.looks,
        )

    @property
    def errors(self) -> Floats:
        """(parts, windows): how far off it was, by the middle and the upper spread around zero."""
        return np.stack([values.spread_around(0.0) for values in self.ordered])


def _norms_of(
    parts: Sequence[Values],
    begin: Integers,
    end: Integers,
    size: int,
    spending: Spending,
    lent: Lent,
) -> Norms:
    """The norms of windows that are read at the same number of samples."""
    count = end - begin
    evenly = begin[:, None] + (np.arange(size) * count[:, None]) // size
    whole = Reading.around_median(parts, evenly)
    norms = tail_norms(whole, count, spending, lent)
    moving = Reading.moving(parts, end, min(size, _LATEST_MAX))
    closer = np.flatnonzero((moving.errors < _CLOSER * whole.errors).any(axis=0))
    if closer.size == 0:
        return norms
    moving = moving.take(closer)
    norms.put(closer, tail_norms(moving, count[closer], spending, lent.take(closer)))
    if size < 2 * _SETTLED:
        return norms
    # A cohort that moved and came to rest is read from there on, without the jump.
    resting = Reading.around_median(parts, end[closer, None] - _SETTLED + np.arange(_SETTLED))
    at = np.flatnonzero((resting.errors <= _SETTLES * moving.errors).all(axis=0))
    if at.size:
        rests = closer[at]
        norms.put(rests, tail_norms(resting.take(at), count[rests], spending, lent.take(rests)))
    return norms


def statistics(reading: Reading) -> tuple[list[Ascending], Floats]:
    """What limits are set on: the mean of the parts, and the least of several.

    The least is counted in each part's own spread, which is the second answer (parts, rows).
    """
    distances, ordered = reading.distances, reading.ordered
    if len(distances) == 1:
        return [ordered[0]], np.ones_like(reading.location)
    mean = np.sort(sum(distances[1:], distances[0]) / len(distances), axis=1)
    scale = np.stack([values.spread for values in ordered])
    least = np.minimum.reduce([v / s[:, None] for v, s in zip(distances, scale, strict=True)])
    return [Ascending(mean), Ascending(np.sort(least, axis=1))], scale


def tail_norms(reading: Reading, count: Integers, spending: Spending, lent: Lent) -> Norms:
    """The norms that a reading stands for, a window each."""
    told, scale = statistics(reading)
    mean = told[0]
    caution = _CAUTION_ALONE if len(told) == 1 else _CAUTION_TOGETHER
    # The location is uncertain too.
    wider = (1 + _MEDIAN_VARIANCE / reading.looks) ** 0.5
    limit, *bar = (
        wider * one.upper_limit(spending, *_tail(one, caution, lent, place))
        for place, one in enumerate(told)
    )
    bars = np.full(reading.location.shape, -np.inf)
    if bar:
        by_mean = _power(mean, _AIM, limit)
        by_bars = _power(told[1], _AIM / scale.max(axis=0), bar[0])
        use_bars = (by_bars > by_mean) | (mean.size < _MEAN_SAMPLES_MIN)
        bars = np.where(use_bars, bar[0] * scale, bars)
        limit = np.where(use_bars, (bar[0] * scale).mean(axis=0), limit)
    return Norms(
        n=count,
        own_n=count,
        location=reading.location,
        bars=bars,
        limit=limit,
        p95=mean.at(0.95),
        p99=mean.at(0.99),
        spread=mean.spread,
    )


def _power(ordered: Ascending, shift: Floats | float, limit: Floats) -> Floats:
    """By how many of its spreads a sample shifted so far would lie beyond the limit."""
    return np.asarray((ordered.median + shift - limit) / ordered.spread)


def _tail(
    ordered: Ascending, caution: tuple[float, float], lent: Lent, place: int
) -> tuple[Floats, Floats]:
    """The growth that is reckoned with (the window's, or a larger family's), and its lightness."""
    told = lent.n > 0
    sizes = np.where(told, lent.n, ordered.size)
    grown = np.where(told, lent.growth[place], ordered.growth)
    known = {size: (growth_error(size), _errors(caution, size)) for size in set(sizes.tolist())}
    error, added = (np.array([known[size][at] for size in sizes.tolist()]) for at in (0, 1))
    return grown + added, lightness(grown, error)


def _errors(caution: tuple[float, float], size: int) -> float:
    """The error of a growth that is told by so many samples, as many times as caution asks."""
    few = max(0.0, 1.0 - size / _SMALL)
    return (caution[0] + caution[1] * few) * growth_error(size)
