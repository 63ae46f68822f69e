"""Duplicates: the same key stored more than once, because delivery is at-least-once by design.

The rule, for every table: of the rows with one key the last version wins. For spans the last
version is the one with the latest end time, then the one with the most content, then the one
received first, so that an identical duplicate changes nothing. For every other table it is the
row that was appended last.

A scan first looks for equal row keys (8 bytes a row). Without any, nothing else happens. Otherwise
the suspects are compared exactly, on narrow columns, and the scan leaves the losing rows out by an
anti-join, through which filters and column selections still reach the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from span_store.layout import CONTENT, CONTENT_SIZE, ROW_KEY, rank_columns

if TYPE_CHECKING:
    from span_store.schema import TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubles:
    """What a scan must leave out.

    ``losers`` holds a row key and the rank columns of each losing row. ``unclear`` are the row
    keys where that does not tell rows apart: colliding hashes, or versions of equal rank.
    """

    losers: pl.DataFrame
    unclear: pl.Series

    def __bool__(self) -> bool:
        return not (self.losers.is_empty() and self.unclear.is_empty())


def repeated(row_keys: pl.Series) -> pl.Series:
    """The values that occur more than once, sorted."""
    # NumPy sorts numbers with the processor's wide registers, several times faster than Polars.
    ordered = row_keys.to_numpy(writable=True)
    ordered.sort()
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    is_first = np.ones(len(again), np.bool_)
    is_first[1:] = again[1:] != again[:-1]
    return pl.Series(row_keys.name, again[is_first])


def find_doubles(rows: pl.LazyFrame, suspects: pl.Series, schema: TableSchema) -> Doubles:
    """Compare the suspects among ``rows`` exactly."""
    key, rank = list(schema.key), rank_columns(schema)
    narrow = (
        rows.join(suspects.to_frame().lazy(), on=ROW_KEY, how="semi")
        .select(list(dict.fromkeys([ROW_KEY, *key, *rank])))
        .collect(engine="streaming")
    )
    best_first = ordered_by_rank(narrow.lazy(), schema).collect()
    winners = best_first.unique(subset=key, keep="first", maintain_order=True)
    place = [ROW_KEY, *rank]
    ties = best_first.filter(pl.struct([*key, *rank]).is_duplicated())[ROW_KEY]
    collisions = winners.filter(pl.col(ROW_KEY).is_duplicated())[ROW_KEY]
    unclear = pl.concat([ties, collisions]).unique().sort()
    losers = best_first.join(winners, on=place, how="anti", nulls_equal=True).select(place)
    losers = losers.join(unclear.to_frame(), on=ROW_KEY, how="anti")
    return Doubles(losers=losers, unclear=unclear)


def without_doubles(rows: pl.LazyFrame, doubles: Doubles, schema: TableSchema) -> pl.LazyFrame:
    """The rows with one version a key."""
    if not doubles:
        return rows
    place = [ROW_KEY, *rank_columns(schema)]
    kept = rows
    if not doubles.losers.is_empty():
        kept = kept.join(doubles.losers.lazy(), on=place, how="anti", nulls_equal=True)
    if doubles.unclear.is_empty():
        return kept
    unclear = doubles.unclear.to_frame().lazy()
    resolved = resolve(rows.join(unclear, on=ROW_KEY, how="semi"), schema)
    return pl.concat([kept.join(unclear, on=ROW_KEY, how="anti"), resolved])


def without_duplicates(frame: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
    """One version a key of canonical rows, which a caller has already gathered.

    Content that the frame does not hold counts as none; where the rank of a table is not among
    its columns, the row that comes last in the frame wins.
    """
    present = set(frame.collect_schema().names())
    if schema.name != "spans":
        return frame.unique(subset=list(schema.key), keep="last", maintain_order=True)
    sizes = [pl.col(name).str.len_bytes().fill_null(0) for name in CONTENT if name in present]
    ranked = frame.with_columns(
        pl.sum_horizontal(sizes).alias(CONTENT_SIZE) if sizes else pl.lit(0).alias(CONTENT_SIZE)
    )
    ordered = ranked.sort(
        ["end_time", CONTENT_SIZE, "received_at"],
        descending=[True, True, False],
        nulls_last=True,
        maintain_order=True,
    )
    unique = ordered.unique(subset=list(schema.key), keep="first", maintain_order=True)
    return unique.drop(CONTENT_SIZE)


def resolve(rows: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
    """Keep the winning version of each key, comparing every row in memory."""
    return ordered_by_rank(rows, schema).unique(
        subset=list(schema.key), keep="first", maintain_order=True
    )


def ordered_by_rank(rows: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
    """Best version first; what the rank leaves equal is ordered by the text of the whole row."""
    rank = rank_columns(schema)
    columns = [name for name in schema.names if name not in rank]
    available = set(rows.collect_schema().names())
    text = pl.struct([name for name in columns if name in available]).struct.json_encode()
    return rows.sort(
        [*(pl.col(name) for name in rank), text],
        descending=[*rank.values(), False],
        nulls_last=True,
    )
