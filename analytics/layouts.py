"""How samples lie in cohorts: who stands before whom, and which samples share a norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

_HOUR = 3_600_000_000_000


def _counts() -> Integers:
    """Counts of samples at which a window is looked at anew: each a quarter more."""
    counts = [1]
    while counts[-1] < 2**40:
        counts.append(max(counts[-1] + 1, counts[-1] * 5 // 4))
    return np.array(counts, dtype=np.int64)


_GRID = _counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The samples of one level, cohort after cohort, each in order of time.

    A block is a stretch of one cohort that shares a norm: it ends with the hour (of a window
    shorter than a day, with a twenty-fourth of it), or when its
    window has a quarter more samples. Its window begins so that no sample of the hour looks back
    further than it may, and ends before the block. Both follow from the samples of the window
    alone, so a run that reads no more than those sees the same blocks.
    """

    order: Integers
    """Place in this layout -> sample, by time."""
    begin: Integers
    """Where the window of each place begins."""
    starts: Integers
    """The first place of each block."""
    place: Integers
    """Sample -> place."""

    @property
    def ends(self) -> Integers:
        """One beyond the last place of each block."""
        return np.append(self.starts[1:], self.order.size)

    @property
    def block(self) -> Integers:
        """The block of each place."""
        return np.repeat(np.arange(self.starts.size), self.ends - self.starts)


def layout(times: Integers, codes: Integers, window: int) -> Layout:
    """Arrange samples that come in order of time (ns) by their cohort's code."""
    size = times.size
    hour = min(_HOUR, max(window // 24, 1))
    order = np.argsort(codes, kind="stable")
    own = codes[order]
    is_first = np.ones(size, dtype=np.bool_)
    np.not_equal(own[1:], own[:-1], out=is_first[1:])
    hours = times // hour
    firsts = np.flatnonzero(is_first)
    begin = np.repeat(firsts, np.diff(np.append(firsts, size)))
    if size and times[0] < (hours[-1] + 1) * hour - window:
        oldest = np.searchsorted(times, (hours + 1) * hour - window)
        begin = np.searchsorted(own * size + order, own * size + oldest[order])
    hours = hours[order]
    step = np.searchsorted(_GRID, np.arange(size) - begin, side="right")
    is_start = is_first
    is_start[1:] |= (hours[1:] != hours[:-1]) | (step[1:] != step[:-1])
    place = np.empty(size, dtype=np.int64)
    place[order] = np.arange(size)
    return Layout(order=order, begin=begin, starts=np.flatnonzero(is_start), place=place)
