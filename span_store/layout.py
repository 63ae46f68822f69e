"""How rows lie on disk beyond their canonical columns: the row key, the append version, the order.

Three physical columns stand beside the canonical ones, and scans take them away again:

- ``row_key``: a stable 64-bit hash of the table's key. "Is anything stored twice?" is a pass over
  8 bytes a row; only rows whose hashes are equal are compared exactly, so a collision is harmless.
  Where a key belongs to one trace for ever, the upper 32 bits are the trace's hash alone: the rows
  of a trace are one narrow range, which the statistics of a sorted file turn into few row groups.
- ``append_version``: the table version that the writer saw, plus one: which row was written last.
- ``content_size`` (spans): bytes of content, so that duplicates are compared without reading it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from span_store.schema import TableSchema

ROW_KEY = "row_key"
APPEND_VERSION = "append_version"
CONTENT_SIZE = "content_size"

BY_TRACE = frozenset(("spans", "contents", "traces", "findings"))
"""Tables whose row keys begin with the trace: rows of one key are always of one trace."""

LAST_OF_TRACE = 0xFFFFFFFF
"""How far above the least row key of a trace its greatest one can lie."""

CONTENT = ("attributes", "input_messages", "output_messages")
_SAMPLE = 1_000
"""How many values tell whether a column repeats few."""
_HEX_DIGITS = 16
"""Hex digits that make 64 bits; of longer ids the last ones, which are random in every format."""


def physical_schema(schema: TableSchema) -> pl.Schema:
    """Every column on disk with its type, canonical ones first."""
    extra: dict[str, pl.DataType] = {ROW_KEY: pl.Int64(), APPEND_VERSION: pl.Int64()}
    if schema.name == "spans":
        extra[CONTENT_SIZE] = pl.Int64()
    return pl.Schema(dict(schema.polars) | extra)


def physical_rows(frame: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    """Canonical rows with their physical types and the row key; not yet the append version."""
    rows = frame.select(schema.names).cast(dict(schema.polars))  # type: ignore[arg-type]
    extra = [row_keys(rows, schema)]
    if schema.name == "spans":
        sizes = (pl.col(name).str.len_bytes().cast(pl.Int64).fill_null(0) for name in CONTENT)
        extra.append(rows.select(pl.sum_horizontal(sizes).alias(CONTENT_SIZE)).to_series())
    return rows.with_columns(extra)


def rank_columns(schema: TableSchema) -> dict[str, bool]:
    """What orders the versions of one row, best first: column -> whether larger is better."""
    if schema.name == "spans":
        return {"end_time": True, CONTENT_SIZE: True, "received_at": False, APPEND_VERSION: False}
    return {APPEND_VERSION: True}


def row_keys(frame: pl.DataFrame, schema: TableSchema) -> pl.Series:
    """The row key of every row, Int64."""
    rest = [name for name in schema.key if name != "trace_id"]
    mixed = np.zeros(frame.height, dtype=np.uint64)
    for name in rest:
        mixed = _mix(mixed ^ _numbers(frame[name]))
    if schema.name in BY_TRACE:
        mixed = _trace_bits(frame["trace_id"]) | (mixed >> np.uint64(32))
    return pl.Series(ROW_KEY, mixed.view(np.int64))


def trace_ranges(trace_ids: Iterable[str]) -> list[tuple[int, int]]:
    """For each trace the row keys that its rows can have: first and last, both inclusive."""
    return [(first, first + LAST_OF_TRACE) for first in first_row_keys(trace_ids).tolist()]


def first_row_keys(trace_ids: Iterable[str]) -> NDArray[np.int64]:
    """For each trace the least row key that its rows can have."""
    ids = trace_ids if isinstance(trace_ids, pl.Series) else pl.Series(list(trace_ids))
    return _trace_bits(ids.cast(pl.String)).view(np.int64)


def _trace_bits(trace_ids: pl.Series) -> NDArray[np.uint64]:
    """The upper 32 bits of the row key, lower ones zero."""
    return _mix(_numbers(trace_ids)) & np.uint64(0xFFFFFFFF00000000)


def _numbers(series: pl.Series) -> NDArray[np.uint64]:
    """A 64-bit number for each value; equal values give equal numbers, on every machine."""
    if series.dtype != pl.String:
        return series.cast(pl.Int64).fill_null(0).to_numpy().astype(np.int64).view(np.uint64)
    # Ids hardly repeat: a few of them tell that, or all are counted.
    few = series.gather_every(max(1, len(series) // _SAMPLE))
    if few.n_unique() * 2 < len(few) and series.n_unique() * 8 < len(series):
        values = series.unique()
        numbers = dict(zip(values, _numbers_of_texts(values).tolist(), strict=True))
        return series.replace_strict(numbers, return_dtype=pl.UInt64).to_numpy()
    return _numbers_of_texts(series)


def _numbers_of_texts(series: pl.Series) -> NDArray[np.uint64]:
    """Read hexadecimal ids directly; hash whatever else an id may be."""
    tail = series.str.tail(_HEX_DIGITS)
    read = tail.str.to_integer(base=16, dtype=pl.UInt64, strict=False)
    is_whole = (tail.str.len_bytes() == _HEX_DIGITS) & ~tail.str.starts_with("+")
    usable = (read.is_not_null() & is_whole).fill_null(value=False)
    result: NDArray[np.uint64] = read.fill_null(0).to_numpy().copy()
    others = series.filter(~usable).fill_null("")
    if not others.is_empty():
        digests = {
            text: int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
            for text in others.unique()
        }
        numbers = others.replace_strict(digests, return_dtype=pl.UInt64)
        result[(~usable).to_numpy()] = numbers.to_numpy()
    return result


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all 64 (the finaliser of splitmix64; arithmetic wraps)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
