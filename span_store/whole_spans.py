"""All spans of a project: their narrow columns, in memory, whole traces at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from span_store.duplicates import repeated
from span_store.layout import ROW_KEY
from span_store.model_calls import COLUMNS as CALL_COLUMNS
from span_store.model_calls import counted_once
from span_store.selection import Selection
from span_store.trace_index import batches, upper_halves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from span_store.scans import TableScan

SPANS_AT_ONCE = 2_000_000
"""A table of more is read some files at a time, which takes a third more work, but less memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSpans:
    """The reading of one project's spans."""

    table: TableScan
    columns: tuple[str, ...]
    project: str
    received_until: int | None
    left_out: pl.Series
    """Traces that are read otherwise."""

    def height(self, files: pl.DataFrame) -> int:
        """How many rows the files hold that can hold spans of the project."""
        files = self._whole.files(files)
        return 0 if files.is_empty() else int(files["num_records"].sum())

    def at_once(self) -> pl.DataFrame:
        """All rows, with what the search for twins needs beside the columns."""
        needed = dict.fromkeys((*self.columns, *CALL_COLUMNS, "received_at"))
        return self.table.in_memory(tuple(needed), self._whole)

    def has_shared_responses(self) -> bool:
        """Whether calls of different traces may be one: some response id stands on several.

        The same pass tells which rows are doubled and which file holds which trace.
        """
        answered = pl.col("is_model_call") & pl.col("response_id").is_not_null()
        response = pl.when(answered).then(pl.col("response_id").hash(0))
        ids = self.table.in_memory((), self._whole, response=response)["response"]
        return not repeated(ids.drop_nulls()).is_empty()

    def parts(self, files: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The rows of some files at a time; traces that other files hold too come last."""
        files = self._whole.files(files).sort("min.received_at", "name")
        groups = list(batches(files, SPANS_AT_ONCE // 4))
        scattered = pl.Series(self.table.index.scattered(groups))
        needed = dict.fromkeys((*self.columns, *CALL_COLUMNS, "received_at", ROW_KEY))
        held_back = []
        for group in groups:
            rows = self.table.rows_of(group, self._whole).select(*needed)
            frame = rows.collect(engine="streaming")
            traces = pl.Series(upper_halves(frame[ROW_KEY].to_numpy()))
            is_scattered = traces.is_in(scattered.implode())
            # Picked texts keep all those that they were picked from, so they are written anew.
            held_back.append(frame.filter(is_scattered).with_columns(pl.col(pl.String) + ""))
            yield _without(frame, is_scattered)
            del frame
        yield pl.concat(held_back)

    def answer(self, frame: pl.DataFrame, losers: pl.DataFrame) -> pl.DataFrame:
        """The columns of the rows that are asked for, each call counted once."""
        frame = counted_once(frame.lazy(), losers).collect()
        if self.received_until is not None:
            frame = frame.filter(pl.col("received_at") < self.received_until)
        if not self.left_out.is_empty():
            frame = frame.filter(~pl.col("trace_id").is_in(self.left_out.implode()))
        return frame.select(self.columns)

    @property
    def _whole(self) -> Selection:
        return Selection(project=self.project)


def _without(frame: pl.DataFrame, is_out: pl.Series) -> pl.DataFrame:
    """The other rows; those between few that are out stay where they are, and none is copied."""
    out = is_out.to_numpy()
    edges = np.flatnonzero(out[1:] != out[:-1]) + 1
    if len(edges) > _PIECES_MAX:
        return frame.filter(~is_out)
    bounds = [0, *edges.tolist(), frame.height]
    pieces = [
        frame.slice(begin, end - begin)
        for begin, end in pairwise(bounds)
        if begin < end and not out[begin]
    ]
    return pl.concat(pieces, rechunk=False) if pieces else frame.clear()


_PIECES_MAX = 200
"""Columns of more pieces take longer to go through than to copy."""
