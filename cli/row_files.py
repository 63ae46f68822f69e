"""Rows of imported files, each with its line: CSV, JSON Lines, one JSON list, or Parquet."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

import click

from cli.nearest import nearest_names

_CELL_CHARACTERS_MAX = 2**31 - 1
"""An exported table keeps all that was said about an object in one cell."""


@dataclass(slots=True, kw_only=True)
class FileRows:
    """What a file holds, in its order."""

    columns: tuple[str, ...] | None = None
    """The header of a table; None where every row names its own keys."""
    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Lines that hold no row, and why."""

    def take(self, line: int, entry: Any) -> None:
        """Keep a JSON object as a row; anything else is a problem."""
        if isinstance(entry, dict):
            self.rows.append((line, entry))
        else:
            self.problems.append((line, "is not an object"))


def read_file(file: str) -> FileRows:
    """Every row with its line; a row that cannot be read keeps no other from being read.

    Raises a usage error for a file that is none of these, or with two columns of one name.
    """
    if file.endswith(".parquet"):
        return _parquet(file)
    with click.open_file(file, "r", encoding="utf-8-sig") as stream:
        try:
            text = stream.read()
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{file} is not UTF-8 text: {error}") from error
    start = text.lstrip()[:1]
    if start == "{" or file.endswith((".jsonl", ".ndjson")):
        return _lines(text)
    return _whole(file, text) if start == "[" else _table(file, text)


def unknown_column(name: str, known: tuple[str, ...]) -> str:
    """Why a column or key is refused: the nearest names, or how the cells are parted."""
    for sign, word in ((";", "semicolons"), ("\t", "tabs")):
        if name.count(sign) and not {*name.split(sign)}.isdisjoint(known):
            return f"{name!r}; columns are separated by commas, and here by {word}"
    return f"{name!r}{nearest_names(name, known)}"


def _parquet(file: str) -> FileRows:
    import polars as pl

    try:
        frame = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise click.UsageError(f"{file} is not a Parquet file: {error}") from error
    rows = list(enumerate(frame.iter_rows(named=True), start=1))
    return FileRows(columns=tuple(frame.columns), rows=rows)


def _lines(text: str) -> FileRows:
    found = FileRows()
    # A line ends with a line feed alone: others may stand inside of a text in JSON.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            found.take(line, json.loads(content))
        except ValueError as error:
            found.problems.append((line, f"is not JSON: {error}"))
    return found


def _whole(file: str, text: str) -> FileRows:
    found = FileRows()
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{file} is not JSON: {error}") from error
    for position, entry in enumerate(entries, start=1):
        found.take(position, entry)
    return found


def _table(file: str, text: str) -> FileRows:
    csv.field_size_limit(_CELL_CHARACTERS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    found = FileRows()
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            if header is None:
                raise click.UsageError(f"{file}: the file is empty") from None
            found.columns = tuple(header)
            return found
        except csv.Error as error:
            if header is None:
                raise click.UsageError(f"{file}: its first line is not CSV: {error}") from error
            found.problems.append((reader.line_num, f"is not CSV: {error}"))
            continue
        if header is None:
            header = _header(file, cells)
        elif cells and len(cells) != len(header):
            found.problems.append((reader.line_num, "has not as many cells as the header"))
        elif cells:
            found.rows.append((reader.line_num, dict(zip(header, cells, strict=True))))


def _header(file: str, cells: list[str]) -> list[str]:
    twins = sorted({name for name in cells if cells.count(name) > 1})
    if twins:
        raise click.UsageError(f"{file}: several columns are called {', '.join(twins)}")
    return cells
