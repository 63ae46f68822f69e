"""Which files hold which traces: an index in memory, because files never change.

For each file the upper halves of its row keys, once each: four bytes a trace and file, 7 MB for ten
million spans in traces of six. A reader of many traces (the batch job's chunks, the re-assembly of
traces with late spans) reads only the files that hold one, and of a large file with few of them
only the row groups. The index grows with the files that appear and forgets those that went.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from span_store.files import read_files
from span_store.layout import ROW_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from span_store.schema import TableSchema

INDEXED_ROWS_MAX = 100_000_000
"""Above this size of the table, readers of many traces read every file that may matter."""

_BATCH_ROWS = 2_000_000


class TraceIndex:
    """The traces of each file of one table; filled on demand, for several threads."""

    def __init__(self, schema: TableSchema, storage_options: dict[str, str] | None) -> None:
        self._schema = schema
        self._storage_options = storage_options
        self._lock = Lock()
        self._traces: dict[str, NDArray[np.int32]] = {}

    def hits(self, files: pl.DataFrame, first_keys: NDArray[np.int64]) -> pl.Series:
        """How many of some traces each file may hold; more than it does, where hashes collide.

        ``first_keys`` are the traces' least row keys.
        """
        wanted = distinct(upper_halves(first_keys))
        with self._lock:
            self._fill(files)
            counts = [
                int(np.isin(wanted, self._traces[name], assume_unique=True).sum())
                for name in files["name"]
            ]
        return pl.Series("hits", counts, dtype=pl.Int64)

    def last_files(
        self, files: pl.DataFrame, traces: pl.DataFrame, first_keys: NDArray[np.int64]
    ) -> pl.Series:
        """For each trace the number of the file that holds its last span; -1 where none does.

        ``traces`` holds ``received_at``, the arrival of the last span, row by row for
        ``first_keys``, the traces' least row keys. Of files that may hold a trace only those count
        in whose time that moment lies, so that colliding hashes hardly ever mislead.
        """
        hashes = upper_halves(first_keys)
        by_arrival = traces["received_at"].arg_sort().to_numpy()
        arrived = traces["received_at"].to_numpy()[by_arrival]
        found = np.full(len(hashes), -1, np.int64)
        with self._lock:
            self._fill(files)
            times = files.select("name", "min.received_at", "max.received_at")
            for number, (name, least, greatest) in enumerate(times.iter_rows()):
                begin = 0 if least is None else np.searchsorted(arrived, least)
                end = None if greatest is None else np.searchsorted(arrived, greatest, "right")
                some = by_arrival[begin:end]
                # What is looked up in order is found near what was looked up before.
                some = some[np.argsort(hashes[some])]
                held = self._traces[name]
                place = np.minimum(np.searchsorted(held, hashes[some]), max(len(held) - 1, 0))
                if len(held):
                    found[some[held[place] == hashes[some]]] = number
        return pl.Series("file", found)

    def of_file(self, name: str, first_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of those traces that a file, asked for before, may hold."""
        held, hashes = self._traces[name], upper_halves(first_keys)
        place = np.minimum(np.searchsorted(held, hashes), max(len(held) - 1, 0))
        is_held = held[place] == hashes if len(held) else np.zeros(len(hashes), np.bool_)
        return np.flatnonzero(is_held)

    def scattered(self, groups: Sequence[pl.DataFrame]) -> NDArray[np.int32]:
        """The hashes of the traces that more than one group of files may hold."""
        with self._lock:
            for group in groups:
                self._fill(group)
            held = [
                distinct(np.concatenate([self._traces[name] for name in group["name"]]))
                for group in groups
            ]
        ordered = np.sort(np.concatenate(held))
        return distinct(ordered[1:][ordered[1:] == ordered[:-1]])

    def sizes(self, files: pl.DataFrame) -> pl.Series:
        """How many different hashes of traces each file holds."""
        with self._lock:
            self._fill(files)
            return pl.Series("size", [len(self._traces[name]) for name in files["name"]], pl.Int64)

    def learn(self, files: pl.DataFrame, row_keys: pl.Series) -> None:
        """Take up the files whose row keys a reader has at hand, one file after another."""
        with self._lock:
            self._take_up(files, row_keys)

    def _fill(self, files: pl.DataFrame) -> None:
        live = set(files["name"])
        if len(self._traces) > 2 * len(live) + 1000:
            self._traces = {name: held for name, held in self._traces.items() if name in live}
        missing = files.filter(~pl.col("name").is_in(list(self._traces)))
        for batch in batches(missing, _BATCH_ROWS):
            frame = read_files(batch, self._schema, self._storage_options).select(ROW_KEY).collect()
            self._take_up(batch, frame[ROW_KEY])

    def _take_up(self, files: pl.DataFrame, row_keys: pl.Series) -> None:
        keys = row_keys.to_numpy()
        offset = 0
        for name, rows in files.select("name", "num_records").iter_rows():
            # Rows of one trace mostly stand together.
            hashes = upper_halves(keys[offset : offset + rows])
            self._traces[name] = distinct(_without_neighbours(hashes))
            offset += rows


def upper_halves(row_keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """What row keys tell of the trace."""
    return (row_keys >> np.int64(32)).astype(np.int32)


def distinct(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """The different values, sorted; by sorting, which is many times faster than NumPy's own way."""
    return _without_neighbours(np.sort(values))


def _without_neighbours(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """The values that differ from the one before."""
    is_first = np.ones(len(values), np.bool_)
    is_first[1:] = values[1:] != values[:-1]
    return values[is_first]


def batches(files: pl.DataFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Files in groups of about so many rows."""
    if files.is_empty():
        return
    before = pl.col("num_records").cum_sum() - pl.col("num_records")
    yield from files.with_columns(batch=before // rows).partition_by("batch", maintain_order=True)
