"""``runs``: what the batch job did, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.output import format_option, write_object, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = ("run_id", "as_of", "watermark", "evaluated", "unchanged", "waiting", "matched", "added")


@click.group(epilog="Example: spandocket runs list --limit 5")
def runs() -> None:
    """The log of the batch job."""


@runs.command("list", epilog="Example: spandocket runs list --format table")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@format_option
@pass_context
def list_runs(context: Context, limit: int, output_format: str | None) -> None:
    """Print the runs, the newest first."""
    rows = sorted(_rows(context), key=lambda row: (row["as_of"], row["run_id"]), reverse=True)
    write_rows([_line(row) for row in rows[:limit]], output_format, _COLUMNS)


@runs.command("show", epilog="Example: spandocket runs show 87dc06a351a19a96")
@click.argument("run_id")
@format_option
@pass_context
def show_run(context: Context, run_id: str, output_format: str | None) -> None:
    """Print one run: counts by detector and queue, durations, versions, watermarks."""
    rows = {row["run_id"]: row for row in _rows(context)}
    if run_id not in rows:
        from cli.nearest import nearest_names

        raise click.UsageError(f"unknown run {run_id!r}{nearest_names(run_id, rows)}")
    write_object(rows[run_id], output_format)


def _rows(context: Context) -> Iterator[dict[str, Any]]:
    from cli.frames import canonical_rows
    from span_store.schema import RUNS

    frame = context.span_store.scan("runs", project=context.project).collect()
    return canonical_rows(frame, RUNS)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    counts = row["counts"]
    return row | {
        "evaluated": counts["traces_evaluated"],
        "unchanged": counts["traces_unchanged"],
        "waiting": counts["traces_waiting"],
        "matched": sum(one["matched_new"] for one in counts["detectors"]),
        "added": sum(one["added"] for one in counts["queues"]),
    }
