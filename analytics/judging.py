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
    from analytics.tails import Spending

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
    """Traces in order of time, as columns of numbers; the frame itself stays as it is."""

    def __init__(self, traces: pl.DataFrame, levels: Sequence[str], config: AnalysisConfig) -> None:
        self._traces = traces
        self._order = _by_time(traces)
        self._times = traces["end_time"].fill_null(0).to_numpy()[self._order]
        self.candidate: Booleans = traces["is_candidate"].to_numpy()[self._order]
        self._codes = [codes[self._order] for codes in nested_codes(traces, levels)]
        self._window = int(config.baseline_window_seconds * _NANOSECONDS)
        self._logs: dict[str, Floats] = {}
        self._layouts: list[Layouts] = []

    def rows(self, samples: Integers, columns: Sequence[str]) -> pl.DataFrame:
        """These columns of some samples."""
        return self._traces.select(columns)[self._order[samples]]

    def logs(self, metric: str) -> Floats:
        """The logarithms of a metric; NaN for what is zero, negative, infinite or unknown."""
        if metric not in self._logs:
            column = self._traces[metric].cast(pl.Float64).fill_null(float("nan"))
            values = column.to_numpy()[self._order]
            is_known = (values > 0) & (values < np.inf)
            logs = np.full(values.size, np.nan)
            self._logs[metric] = np.log(values, out=logs, where=is_known)
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


def _by_time(traces: pl.DataFrame) -> Integers:
    """The traces that ended, by time; those of one moment by their id."""
    times = traces["end_time"]
    ended = times.is_not_null().arg_true().to_numpy().astype(np.int64)
    moments = times.fill_null(0).to_numpy()[ended]
    order = np.argsort(moments, kind="stable")
    moments = moments[order]
    same = moments[1:] == moments[:-1]
    if same.any():
        is_tied = np.zeros(order.size, dtype=np.bool_)
        is_tied[1:] = same
        is_tied[:-1] |= same
        tied = np.flatnonzero(is_tied)
        ids = traces["trace_id"][ended[order[tied]]]
        keys = pl.DataFrame({"moment": moments[tied], "trace_id": ids})
        order[tied] = order[tied][keys.select(pl.arg_sort_by("moment", "trace_id")).to_series()]
    return np.asarray(ended[order])


def nested_codes(traces: pl.DataFrame, levels: Sequence[str]) -> list[Integers]:
    """A number for each cohort of each level; traces of one narrow cohort share the wider ones."""
    narrow = _codes(traces[levels[0]])
    size = int(narrow.max()) + 1 if narrow.size else 0
    of_each = np.zeros(size, dtype=np.int64)
    of_each[narrow] = np.arange(narrow.size)
    some = traces.select(levels)[of_each]
    return [narrow, *(_codes(some[level])[narrow] for level in levels[1:])]


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
    spending: Spending,
    config: AnalysisConfig,
) -> Judged:
    """Compare one metric, or several together, of the candidates with their norms.

    ``values`` are logarithms, by sample; ``spending`` of ordinary samples may exceed.
    """
    own = layouts.at(0)
    families = Families(values, layouts)
    by_place = [known[own.order] for known in values]
    asked = candidate[own.order]
    norms = Norms.blank(own.starts.size, len(values))
    blocks = np.flatnonzero(np.logical_or.reduceat(asked, own.starts))
    starts = own.starts[blocks]
    norms.put(
        blocks,
        window_norms(
            by_place,
            own.begin[starts],
            starts,
            spending=spending,
            samples_min=max(config.baseline_samples_min, _OWN_SAMPLES_MIN),
            lent=_lent(families, starts),
        ),
    )
    lengths = own.ends - own.starts
    is_known = asked & np.repeat(~np.isnan(norms.limit), lengths)
    exceeds = np.flatnonzero(is_known & _exceeds(by_place, norms, lengths, config))
    has_norm = np.empty(asked.size, dtype=np.bool_)
    has_norm[own.order] = is_known
    outliers = [own.order[exceeds]]
    levels = [np.zeros(exceeds.size, dtype=np.int64)]
    found = [norms.take(np.searchsorted(own.starts, exceeds, side="right") - 1)]
    needy = np.sort(own.order[asked & ~is_known])
    for level, samples, wider in _wider(families, needy, spending, config):
        has_norm[samples] = True
        logs = [known[samples] for known in values]
        each = np.ones(samples.size, dtype=np.int64)
        exceeds = np.flatnonzero(_exceeds(logs, wider, each, config))
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
    values: list[Floats], norms: Norms, lengths: Integers, config: AnalysisConfig
) -> Booleans:
    """Whether values exceed their norms, each of which is for so many of them; never for none."""
    bounds = norms.location.mean(axis=0) + limits(norms, config)
    if len(values) == 1:
        return np.asarray(values[0] > np.repeat(bounds, lengths))
    exceeds = sum(values[1:], values[0]) / len(values) > np.repeat(bounds, lengths)
    for part, known in enumerate(values):
        exceeds &= known > np.repeat(norms.location[part] + norms.bars[part], lengths)
    return np.asarray(exceeds)


class Families:
    """The wider levels, arranged when first asked."""

    def __init__(self, values: list[Floats], layouts: Layouts) -> None:
        self.values = values
        self.own = layouts.at(0)
        self._layouts = layouts
        self._ready: dict[int, Family] = {}

    def __iter__(self) -> Iterator[tuple[int, Family]]:
        """Each level with its family, the narrow ones first."""
        for level in range(1, len(self._layouts.codes)):
            if level not in self._ready:
                self._ready[level] = Family(self.values, self.own, self._layouts.at(level))
            yield level, self._ready[level]


def _lent(families: Families, starts: Integers) -> Lent:
    """What wider levels know of the tails of the windows that end at these places."""
    own = families.own
    count = starts - own.begin[starts]
    lent = Lent.nothing(starts.size, len(families.values))
    is_small = (count >= _OWN_SAMPLES_MIN) & (count < _BORROWS_BELOW)
    if not is_small.any():
        return lent
    for _, family in families:
        asking = np.flatnonzero(is_small & (lent.n == 0))
        if asking.size == 0:
            break
        family.lend(lent, asking, own.order[starts[asking]], count[asking])
    return lent


def _wider(
    families: Families, needy: Integers, spending: Spending, config: AnalysisConfig
) -> Iterator[tuple[int, Integers, Norms]]:
    """For samples of small cohorts, level by level, those that it can judge and their norms."""
    if needy.size == 0:
        return
    count, median, spread = own_locations(families.values, families.own, needy)
    for level, family in families:
        norms, judged = family.norms(
            needy,
            count,
            median,
            spread,
            spending=spending,
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
