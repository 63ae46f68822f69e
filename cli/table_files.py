"""Rows as files: JSON Lines, CSV or Parquet, by the file's ending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.output import as_text, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENDINGS = (".jsonl", ".csv", ".parquet")


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows with these columns; in CSV and Parquet, structured values are JSON text."""
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(to_json(row) + "\n" for row in rows), encoding="utf-8")
        case ".csv":
            import csv

            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(columns)
                for row in rows:
                    writer.writerow([as_text(row.get(name), unknown="") for name in columns])
        case ".parquet":
            _frame(rows, columns).write_parquet(path)
        case other:
            raise click.UsageError(f"cannot write {other!r} files; use {', '.join(ENDINGS)}")


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Any:
    """A frame whose columns have one type each: the rows' own, else text."""
    import polars as pl

    series = []
    for name in columns:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) == 1 and kinds <= {str, bool, int, float}:
            series.append(pl.Series(name, values))
        else:
            texts = [None if value is None else as_text(value, unknown="") for value in values]
            series.append(pl.Series(name, texts, dtype=pl.String))
    return pl.DataFrame(series)
