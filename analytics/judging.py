"""One metric of many traces against the norms of their cohorts, wider ones where they are small."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.families import Family, own_locations
from analytics.layouts import Layout, layout
from analytics.norms import Lent, Norms, window_norms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig
    from analytics.norms import Floats, Integers

    Booleans = NDArray[np.bool_]

_NANOSECONDS = 1_000_000_000
_OWN_SAMPLES_MIN = 60
"""Windows of fewer samples are judged by a larger family's distances."""
_BORROWS_BELOW = 400
"""Windows of fewer samples ask a larger family about tails."""


@dataclass(slots=True, kw_only=True)
class Layouts:
    """The levels of one set of samples, arranged when first asked for."""

    times: Integers
    codes: list[Integers]
    known: Integers
    window: int
    _ready: dict[int, Layout] = field(default_factory=dict)

    def at(self, level: int) -> Layout:
        """The samples of this level, narrow ones first."""
        if level not in self._ready:
            codes = self.codes[level][self.known]
            self._ready[level] = layout(self.times[self.known], codes, self.window)
        return self._ready[level]


class Samples:
    """Traces in order of time, as columns of numbers."""

    def __init__(
        self, ordered: pl.DataFrame, levels: Sequence[str], config: AnalysisConfig
    ) -> None:
        self.candidate: Booleans = ordered["is_candidate"].to_numpy()
        self._ordered = ordered
        self._times = ordered["end_time"].to_numpy()
        self._codes = [_codes(ordered[column]) for column in levels]
        self._window = int(config.baseline_window_seconds * _NANOSECONDS)
        self._logs: dict[str, Floats] = {}
        self._layouts: list[Layouts] = []

    def logs(self, metric: str) -> Floats:
        """The logarithms of a metric; NaN for what is zero, negative, infinite or unknown."""
        if metric not in self._logs:
            value = pl.col(metric).cast(pl.Float64)
            positive = pl.when((value > 0) & value.is_finite()).then(value)
            column = self._ordered.select(positive.fill_null(float("nan"))).to_series()
            self._logs[metric] = np.log(column.to_numpy())
        return self._logs[metric]

    def known(self, metrics: Sequence[str]) -> Layouts:
        """The samples on which all these metrics are known."""
        is_known = ~np.isnan(self.logs(metrics[0]))
        for metric in metrics[1:]:
            is_known &= ~np.isnan(self.logs(metric))
        known = np.flatnonzero(is_known)
        for layouts in self._layouts:
            if np.array_equal(layouts.known, known):
                return layouts
        layouts = Layouts(times=self._times, codes=self._codes, known=known, window=self._window)
        self._layouts.append(layouts)
        return layouts


def _codes(names: pl.Series) -> Integers:
    return names.cast(pl.Categorical).to_physical().cast(pl.Int64).to_numpy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one metric."""

    has_norm: Booleans
    """Of every sample, whether it is a candidate that could be compared."""
    outliers: Integers
    """The samples that exceed their norm."""
    levels: Integers
    """The cohort level of each outlier's norm."""
    norms: Norms
    """Each outlier's norm."""


def judge_metric(
    values: list[Floats],
    candidate: Booleans,
    layouts: Layouts,
    share: float,
    config: AnalysisConfig,
) -> Judged:
    """Compare one metric, or several together, of the candidates with their norms.

    ``values`` are logarithms, by sample; at most ``share`` of ordinary samples may exceed.
    """
    own = layouts.at(0)
    by_place = [known[own.order] for known in values]
    asked = candidate[own.order]
    blocks = np.flatnonzero(np.logical_or.reduceat(asked, own.starts))
    starts, ends = own.starts[blocks], own.ends[blocks]
    norms = window_norms(
        by_place,
        own.begin[starts],
        starts,
        share=share,
        samples_min=max(config.baseline_samples_min, _OWN_SAMPLES_MIN),
        lent=_lent(values, layouts, starts),
    )
    block = np.repeat(np.arange(blocks.size), ends - starts)
    places = np.arange(block.size) + np.repeat(
        starts - (np.cumsum(ends - starts) - (ends - starts)), ends - starts
    )
    is_asked = asked[places]
    places, block = places[is_asked], block[is_asked]
    is_known = ~np.isnan(norms.limit)[block]
    exceeds = np.flatnonzero(_exceeds(by_place, places, norms, block, config))
    has_norm = np.zeros(asked.size, dtype=np.bool_)
    has_norm[own.order[places[is_known]]] = True
    outliers = [own.order[places[exceeds]]]
    levels = [np.zeros(exceeds.size, dtype=np.int64)]
    found = [norms.take(block[exceeds])]
    needy = np.sort(own.order[places[~is_known]])
    for level, samples, wider in _wider(values, layouts, needy, share, config):
        has_norm[samples] = True
        exceeds = np.flatnonzero(_exceeds(values, samples, wider, np.arange(samples.size), config))
        outliers.append(samples[exceeds])
        levels.append(np.full(exceeds.size, level, dtype=np.int64))
        found.append(wider.take(exceeds))
    return Judged(
        has_norm=has_norm,
        outliers=np.concatenate(outliers),
        levels=np.concatenate(levels),
        norms=Norms.joined(found),
    )


def limits(norms: Norms, config: AnalysisConfig) -> Floats:
    """From where on a mean distance is too large: never below ``ratio_min`` times the usual."""
    return np.asarray(np.maximum(norms.limit, log(config.ratio_min)))


def _exceeds(
    values: list[Floats], places: Integers, norms: Norms, index: Integers, config: AnalysisConfig
) -> Booleans:
    """Whether values exceed the norm of this index; where there is none they do not."""
    mean = sum(known[places] for known in values) / len(values)
    exceeds = mean > (norms.location.mean(axis=0) + limits(norms, config))[index]
    if len(values) > 1:
        for part, known in enumerate(values):
            exceeds &= known[places] > (norms.location[part] + norms.bars[part])[index]
    return np.asarray(exceeds)


def _lent(values: list[Floats], layouts: Layouts, starts: Integers) -> Lent:
    """What wider levels know of the tails of the windows that end at these places."""
    own = layouts.at(0)
    count = starts - own.begin[starts]
    lent = Lent.nothing(starts.size, len(values))
    for level in range(1, len(layouts.codes)):
        small = (count >= _OWN_SAMPLES_MIN) & (count < _BORROWS_BELOW) & (lent.n == 0)
        asking = np.flatnonzero(small)
        if asking.size == 0:
            break
        family = Family(values, own, layouts.at(level))
        family.lend(lent, asking, own.order[starts[asking]], count[asking])
    return lent


def _wider(
    values: list[Floats], layouts: Layouts, needy: Integers, share: float, config: AnalysisConfig
) -> Iterator[tuple[int, Integers, Norms]]:
    """For samples of small cohorts, level by level, those that it can judge and their norms."""
    if needy.size == 0:
        return
    own = layouts.at(0)
    count, median, spread = own_locations(values, own, needy)
    for level in range(1, len(layouts.codes)):
        family = Family(values, own, layouts.at(level))
        norms, judged = family.norms(
            needy,
            count,
            median,
            spread,
            share=share,
            samples_min=config.baseline_samples_min,
            stranger_floor=log(config.ratio_min),
        )
        if judged.size:
            yield level, needy[judged], norms
        left = np.setdiff1d(np.arange(needy.size), judged)
        if left.size == 0:
            return
        needy, count = needy[left], count[left]
        median, spread = median[:, left], spread[:, left]
