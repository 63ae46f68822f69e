"""Rows on stdout in the format asked for; talk goes to stderr with :func:`say`.

Values are JSON values already, or dates, which are written as RFC 3339 with nanoseconds.
Unknown is null in JSON, empty in CSV, and a dash in a table.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

FORMATS = ("table", "json", "jsonl", "csv")
LIMIT_MAX = 2**31 - 1
"""The most rows that ``--limit`` takes: more than Polars counts would be an overflow."""

_TABLE_COLUMNS_MAX = 2_000
_TEXT_COLUMNS_MAX = 60
_CONTROLS = re.compile(
    # Control characters but tabs and ends of lines, and those that turn the writing's direction.
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
)
_TIME_ENDINGS = ("time", "_at", "_until")

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def format_option(command: _Command) -> _Command:
    """Add ``--format``; the command receives it as ``output_format``."""
    option = click.option(
        "--format",
        "output_format",
        type=click.Choice(FORMATS),
        default=None,
        help="How to print the data.  [default: table on a terminal, jsonl otherwise]",
    )
    return option(command)


def say(message: str) -> None:
    """Talk to the person, on stderr."""
    click.echo(message, err=True)


def write_rows(
    rows: Iterable[Mapping[str, Any]], output_format: str | None, columns: Sequence[str]
) -> None:
    """Print rows; JSON forms hold every key of a row, CSV and table the named columns.

    Of an empty listing stderr says so, and whether the data are in another project.
    """
    kept = _Counted(rows)
    match output_format or default_format():
        case "jsonl":
            for row in kept:
                click.echo(to_json(row))
        case "json":
            click.echo("[" + ",\n ".join(to_json(row) for row in kept) + "]")
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            for row in kept:
                writer.writerow([as_text(row.get(name), unknown="") for name in columns])
        case _:
            _write_table(kept, columns)
    if kept.count == 0:
        _say_nothing()


class _Counted:
    """Rows that know, once they were read, how many they were."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def _say_nothing() -> None:
    from cli.other_projects import hint_of_other_projects

    say("Nothing to list.")
    hint = hint_of_other_projects()
    if hint is not None:
        say(hint)


def write_object(value: Mapping[str, Any], output_format: str | None) -> None:
    """Print one object: indented JSON, one line of JSON, CSV, or a two-column table."""
    match output_format or default_format():
        case "jsonl":
            click.echo(to_json(value))
        case "json":
            click.echo(json.dumps(json.loads(to_json(value)), indent=2, ensure_ascii=False))
        case "csv":
            write_rows([value], "csv", list(value))
        case _:
            room = shutil.get_terminal_size((120, 24)).columns
            rest = room - max(map(len, value), default=0) - 2
            _write_table(
                [{"field": key, "value": entry} for key, entry in value.items()],
                ["field", "value"],
                text_columns=max(rest, _TEXT_COLUMNS_MAX),
            )


def default_format() -> str:
    """A table for eyes, JSON lines for programs."""
    return "table" if sys.stdout.isatty() else "jsonl"


def to_json(value: Any) -> str:
    """One line of JSON; dates become RFC 3339 text."""
    return json.dumps(value, default=_jsonable, ensure_ascii=False, separators=(",", ":"))


def rfc3339(nanoseconds: int) -> str:
    """Write nanoseconds since 1970 UTC as ``2026-01-31T12:00:00.000000000Z``."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def rfc3339_of(moment: datetime) -> str:
    """Write an aware time as ``2026-01-31T12:00:00.000000000Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def as_text(value: Any, unknown: str) -> str:
    """A value as one cell; a number with every digit, so that it can be read back."""
    if value is None:
        return unknown
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return rfc3339_of(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return to_json(value) if isinstance(value, dict | list | tuple) else str(value)


def for_eyes(text: str) -> str:
    """What senders wrote, for a terminal: marks in place of what would move or colour it."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def on_a_line(text: str) -> str:
    """The same on one line."""
    return " ".join(for_eyes(text).split())


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339_of(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def _as_cell(name: str, value: Any) -> str:
    """A value for eyes: times to the second, numbers of six digits, lists without brackets."""
    return for_eyes(_as_plain_cell(name, value))


def _as_plain_cell(name: str, value: Any) -> str:
    match value:
        case datetime() | str() if name.endswith(_TIME_ENDINGS):
            return as_text(value, unknown="-")[:19].replace("T", " ")
        case float():
            return f"{value:.6g}"
        case [*entries] if all(isinstance(entry, str) for entry in entries):
            return ", ".join(entries)
        case _:
            return as_text(value, unknown="-")


def _write_table(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    text_columns: int = _TEXT_COLUMNS_MAX,
) -> None:
    """Columns as wide as their content; long text is folded, ids and numbers never are.

    A table wider than the terminal is left to the terminal: an id that is broken by us could not
    be copied, and a column squeezed to a letter could not be read.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        whole = name == "id" or name.endswith(("_id", *_TIME_ENDINGS))
        table.add_column(
            name, no_wrap=whole, overflow="fold", max_width=None if whole else text_columns
        )
    for row in rows:
        table.add_row(*(Text(_as_cell(name, row.get(name))) for name in columns))
    if not table.row_count:
        return
    console = Console(width=_TABLE_COLUMNS_MAX, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())
