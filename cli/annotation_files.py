"""Reads files of human answers: CSV, JSON Lines or one JSON list, with the line of each row."""

from __future__ import annotations

import csv
import io
import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from cli.answer_tables import is_wide, long_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUIRED = ("object_type", "object_id", "reviewer", "field", "value")
OPTIONAL = (
    "queue",
    "time",
    "inclusion_probability",
    "cluster",
    "adjudicated",
    "blind",
    "comment",
    "corrected_output",
    "also_acceptable",
    "anchor",
    "seconds_spent",
)
KNOWN = REQUIRED + OPTIONAL

Rows = list[tuple[int, dict[str, Any]]]
Problems = list[tuple[int, str]]


def read_rows(file: str, fields: Sequence[str]) -> tuple[Rows, Problems]:
    """The rows with their lines, and what cannot be read. Raises a usage error for bad columns.

    Wide tables, one column a reviewer and field, are read by the names of the project's fields.
    """
    if file.endswith(".parquet"):
        return _parquet(file, fields)
    with click.open_file(file, "r", encoding="utf-8-sig") as stream:
        try:
            text = stream.read()
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{file} is not UTF-8 text: {error}") from error
    start = text.lstrip()[:1]
    if start == "{":
        return _lines(text, fields)
    if start == "[":
        return _whole(file, text, fields)
    return _table(file, text, fields)


def with_plain_ids(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its object's id as the tables hold it: hex digits in lower case."""
    from span_store.object_ids import typed

    kind, object_id = row["object_type"], row["object_id"]
    if not isinstance(object_id, str):
        return row
    return row | {"object_id": typed(object_id, kind or "session")[1]}


def _parquet(file: str, fields: Sequence[str]) -> tuple[Rows, Problems]:
    import polars as pl

    rows: Rows = []
    problems: Problems = []
    try:
        frame = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise click.UsageError(f"{file} is not a Parquet file: {error}") from error
    for line, entry in enumerate(frame.iter_rows(named=True), start=1):
        _take(line, entry, rows, problems, fields)
    return rows, problems


def _lines(text: str, fields: Sequence[str]) -> tuple[Rows, Problems]:
    rows: Rows = []
    problems: Problems = []
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            _take(line, json.loads(content), rows, problems, fields)
        except ValueError as error:
            problems.append((line, f"is not JSON: {error}"))
    return rows, problems


def _whole(file: str, text: str, fields: Sequence[str]) -> tuple[Rows, Problems]:
    rows: Rows = []
    problems: Problems = []
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{file} is not JSON: {error}") from error
    for position, entry in enumerate(entries, start=1):
        _take(position, entry, rows, problems, fields)
    return rows, problems


def _table(file: str, text: str, fields: Sequence[str]) -> tuple[Rows, Problems]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: Rows = []
    problems: Problems = []
    wide = is_wide(reader.fieldnames or ())
    for name in reader.fieldnames or ():
        if name not in KNOWN and not wide:
            raise click.UsageError(f"{file}: unknown column {name!r}{_nearest(name)}")
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing and not wide:
        raise click.UsageError(f"{file}: columns are missing: {', '.join(missing)}")
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows, problems
        except csv.Error as error:
            problems.append((reader.line_num, f"is not CSV: {error}"))
            return rows, problems
        if None in row or any(value is None for value in row.values()):
            problems.append((reader.line_num, "has not as many cells as the header"))
            continue
        if wide:
            _take(reader.line_num, row, rows, problems, fields)
            continue
        rows.append((reader.line_num, {name: row[name] for name in KNOWN if name in row}))


def _take(line: int, entry: Any, rows: Rows, problems: Problems, fields: Sequence[str]) -> None:
    """Keep one JSON object as a row, or say what is wrong with it."""
    if not isinstance(entry, dict):
        problems.append((line, "is not an object"))
        return
    if is_wide(list(entry)):
        try:
            found, strange = long_rows(line, entry, fields)
        except ValueError as error:
            problems.append((line, str(error)))
            return
        rows.extend(found)
        problems.extend((line, f"column {name!r} ends with no field's name") for name in strange)
        return
    unknown = [name for name in entry if name not in KNOWN]
    missing = [name for name in REQUIRED if name not in entry]
    if unknown:
        problems.append((line, f"unknown key {unknown[0]!r}{_nearest(unknown[0])}"))
    elif missing:
        problems.append((line, f"keys are missing: {', '.join(missing)}"))
    else:
        rows.append((line, {name: entry[name] for name in KNOWN if name in entry}))


def _nearest(name: str) -> str:
    near = get_close_matches(name, KNOWN, n=2, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else f"; known: {', '.join(KNOWN)}"
