"""How samples lie in cohorts: who stands before whom, and which samples share a norm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Codes = NDArray[np.integer[Any]]

_HOUR = 3_600_000_000_000


def _counts() -> Integers:
    """Counts of samples at which a window is looked at anew: each a quarter more."""
    counts = [1]
    while counts[-1] < 2**40:
        counts.append(max(counts[-1] + 1, counts[-1] * 5 // 4))
    return np.array(counts, dtype=np.int64)


_GRID = _counts()


@dataclass(frozen=True, kw_only=True)
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

    @cached_property
    def place(self) -> Integers:
        """Sample -> place; small cohorts alone ask for it."""
        place = np.empty(self.order.size, dtype=np.int64)
        place[self.order] = np.arange(self.order.size)
        return place

    @property
    def ends(self) -> Integers:
        """One beyond the last place of each block."""
        return np.append(self.starts[1:], self.order.size)

    @property
    def block(self) -> Integers:
        """The block of each place."""
        return np.repeat(np.arange(self.starts.size), self.ends - self.starts)


def layout(times: Integers, codes: Codes, window: int) -> Layout:
    """Arrange samples that come in order of time (ns) by their cohort's code."""
    size = times.size
    hour = min(_HOUR, max(window // 24, 1))
    order = _by_code(codes)
    own = codes[order]
    is_start = np.ones(size, dtype=np.bool_)
    np.not_equal(own[1:], own[:-1], out=is_start[1:])
    hours = times // hour
    firsts = np.flatnonzero(is_start)
    begin = np.repeat(firsts, np.diff(np.append(firsts, size)))
    if size and times[0] < (hours[-1] + 1) * hour - window:
        oldest = np.searchsorted(times, (hours + 1) * hour - window)
        own = own.astype(np.int64)
        begin = np.searchsorted(own * size + order, own * size + oldest[order])
    del own
    hours = hours[order]
    is_start[1:] |= hours[1:] != hours[:-1]
    # Within an hour a window grows by one sample a place: it has a quarter more at these counts.
    is_step = np.zeros(size, dtype=np.bool_)
    is_step[_GRID[: np.searchsorted(_GRID, size)]] = True
    count = np.arange(size)
    count -= begin
    is_start |= is_step[np.maximum(count, 0, out=count)]
    return Layout(order=order, begin=begin, starts=np.flatnonzero(is_start))


def _by_code(codes: Codes) -> Integers:
    """The samples cohort after cohort, each in their order; of few cohorts by their digits."""
    few = 1 << 16
    if codes.size and int(codes.max()) < few:
        codes = codes.astype(np.uint16)
    return np.argsort(codes, kind="stable")
