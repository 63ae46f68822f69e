"""Files of evaluator scores as a frame of their cells, with the line of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.output import say
from cli.pairs_file import cell_text, read_table
from cli.row_files import read_file, unknown_column

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFile:
    """The rows that could be read; cells of text files are text."""

    frame: pl.DataFrame
    lines: list[int]
    """The line of each row of the frame."""
    problems: list[tuple[int, str]]
    """Lines that hold no row, and why."""


def read_scores(path: Path) -> ScoreFile:
    """Read a CSV, JSON Lines, JSON or Parquet file.

    Columns of our own listings that an import does not take are passed over, and named on stderr.
    Raises a usage error for any other column, and for a file that is none of these.
    """
    import polars as pl

    if path.suffix.lower() == ".parquet":
        frame = read_table(path)
        _check_columns(path, frame.columns)
        return ScoreFile(frame=frame, lines=list(range(1, frame.height + 1)), problems=[])
    found = read_file(str(path))
    named = found.columns or [name for _, row in found.rows for name in row]
    columns = list(dict.fromkeys(named))
    _check_columns(path, columns)
    problems = list(found.problems)
    cells: list[tuple[int, list[str | None]]] = []
    for line, row in found.rows:
        written = [cell_text(row.get(name)) for name in columns]
        if any(_is_cut(text) for text in written if text is not None):
            problems.append((line, "holds half a character, which cannot be stored"))
        else:
            cells.append((line, written))
    frame = pl.DataFrame(
        [written for _, written in cells], schema=dict.fromkeys(columns, pl.String), orient="row"
    )
    return ScoreFile(frame=frame, lines=[line for line, _ in cells], problems=problems)


def _is_cut(text: str) -> bool:
    """Whether a lone surrogate is in the text, as programs write one that cut an emoji in two."""
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)


def _check_columns(path: Path, columns: list[str]) -> None:
    from review_app.evaluation_rows import OPTIONAL, REQUIRED
    from span_store.schema import EVALUATIONS

    known = REQUIRED + OPTIONAL
    for name in columns:
        if name not in known and name not in EVALUATIONS.names:
            raise click.UsageError(f"{path}: unknown column {unknown_column(name, known)}")
    passed = [name for name in columns if name not in known]
    if passed:
        say(f"{path.name}: not stored: {', '.join(passed)}")
