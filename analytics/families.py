"""Norms for small cohorts: their own median, and how far their relatives lie from theirs.

A workload of few traces has a median of its own from its first trace on, but no tail. The
cohorts of one family (the same model, operation or project) lend it theirs: the distances of
each of their samples from the median of up to five samples of its own cohort just before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.norms import Lent, Norms, Reading, statistics, tail_norms, window_norms
from analytics.tails import Ascending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analytics.layouts import Layout
    from analytics.norms import Floats, Integers
    from analytics.tails import Spending

_PREVIOUS_MAX = 5
_OWN_MAX = 60
_LATEST_MAX = 10_000
"""How many of a family's latest samples are looked at, ..."""
_DISTANCES_MAX = 1_000
"""... and how many of them are compared with their own cohort."""
_SPREAD_SAMPLES_MIN = 8
_STRANGER_SAMPLES_MIN = 100
_ROWS_AT_ONCE = 20_000
_LENDS_AT = 2
"""A family tells more of tails than a window with this many times its samples."""


def own_locations(
    parts: Sequence[Floats], own: Layout, needy: Integers
) -> tuple[Integers, Floats, Floats]:
    """Count, median and spread (parts, samples) of each needy sample's own earlier samples.

    ``needy`` are samples with fewer than sixty of them; values come by sample.
    """
    place = own.place[needy]
    count = np.minimum(place - own.begin[place], _OWN_MAX)
    median = np.full((len(parts), needy.size), np.nan)
    spread = np.full((len(parts), needy.size), np.nan)
    for first in range(0, needy.size, _ROWS_AT_ONCE):
        some = slice(first, first + _ROWS_AT_ONCE)
        back = place[some, None] - 1 - np.arange(_OWN_MAX)
        is_own = np.arange(_OWN_MAX) < count[some, None]
        for part, values in enumerate(parts):
            ordered = np.sort(np.where(is_own, values[own.order[np.maximum(back, 0)]], np.nan))
            median[part, some] = _ragged(ordered, count[some], 0.5)
            quartiles = [_ragged(ordered, count[some], at) for at in (0.25, 0.75)]
            spread[part, some] = (quartiles[1] - quartiles[0]) / 1.349
    return count, median, spread


def _ragged(ordered: Floats, count: Integers, share: float) -> Floats:
    """A quantile of the first ``count`` values of each row."""
    place = share * np.maximum(count - 1, 0)
    below = place.astype(np.int64)
    rows = np.arange(count.size)
    low = ordered[rows, below]
    high = ordered[rows, np.minimum(below + 1, np.maximum(count - 1, 0))]
    return np.asarray(low + (place - below) * (high - low))


def uncertainty(count: Integers) -> Floats:
    """How much wider a norm is whose location is the median of so few normal samples."""
    known = np.array([np.nan, 1.0, 0.5, 0.449])
    variance = np.where(count < known.size, known[np.minimum(count, 3)], 1.57 / (count + 0.57))
    return np.asarray(np.sqrt(1 + variance))


