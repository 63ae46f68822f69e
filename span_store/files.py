"""Live data files as lazy frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from span_store.layout import physical_schema

if TYPE_CHECKING:
    from span_store.schema import TableSchema


def read_files(
    files: pl.DataFrame, schema: TableSchema, storage_options: dict[str, str] | None
) -> pl.LazyFrame:
    """These files' rows with their physical columns; columns an older file lacks are null."""
    if files.is_empty():
        return pl.LazyFrame(schema=physical_schema(schema))
    return pl.scan_parquet(
        files["path"].to_list(),
        schema=physical_schema(schema),
        missing_columns="insert",
        extra_columns="ignore",
        storage_options=storage_options,
        glob=False,
        cache=False,
    )
