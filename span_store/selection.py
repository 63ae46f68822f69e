"""Which files and rows a scan needs: decided from the log's statistics before any file is read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import polars as pl

from span_store.layout import BY_TRACE, LAST_OF_TRACE, ROW_KEY, first_row_keys, trace_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from span_store.schema import TableSchema

RANGES_MAX = 24
"""Up to this many traces are looked for by ranges of row keys, which skip row groups."""


class ManyTraces:
    """The different ids of many traces, as the column that a reader has them in.

    Their row keys are worked out once for all that asks. Equal is only the object itself: to
    compare thousands of ids would cost more than it saves.
    """

    def __init__(self, ids: pl.Series) -> None:
        """``ids`` are texts without a null, each one once."""
        self.ids = ids
        self.first_keys: NDArray[np.int64] = first_row_keys(ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The part of a table that a reader asks for; None leaves a side open.

    Bounds are integer nanoseconds: ``since`` inclusive, ``until`` exclusive.
    """

    project: str | None = None
    received_since: int | None = None
    received_until: int | None = None
    started_since: int | None = None
    started_until: int | None = None
    trace_ids: tuple[str, ...] | ManyTraces | None = None
    row_keys: tuple[int, int] | None = None
    """Least and greatest row key that the traces' rows can have, where that helps."""

    @property
    def is_on_key(self) -> bool:
        """Whether all versions of a row are selected together, so that it may be applied first."""
        bounds = (self.received_since, self.received_until, self.started_since, self.started_until)
        return all(bound is None for bound in bounds)

    def on_key(self) -> Selection:
        """The part that selects all versions of a row together."""
        return Selection(project=self.project, trace_ids=self.trace_ids)

    def widened(self, nanoseconds: int) -> Selection:
        """The part in which twins of the selected spans can lie: any trace, a little more time."""
        return Selection(
            project=self.project,
            received_since=_moved(self.received_since, -nanoseconds),
            received_until=_moved(self.received_until, nanoseconds),
            started_since=_moved(self.started_since, -nanoseconds),
            started_until=_moved(self.started_until, nanoseconds),
        )

    def bounds(self) -> dict[str, tuple[int | None, int | None]]:
        """Column -> since, until."""
        return {
            "received_at": (self.received_since, self.received_until),
            "start_time": (self.started_since, self.started_until),
        }

    def files(self, files: pl.DataFrame) -> pl.DataFrame:
        """The files that can hold selected rows, by the statistics of the log."""
        kept = [pl.lit(value=True)]
        names = set(files.columns)
        if self.project is not None and "min.project" in names:
            kept.append(
                (pl.col("min.project") <= self.project) & (pl.col("max.project") >= self.project)
            )
        for column, (since, until) in self.bounds().items():
            if since is not None and f"max.{column}" in names:
                kept.append(pl.col(f"max.{column}") >= since)
            if until is not None and f"min.{column}" in names:
                kept.append(pl.col(f"min.{column}") < until)
        # A file without statistics is read.
        return files.filter(*(condition.fill_null(value=True) for condition in kept))

    def rows(self, rows: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
        """The selected rows; every condition is one that the reader of the files understands."""
        conditions = []
        if self.project is not None:
            conditions.append(pl.col("project") == self.project)
        for column, (since, until) in self.bounds().items():
            if since is not None:
                conditions.append(pl.col(column) >= since)
            if until is not None:
                conditions.append(pl.col(column) < until)
        if self.trace_ids is not None:
            conditions.append(of_traces(self.trace_ids, schema))
        if self.row_keys is not None:
            conditions.append(pl.col(ROW_KEY).is_between(*self.row_keys))
        return rows.filter(*conditions) if conditions else rows


def _moved(bound: int | None, nanoseconds: int) -> int | None:
    return None if bound is None else bound + nanoseconds


def keys_of(trace_ids: tuple[str, ...] | ManyTraces) -> NDArray[np.int64]:
    """For each trace the least row key that its rows can have."""
    return trace_ids.first_keys if isinstance(trace_ids, ManyTraces) else first_row_keys(trace_ids)


def some_of(trace_ids: tuple[str, ...] | ManyTraces, places: NDArray[np.int64]) -> tuple[str, ...]:
    """The traces at these places."""
    if isinstance(trace_ids, ManyTraces):
        return tuple(trace_ids.ids.gather(places))
    return tuple(trace_ids[place] for place in places.tolist())


def between(trace_ids: tuple[str, ...] | ManyTraces) -> tuple[int, int] | None:
    """The range of row keys around these traces; None when it is most of all there are."""
    first = keys_of(trace_ids)
    least, greatest = int(first.min()), int(first.max()) + LAST_OF_TRACE
    return (least, greatest) if greatest - least < 2**63 else None


def of_traces(trace_ids: tuple[str, ...] | ManyTraces, schema: TableSchema) -> pl.Expr:
    """The rows of these traces; a few are looked for by ranges, which skip row groups."""
    if isinstance(trace_ids, ManyTraces):
        ids = trace_ids.ids
    else:
        ids = pl.Series(trace_ids, dtype=pl.String)
    exact = pl.col("trace_id").is_in(ids.implode())
    if schema.name not in BY_TRACE or not trace_ids or len(trace_ids) > RANGES_MAX:
        return exact
    ranges = trace_ranges(trace_ids)
    return exact & reduce(or_, (pl.col(ROW_KEY).is_between(*bounds) for bounds in ranges))
