"""Rows made ready to be appended: all that can be done before the table is looked at.

Apart from :meth:`SpanStore.append`, so that a writer can make one batch ready while the one
before it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from span_store.datafiles import file_statistics
from span_store.duplicates import resolve
from span_store.layout import APPEND_VERSION, ROW_KEY, physical_rows
from span_store.schema import TABLES

if TYPE_CHECKING:
    from span_store.schema import TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRows:
    """Rows with all physical columns but the append version, each key once."""

    rows: pl.DataFrame
    statistics: dict[str, Any]
    """What the table's log keeps of the file that will hold them."""

    def at_version(self, version: int) -> pl.DataFrame:
        """The rows as they are written; takes no turn among Polars' threads."""
        versions = np.full(self.rows.height, version, dtype=np.int64)
        return self.rows.hstack([pl.Series(APPEND_VERSION, versions)])


def ready_rows(table: str, frame: pl.DataFrame) -> ReadyRows:
    """Make a frame of the table's columns ready."""
    schema = TABLES[table]
    rows = physical_rows(frame, schema)
    if rows[ROW_KEY].n_unique() < rows.height:
        rows = _without_repeats(rows, schema)
    return ReadyRows(rows=rows, statistics=file_statistics(rows, schema))


def _without_repeats(rows: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    """One version a key within one append; where the rank is equal the last row wins."""
    order = rows.columns
    if schema.name == "spans":
        alike = rows.lazy().with_columns(pl.lit(0, pl.Int64).alias(APPEND_VERSION))
        return resolve(alike, schema).select(order).collect()
    # Among very many traces the upper halves of some row keys are equal by chance.
    place = pl.int_range(pl.len())
    suspects = rows.select(*schema.key, place=place).filter(rows[ROW_KEY].is_duplicated())
    last = suspects.unique(subset=list(schema.key), keep="last")["place"]
    losers = suspects.filter(~pl.col("place").is_in(last.implode()))["place"]
    return rows.filter(~place.is_in(losers.implode()))
