"""Files of human answers as rows of an import, each with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.answer_tables import is_wide, long_rows
from cli.row_files import read_file, unknown_column

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
    found = read_file(file)
    if found.columns is not None and not is_wide(found.columns):
        for name in found.columns:
            if name not in KNOWN:
                raise click.UsageError(f"{file}: unknown column {unknown_column(name, KNOWN)}")
        missing = [name for name in REQUIRED if name not in found.columns]
        if missing:
            raise click.UsageError(f"{file}: columns are missing: {', '.join(missing)}")
    taken: Rows = []
    for line, entry in found.rows:
        _take(line, entry, taken, found.problems, fields)
    rows: Rows = []
    for line, row in taken:
        try:
            rows.append((line, _with_plain_id(row)))
        except ValueError as error:
            found.problems.append((line, str(error)))
    return rows, found.problems


def _with_plain_id(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its object's id as the tables hold it: hex digits in lower case.

    Raises ValueError for an id of another form than its type has.
    """
    from span_store.object_ids import check_form, typed

    kind, object_id = row["object_type"], row["object_id"]
    # What is no id at all, or of no type, is told by the store beside all else it checks.
    if kind not in ("trace", "span", "session") or not isinstance(object_id, str):
        return row
    plain = typed(object_id, kind)[1]
    if plain:
        check_form(kind, plain)
    return row | {"object_id": plain}


def _take(
    line: int, entry: dict[str, Any], rows: Rows, problems: Problems, fields: Sequence[str]
) -> None:
    """Keep one entry as a row, or say what is wrong with it."""
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
        problems.append((line, f"unknown key {unknown_column(unknown[0], KNOWN)}"))
    elif missing:
        problems.append((line, f"keys are missing: {', '.join(missing)}"))
    else:
        rows.append((line, {name: entry[name] for name in KNOWN if name in entry}))
