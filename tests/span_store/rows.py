"""Small frames of spans for the tests of this room."""

from __future__ import annotations

from typing import Any

import polars as pl

from span_store.schema import TABLES


def frame_of(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows with the table's physical types; columns that are not given are null."""
    schema = TABLES[table].polars
    columns = {name: [row.get(name) for row in rows] for name in schema}
    return pl.DataFrame(columns, schema=schema)


def span(trace: int = 1, number: int = 1, **given: Any) -> dict[str, Any]:
    """One span's row with valid ids."""
    return {
        "project": "default",
        "trace_id": f"{trace:032x}",
        "span_id": f"{number:016x}",
        "name": "chat",
        "start_time": 1_000,
        "end_time": 2_000,
        "received_at": 3_000,
        "attributes": "{}",
    } | given


def spans(*rows: dict[str, Any]) -> pl.DataFrame:
    """A frame of spans."""
    return frame_of("spans", list(rows))
