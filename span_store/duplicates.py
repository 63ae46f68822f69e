"""Duplicates: the same key stored more than once, because delivery is at-least-once by design.

The rule, for every table: of the rows with one key the last version wins. For spans the last
version is the one with the latest end time, then the one with the most content, then the one
received first, so that an identical duplicate changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from span_store.schema import TableSchema


def without_duplicates(frame: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
    """Keep one row a key."""
    key = list(schema.key)
    if schema.name != "spans":
        return frame.unique(subset=key, keep="last", maintain_order=True)
    doubled = frame.select(key).group_by(key).len().filter(pl.col("len") > 1).select(key).collect()
    if doubled.is_empty():
        return frame
    single = frame.join(doubled.lazy(), on=key, how="anti")
    resolved = (
        frame.join(doubled.lazy(), on=key, how="semi")
        .with_columns(
            content_size=pl.sum_horizontal(
                pl.col(name).str.len_bytes().fill_null(0)
                for name in ("attributes", "input_messages", "output_messages")
            )
        )
        .sort(
            ["end_time", "content_size", "received_at"],
            descending=[True, True, False],
            nulls_last=True,
        )
        .unique(subset=key, keep="first", maintain_order=True)
        .drop("content_size")
    )
    return pl.concat([single, resolved])