class Family:
    """One wider level, as small cohorts ask it."""

    def __init__(self, parts: Sequence[Floats], own: Layout, wide: Layout) -> None:
        self._parts = parts
        self._own = own
        self._wide = wide
        self._known: dict[tuple[int, int], list[Floats]] = {}

    def lend(self, lent: Lent, asking: Integers, samples: Integers, count: Integers) -> None:
        """Say what this level knows of tails, where it has twice as many samples as the window.

        ``asking`` are places in ``lent``, ``samples`` the first ones they judge, ``count`` the
        samples of their windows.
        """
        for block, members in self._by_block(samples):
            begin, end = self._window(block)
            if end - begin < _LENDS_AT * int(count[members].min()):
                continue
            distances = self._distances(begin, end)
            size = distances[0].size
            takes = asking[members[count[members] * _LENDS_AT <= size]]
            if takes.size:
                told, _ = statistics(_reading(distances))
                lent.n[takes] = size
                for place, ordered in enumerate(told):
                    lent.growth[place, takes] = ordered.growth[0]

    def _by_block(self, samples: Integers) -> Iterator[tuple[int, Integers]]:
        """The blocks of this level in which the samples lie, each with the places of its own."""
        blocks = np.searchsorted(self._wide.starts, self._wide.place[samples], side="right") - 1
        order = np.argsort(blocks, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1):
            if members.size:
                yield int(blocks[members[0]]), members

    def _window(self, block: int) -> tuple[int, int]:
        """The latest samples of a block's window."""
        end = int(self._wide.starts[block])
        return max(int(self._wide.begin[end]), end - _LATEST_MAX), end

    def norms(  # What is known of the needy samples, a column each.
        self,
        needy: Integers,
        count: Integers,
        median: Floats,
        spread: Floats,
        *,
        spending: Spending,
        samples_min: int,
        stranger_floor: float,
    ) -> tuple[Norms, Integers]:
        """Norms for those of the needy samples that the family can judge, and which these are."""
        norms = Norms.blank(needy.size, len(self._parts))
        for block, members in self._by_block(needy):
            begin, end = self._window(block)
            if end - begin < samples_min:
                continue
            known = members[count[members] > 0]
            distances = self._distances(begin, end) if known.size else []
            if known.size and distances[0].size >= samples_min:
                family = _of_family(distances, spending)
                norms.put(known, _lowered(family, known, distances, count, median, spread))
            strangers = members[count[members] == 0]
            if strangers.size and end - begin >= _STRANGER_SAMPLES_MIN:
                family = self._of_strangers(begin, end, spending, stranger_floor)
                norms.put(strangers, family.take(np.zeros(strangers.size, dtype=np.int64)))
        judged = np.flatnonzero(~np.isnan(norms.limit))
        return norms.take(judged), judged

    def _of_strangers(self, begin: int, end: int, spending: Spending, floor: float) -> Norms:
        """A workload never seen before may be normal at any size.

        It is an outlier only when it exceeds, twice over, nearly everything the family ever did.
        """
        places = self._wide.order[begin:end]
        values = [known[places] for known in self._parts]
        bounds = np.array([0]), np.array([end - begin])
        family = window_norms(values, *bounds, spending=spending, samples_min=end - begin)
        family.limit = np.maximum(family.limit, family.p99 + floor)
        family.own_n[:] = 0
        return family

    def _distances(self, begin: int, end: int) -> list[Floats]:
        """:meth:`_read`, once a window."""
        if (begin, end) not in self._known:
            self._known[begin, end] = self._read(begin, end)
        return self._known[begin, end]

    def _read(self, begin: int, end: int) -> list[Floats]:
        """How far each sample of a window lies from those of its cohort before it, in the window.

        In the unit of a sample whose cohort's median is known.
        """
        own = self._own
        samples = self._wide.order[begin:end]
        oldest = samples[0]
        last = np.maximum(own.place[samples] - 1, 0)
        has_any = (last >= own.begin[last + 1]) & (own.order[last] >= oldest)
        samples = samples[has_any & (own.place[samples] > 0)][-_DISTANCES_MAX:]
        back = own.place[samples][:, None] - 1 - np.arange(_PREVIOUS_MAX)
        within = back >= own.begin[own.place[samples]][:, None]
        previous = own.order[np.maximum(back, 0)]
        # Samples come in order of time, so an earlier one has a smaller number.
        within &= previous >= oldest
        count = within.sum(axis=1)
        distances = []
        for values in self._parts:
            ordered = np.sort(np.where(within, values[previous], np.nan))
            median = _ragged(ordered, count, 0.5)
            distances.append((values[samples] - median) / uncertainty(count))
        return distances


def _reading(distances: list[Floats]) -> Reading:
    rows = [values[None, :] for values in distances]
    return Reading(
        distances=rows,
        ordered=[Ascending(np.sort(values)) for values in rows],
        location=np.zeros((len(rows), 1)),
        looks=distances[0].size,
    )


def _of_family(distances: list[Floats], spending: Spending) -> Norms:
    size = np.array([distances[0].size])
    return tail_norms(_reading(distances), size, spending, Lent.nothing(1, len(distances)))


def _lowered(  # The family's norm, and what is known of the samples it is for.
    family: Norms,
    known: Integers,
    distances: list[Floats],
    count: Integers,
    median: Floats,
    spread: Floats,
) -> Norms:
    """The family's norm around the medians of its small cohorts, as wide as these allow."""
    chosen = family.take(np.zeros(known.size, dtype=np.int64))
    wider = uncertainty(count[known])
    for part, values in enumerate(distances):
        usual = Ascending(np.sort(values)[None, :]).middle
        is_told = count[known] >= _SPREAD_SAMPLES_MIN
        own = np.where(is_told, spread[part, known] / np.maximum(usual, 1e-9), 1.0)
        wider = np.maximum(wider, uncertainty(count[known]) * own)
    chosen.location = median[:, known]
    chosen.own_n = count[known]
    chosen.bars = chosen.bars * wider
    for name in ("limit", "p95", "p99", "spread"):
        setattr(chosen, name, getattr(chosen, name) * wider)
    return chosen
