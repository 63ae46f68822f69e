"""Files of pairs: CSV, JSON lines or Parquet, told by the file's ending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

ENDINGS = (".csv", ".jsonl", ".ndjson", ".parquet")


class UnreadableFileError(click.ClickException):
    """A file that is not what its ending says; the message names the place."""

    exit_code = 2


def read_table(path: Path) -> pl.DataFrame:
    """Read a table; CSV cells stay text, so that the reader of the frame decides on types."""
    import polars as pl

    ending = path.suffix.lower()
    try:
        match ending:
            case ".csv":
                frame = pl.read_csv(path, infer_schema=False)
                _refuse_twins(path, frame.columns)
            case ".parquet":
                frame = pl.read_parquet(path)
            case ".jsonl" | ".ndjson":
                frame = _read_json_lines(path)
            case _:
                raise UnreadableFileError(
                    f"cannot tell what {path.name} is; it must end in {', '.join(ENDINGS)}"
                )
    except pl.exceptions.NoDataError as error:
        raise UnreadableFileError(f"{path}: the file is empty") from error
    except pl.exceptions.ComputeError as error:
        raise UnreadableFileError(f"{path}: {_ragged(path) or error}") from error
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path}: {error}") from error
    return frame


def _refuse_twins(path: Path, columns: list[str]) -> None:
    """Two columns of one name: which is meant cannot be told."""
    twins = [name for name in columns if "_duplicated_" in name]
    again = sorted({name.rpartition("_duplicated_")[0] for name in twins} & set(columns))
    if again:
        raise UnreadableFileError(f"{path}: several columns are called {', '.join(again)}")


def _ragged(path: Path) -> str | None:
    """Which line of a CSV file has more cells than the header; None when that is not the matter."""
    import csv

    if path.suffix.lower() != ".csv":
        return None
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        reader = csv.reader(lines)
        width = len(next(reader, []))
        for row in reader:
            if len(row) > width:
                return f"line {reader.line_num} has {len(row)} cells, the header has {width}"
    return None


def _read_json_lines(path: Path) -> pl.DataFrame:
    """Objects by line; a key may be missing, a cell may be text, number, boolean or null."""
    import orjson
    import polars as pl

    rows = []
    problems = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                problems.append(f"line {number}: {error}")
                continue
            if isinstance(row, dict):
                rows.append({str(key): cell_text(value) for key, value in row.items()})
            else:
                problems.append(f"line {number}: not an object")
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise UnreadableFileError(f"{path}: " + "; ".join(problems[:5]) + more)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        {name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names}
    )


def cell_text(value: object) -> str | None:
    """A JSON value as the text that a CSV cell would hold."""
    import orjson

    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return orjson.dumps(value).decode()
