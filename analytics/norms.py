"""Norms: robust location, spread and tail of a cohort just before each of its samples.

A window that drifts is read from its latest steady part on. Where its upper tail is not that of a
normal sample (heavier, or the top of a second hump), the limit follows the tail itself. Within a
cohort the window's end moves in steps: a quarter more samples, or an hour, so that the cost stays
linear in the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, log2
from statistics import NormalDist
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
_TAIL_SAMPLES_MIN = 300
_TAIL_SAMPLES_SURE = 1_000
"""Samples from which a tail is looked at, and from which it may lower a limit."""
_SHAPE_MIN, _SHAPE_MAX = -0.3, 0.5
_STEADY_SAMPLES_MIN = 250
"""A steady part holds at least so many samples: an incident of fewer does not become the norm."""
_DRIFT_ERRORS = 4.0
_DRIFT_MIN = 0.05
OWN_SAMPLES_MIN = 3
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
    """No value below is an outlier; NaN for no such bound."""
    tail: Floats
    """The limit where the upper tail is not that of a normal sample; NaN where it is."""
    drift: Floats
    """How much further up the cohort has probably moved meanwhile."""

    def copy(self) -> Norms:
        """An independent copy."""
        return Norms(*(getattr(self, name).copy() for name in self.__slots__))

    @classmethod
    def blank(cls, size: int) -> Norms:
        """No norm for any sample."""
        return cls(np.zeros(size), *(np.full(size, np.nan) for _ in range(7)))


def level_norms(
    values: Floats,
    times: Integers,
    codes: Integers,
    candidate: NDArray[np.bool_],
    window: int,
    samples_min: int,
    share: float = 0.001,
) -> Norms:
    """The norms of one level, block by block of every cohort; samples come in order of time.

    ``share`` of ordinary samples may exceed the limit.
    """
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
            if first - start < samples_min:
                continue
            sample, drift = steady(own_values[start:first])
            stats = norm_of(sample, share) | {"drift": drift}
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


def steady(sample: Floats) -> tuple[Floats, float]:
    """The latest part of a window that shows no drift, and how far up it was moving.

    Halved as long as the medians of its halves differ by more than chance explains, so that a
    norm follows drift, the hour of the day, or a new version.
    """
    drift = 0.0
    while sample.size >= 2 * _STEADY_SAMPLES_MIN:
        half = sample.size // 2
        earlier, later = sample[:half], sample[half:]
        step = max(1, half // 1_000)
        first, second = np.sort(earlier[::step]), np.sort(later[::step])
        shift = _quantile(second, 0.5) - _quantile(first, 0.5)
        spread = (_quantile(second, 0.75) - _quantile(second, 0.25)) / 1.349
        error = 1.2533 * spread * (1 / first.size + 1 / second.size) ** 0.5
        if abs(shift) <= max(_DRIFT_ERRORS * error, _DRIFT_MIN):
            break
        sample, drift = later, max(shift, 0.0)
    return sample, drift


def norm_of(sample: Floats, share: float) -> dict[str, float]:
    """Count, median, spread, p95, p99 and the tail's limit of a window of logarithms.

    At most 5,000 samples are read, evenly spaced in time.
    """
    count = sample.size
    if count > _SAMPLES_MAX:
        sample = sample[(np.arange(_SAMPLES_MAX) * count) // _SAMPLES_MAX]
    ordered = np.sort(sample)
    median, p90, p95, p99 = (_quantile(ordered, part) for part in (0.5, 0.9, 0.95, 0.99))
    spread = 1.4826 * _quantile(np.sort(np.abs(ordered - median)), 0.5)
    if count >= 30:
        spread = max(spread, float(p90 - median) / 1.2816)
    if count >= 200:
        spread = max(spread, float(p95 - median) / 1.6449)
    return {
        "n": float(count),
        "median": float(median),
        "spread": spread,
        "p95": float(p95),
        "p99": float(p99),
        "tail": _tail_limit(ordered, median, share),
    }


def _tail_limit(ordered: Floats, median: float, share: float) -> float:
    """What a share of samples exceeds, where the upper tail is not that of a normal sample.

    Compared are the scales that the p95 and the p75 stand for. Where they differ, the tail is
    continued beyond the p97.5 as a generalised Pareto tail whose shape three quantiles tell
    (Pickands' estimator); the highest values, which may be outliers, have no say in it.
    """
    if ordered.size < _TAIL_SAMPLES_MIN:
        return float("nan")
    p75, p90, p95, p975 = (_quantile(ordered, part) for part in (0.75, 0.9, 0.95, 0.975))
    inner = max((p75 - median) / 0.6745, 1e-9)
    excess = (p95 - median) / 1.6449 / inner
    error = ordered.size**-0.5
    if excess <= 1.08 + 1.2 * error:
        return float("nan")
    # With few samples the tail may only raise the limit, never lower it.
    is_sure = excess > 1.1 + 2.4 * error and ordered.size >= _TAIL_SAMPLES_SURE
    outer = max((p95 - median) / 1.6449, (p90 - median) / 1.2816)
    least = -inf if is_sure else median + NormalDist().inv_cdf(1 - share) * outer
    near, far = max(p95 - p90, 1e-9), max(p975 - p95, 1e-9)
    shape = min(max(log2(far / near), _SHAPE_MIN), _SHAPE_MAX)
    grown = 2.0**shape
    beyond = 0.025 / share
    if abs(shape) < 1e-6:
        return max(least, p975 + far / log(2) * log(beyond))
    return float(max(least, p975 + far * grown / (grown - 1) * (beyond**shape - 1)))


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
