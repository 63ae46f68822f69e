"""Frames of the tables as rows of plain JSON values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from span_store.schema import Form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from span_store.schema import TableSchema

_TIME = pl.Datetime("ns", "UTC")
_RFC3339 = "%Y-%m-%dT%H:%M:%S%.9fZ"


def canonical_rows(frame: pl.DataFrame, schema: TableSchema) -> Iterator[dict[str, Any]]:
    """Each row with its times as RFC 3339 with nanoseconds and its JSON text as values."""
    times = [name for name in schema.of_form(Form.TIME) if name in frame.columns]
    structured = [name for name in schema.of_form(Form.JSON) if name in frame.columns]
    plain = frame.with_columns(pl.col(times).cast(_TIME).dt.to_string(_RFC3339))
    for row in plain.iter_rows(named=True):
        for name in structured:
            row[name] = None if row[name] is None else json.loads(row[name])
        yield row
