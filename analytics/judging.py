"""One metric of many traces against the norms of their cohorts, wider ones where they are small."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.families import Family, own_locations
from analytics.layouts import Layout, layout
from analytics.norms import Arranged, Lent, Norms, window_norms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig
    from analytics.layouts import Codes
    from analytics.norms import Floats, Integers
    from analytics.tails import Spending

    Booleans = NDArray[np.bool_]
    Value = TypeVar("Value", bound=np.generic)

_NANOSECONDS = 1_000_000_000
_OWN_SAMPLES_MIN = 60
"""Windows of fewer samples are judged by a larger family's distances."""
_BORROWS_BELOW = 400
"""Windows of fewer samples ask a larger family about tails."""


@dataclass(slots=True, kw_only=True)
class Layouts:
    """The levels of one set of samples, arranged when first asked for."""

    times: Integers
    cohorts: Cohorts
    is_known: Booleans
    """Which of all samples the set holds."""
    window: int
    is_whole: bool = field(init=False)
    """Whether it holds all of them."""
    _ready: dict[int, Layout] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_whole = bool(self.is_known.all())

    @property
    def size(self) -> int:
        """How many samples it holds."""
        return int(np.count_nonzero(self.is_known))

    def own(self, values: NDArray[Value]) -> NDArray[Value]:
        """The values of the set's samples."""
        return values if self.is_whole else values[self.is_known]

    def at(self, level: int) -> Layout:
        """The samples of this level, narrow ones first."""
        if level not in self._ready:
            codes = self.own(self.cohorts.at(level))
            self._ready[level] = layout(self.own(self.times), codes, self.window)
        return self._ready[level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohorts:
    """The cohorts of traces as numbers; traces of one narrow cohort share the wider ones."""

    narrow: Codes
    wider: Sequence[Codes]
    """Of each wider level, the number by that of the narrow cohort."""

    @classmethod
    def of(cls, names: pl.Series, wider: Callable[[Integers], pl.DataFrame]) -> Cohorts:
        """Those of traces by the names of their narrow ones.

        ``wider`` gives the names of the wider ones, a column a level, of the traces in some rows.
        """
        narrow = _codes(names)
        row = np.zeros(int(narrow.max()) + 1 if narrow.size else 0, dtype=np.int64)
        row[narrow] = np.arange(narrow.size)
        return cls(narrow=narrow, wider=[_codes(level) for level in wider(row)])

    def taken(self, samples: Integers) -> Cohorts:
        """Those of some traces."""
        return Cohorts(narrow=self.narrow[samples], wider=self.wider)

    def at(self, level: int) -> Codes:
        """The number of each trace's cohort of a level, counted from the narrow one."""
        return self.above(self.narrow, level)

    def above(self, narrow: Codes, level: int) -> Codes:
        """The numbers of a level's cohorts by those of narrow ones."""
        return self.wider[level - 1][narrow] if level else narrow

    def counts(self, narrow: Codes) -> list[int]:
        """How many cohorts of each level these narrow ones are."""
        is_there = np.zeros(int(narrow.max()) + 1 if narrow.size else 0, dtype=np.bool_)
        is_there[narrow] = True
        there = np.flatnonzero(is_there)
        return [np.unique(self.above(there, level)).size for level in range(1 + len(self.wider))]


def _codes(names: pl.Series) -> Codes:
    return names.cast(pl.Categorical).to_physical().to_numpy()


class Samples:
    """Traces in order of time, as columns of numbers; the frame itself stays as it is."""

    def __init__(self, traces: pl.DataFrame, cohorts: Cohorts, config: AnalysisConfig) -> None:
        self._traces = traces
        self._order = _by_time(traces)
        self._times = traces["end_time"].fill_null(0).to_numpy()[self._order]
        self.candidate: Booleans = traces["is_candidate"].to_numpy()[self._order]
        self._cohorts = cohorts.taken(self._order)
        self._window = int(config.baseline_window_seconds * _NANOSECONDS)
        self._logs: dict[str, Floats] = {}
        self._layouts: list[Layouts] = []

    def rows(self, samples: Integers, columns: Sequence[str]) -> pl.DataFrame:
        """These columns of some samples."""
        return self._traces.select(columns)[self._order[samples]]

    def candidates(self, **columns: Integers) -> pl.DataFrame:
        """The candidates that ended, with what is known of each sample, as the traces stand.

        These come by their ids as a rule, which is faster than to sort so many.
        """
        is_asked = np.zeros(self._traces.height, dtype=np.bool_)
        is_asked[self._order] = self.candidate
        known = {}
        for name, values in columns.items():
            by_row = np.zeros(self._traces.height, dtype=np.int64)
            by_row[self._order] = values
            known[name] = pl.Series(by_row[is_asked])
        return self._traces.select("trace_id").filter(pl.Series(is_asked)).with_columns(**known)

    def logs(self, metric: str) -> Floats:
        """The logarithms of a metric; NaN for what is zero, negative, infinite or unknown."""
        if metric not in self._logs:
            column = self._traces[metric].cast(pl.Float64).fill_null(float("nan"))
            values = column.to_numpy()[self._order]
            values[~((values > 0) & (values < np.inf))] = np.nan
            self._logs[metric] = np.log(values, out=values)
        return self._logs[metric]

    def known(self, metrics: Sequence[str]) -> Layouts:
        """The samples on which all these metrics are known."""
        is_known = ~np.isnan(self.logs(metrics[0]))
        for metric in metrics[1:]:
            is_known &= ~np.isnan(self.logs(metric))
        for layouts in self._layouts:
            if np.array_equal(layouts.is_known, is_known):
                return layouts
        layouts = Layouts(
            times=self._times, cohorts=self._cohorts, is_known=is_known, window=self._window
        )
        self._layouts.append(layouts)
        return layouts


def _by_time(traces: pl.DataFrame) -> Integers:
    """The traces that ended, by time; those of one moment by their id."""
    times = traces["end_time"]
    moments = times.fill_null(0).to_numpy()
    # Those of one moment are put in order below, so any order of them will do here.
    if times.null_count():
        ended = times.is_not_null().arg_true().to_numpy().astype(np.int64)
        order = ended[np.argsort(moments[ended])]
    else:
        order = np.argsort(moments)
    moments = moments[order]
    same = moments[1:] == moments[:-1]
    if same.any():
        is_tied = np.zeros(order.size, dtype=np.bool_)
        is_tied[1:] = same
        is_tied[:-1] |= same
        tied = np.flatnonzero(is_tied)
        keys = pl.DataFrame({"moment": moments[tied], "trace_id": traces["trace_id"][order[tied]]})
        order[tied] = order[tied][keys.select(pl.arg_sort_by("moment", "trace_id")).to_series()]
    return order


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
    asked = candidate[own.order]
    blocks = np.flatnonzero(np.logical_or.reduceat(asked, own.starts))
    starts = own.starts[blocks]
    norms = window_norms(
        [Arranged(known, own.order) for known in values],
        own.begin[starts],
        starts,
        spending=spending,
        samples_min=max(config.baseline_samples_min, _OWN_SAMPLES_MIN),
        lent=_lent(families, starts),
    )
    lengths = own.ends[blocks] - starts
    samples = own.order
    # An incremental run asks for a few traces after a long history, which is not looked at.
    if blocks.size < own.starts.size:
        places = _places(starts, lengths)
        samples, asked = samples[places], asked[places]
    is_known = asked & np.repeat(~np.isnan(norms.limit), lengths)
    logs = [known[samples] for known in values]
    exceeds = np.flatnonzero(is_known & _exceeds(logs, norms, lengths, config))
    has_norm = np.zeros(candidate.size, dtype=np.bool_)
    has_norm[samples] = is_known
    outliers = [samples[exceeds]]
    levels = [np.zeros(exceeds.size, dtype=np.int64)]
    found = [norms.take(np.searchsorted(np.cumsum(lengths), exceeds, side="right"))]
    needy = np.sort(samples[asked & ~is_known])
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


def _places(starts: Integers, lengths: Integers) -> Integers:
    """The places of blocks, one block after another."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


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
        for level in range(1, 1 + len(self._layouts.cohorts.wider)):
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
