"""Norms: robust location and spread of a cohort just before each of its samples.

Within a cohort the window's end moves in steps: a quarter more samples, or an hour, so that the
cost stays linear in the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_NANOSECONDS_AN_HOUR = 3_600_000_000_000
_GROWTH = 1.25
_SAMPLES_MAX = 5_000
_TAIL_SHARE_MAX = 0.03
_TAIL_SAMPLES_MIN = 1_000
OWN_SAMPLES_MIN = 5
_SMALL_COHORT = 60
"""Cohorts up to this size get norms at every sample: their neighbours learn from them."""


@dataclass(slots=True)
class Norms:
    """Per sample, the norm of its cohort just before it; NaN where there is none."""

    n: Floats
    median: Floats
    spread: Floats
    p95: Floats
    p99: Floats
    floor: Floats

    def copy(self) -> Norms:
        """An independent copy."""
        return Norms(*(getattr(self, name).copy() for name in self.__slots__))

    @classmethod
    def blank(cls, size: int) -> Norms:
        """No norm for any sample."""
        return cls(np.zeros(size), *(np.full(size, np.nan) for _ in range(5)))


def level_norms(
    values: Floats,
    times: Integers,
    codes: Integers,
    candidate: NDArray[np.bool_],
    window: int,
    samples_min: int,
) -> Norms:
    """The norms of one level, block by block of every cohort; samples come in order of time."""
    norms = Norms.blank(values.size)
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    for members in np.split(order, bounds):
        is_small = samples_min < members.size <= _SMALL_COHORT
        if members.size <= samples_min or not (is_small or candidate[members].any()):
            continue
        own_values, own_times = values[members], times[members]
        for first, last in _blocks(own_times, samples_min):
            block = members[first:last]
            if not is_small and not candidate[block].any():
                continue
            start = int(np.searchsorted(own_times, own_times[first] - window))
            count = first - start
            if count < samples_min:
                continue
            stats = norm_of(own_values[start:first])
            norms.n[block] = count
            for name, value in stats.items():
                getattr(norms, name)[block] = value
    return norms


def _blocks(times: Integers, samples_min: int) -> Iterator[tuple[int, int]]:
    """Stretches of one cohort that share a window: a quarter more samples, or an hour."""
    first = samples_min
    while first < times.size:
        by_growth = max(first + 1, int(first * _GROWTH))
        by_time = int(np.searchsorted(times, times[first] + _NANOSECONDS_AN_HOUR))
        last = min(by_growth, max(by_time, first + 1), times.size)
        yield first, last
        first = last


def norm_of(sample: Floats) -> dict[str, float]:
    """Median, spread, p95, p99 and the tail's floor of a window of logarithms.

    At most 5,000 samples are read, evenly spaced in time.
    """
    count = sample.size
    if count > _SAMPLES_MAX:
        sample = sample[(np.arange(_SAMPLES_MAX) * count) // _SAMPLES_MAX]
    ordered = np.sort(sample)
    median, p90, p95, p99 = (_quantile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99))
    spread = 1.4826 * _quantile(np.sort(np.abs(ordered - median)), 0.5)
    if count >= 30:
        spread = max(spread, float(p90 - median) / 1.2816)
    if count >= 200:
        spread = max(spread, float(p95 - median) / 1.6449)
    floor = float("nan")
    if count >= _TAIL_SAMPLES_MIN and np.mean(sample > median + 3 * spread) > _TAIL_SHARE_MAX:
        # Not outliers but the cohort's own heavy tail: only what exceeds nearly all of it counts.
        floor = _quantile(ordered, 0.9985)
    return {
        "median": float(median),
        "spread": spread,
        "p95": float(p95),
        "p99": float(p99),
        "floor": floor,
    }


def spread_within(  # The samples, and which of them to look at.
    values: Floats,
    times: Integers,
    codes: Integers,
    own: Norms,
    picked: Integers,
    needy: NDArray[np.bool_],
    window: int,
    needed: int,
) -> Floats:
    """How far values lie from the medians of their own cohorts, in each wider cohort.

    NaN where too few samples have a median of their own.
    """
    spread = np.full(values.size, np.nan)
    known = picked[(own.n[picked] >= OWN_SAMPLES_MIN)]
    if known.size > needed:
        residuals = values[known] - own.median[known]
        norms = level_norms(residuals, times[known], codes[known], needy[known], window, needed)
        enough = norms.n >= needed
        spread[known[enough]] = norms.spread[enough] + np.maximum(norms.median[enough], 0.0)
    return spread


def _quantile(ordered: Floats, share: float) -> float:
    """A quantile of sorted values, linear between neighbours, as ``numpy.quantile`` has it."""
    place = share * (ordered.size - 1)
    below = int(place)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
