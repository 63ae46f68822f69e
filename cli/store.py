"""``spandocket store``: compact the tables, apply retention, show their size."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.output import format_option, rfc3339, say, write_rows
from cli.setting_values import read_value
from cli.store_schema import VERBS

if TYPE_CHECKING:
    from collections.abc import Callable


class _Scaled(click.ParamType[float | int]):
    """A duration or a size as the settings file writes it."""

    def __init__(self, unit: str, kind: type) -> None:
        self.name = unit
        self._kind = kind

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | int:
        """Read ``90d`` or ``100GiB``."""
        if not isinstance(value, str):
            return self._kind(value)  # type: ignore[no-any-return]
        try:
            return self._kind(read_value(value, self._kind, self.name))  # type: ignore[no-any-return]
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _table_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--table", "tables", multiple=True, metavar="NAME", help="This table alone; repeatable."
    )(command)


@click.group(epilog="Example: spandocket store stats")
def store() -> None:
    """Compact the tables, apply retention, show their size."""


@store.command("compact", epilog="Example: spandocket store compact --all --vacuum-after 1h")
@_table_option
@click.option("--all", "merge_all", is_flag=True, help="Merge even two small files of a day.")
@click.option(
    "--vacuum-after",
    "grace_seconds",
    type=_Scaled("duration", float),
    help="Delete files replaced longer ago than this.  [default: store.vacuum_grace_seconds]",
)
@format_option
@pass_context
def compact(
    context: Context,
    tables: tuple[str, ...],
    merge_all: bool,
    grace_seconds: float | None,
    output_format: str | None,
) -> None:
    """Merge small files, drop duplicates on the way, delete files that were replaced.

    Readers and writers go on meanwhile. What any command shows does not change.
    """
    from cli.maintenance import compact_table, grace_hours
    from span_store.schema import TABLES

    settings = context.configuration.store
    files_min = 2 if merge_all else settings.compact_files_min
    grace = settings.vacuum_grace_seconds if grace_seconds is None else grace_seconds
    rows = []
    for table in _known(tables) or TABLES:
        report, deleted = compact_table(
            context, table, files_min=files_min, grace_hours=grace_hours(grace)
        )
        rows.append(asdict(report) | {"files_deleted": deleted})
    write_rows(
        rows,
        output_format,
        ["table", "files_before", "files_after", "rows_before", "rows_after", "files_deleted"],
    )


@store.command("retain", epilog="Example: spandocket store retain --age 90d --dry-run")
@click.option(
    "--age",
    "age_seconds",
    type=_Scaled("duration", float),
    help="Take away traces that arrived longer ago.  [default: store.keep_seconds]",
)
@click.option(
    "--bytes",
    "bytes_max",
    type=_Scaled("bytes", int),
    help="Take away the oldest traces above this size.  [default: store.keep_bytes]",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would happen.")
@format_option
@pass_context
def retain(
    context: Context,
    age_seconds: float | None,
    bytes_max: int | None,
    dry_run: bool,
    output_format: str | None,
) -> None:
    """Take old traces out of the tables; traces that queue items refer to stay.

    A trace leaves as a whole, once its last span is old enough. The disk is freed by
    ``store compact``, once no reader can still need the files.
    """
    from cli.maintenance import apply_retention

    settings = context.configuration.store
    age_seconds = settings.keep_seconds if age_seconds is None else age_seconds
    bytes_max = settings.keep_bytes if bytes_max is None else bytes_max
    if not age_seconds and not bytes_max:
        raise click.UsageError(
            "nothing says what is too old: give --age or --bytes, "
            "or set store.keep_seconds or store.keep_bytes"
        )
    reports = apply_retention(
        context, age_seconds=age_seconds or None, bytes_max=bytes_max or None, dry_run=dry_run
    )
    if dry_run:
        say("Nothing was changed.")
    write_rows(
        [asdict(report) | {"dry_run": dry_run} for report in reports],
        output_format,
        ["table", "rows_removed", "files_removed", "files_rewritten", "bytes_released"],
    )


@store.command("maintain", epilog="Example: spandocket store maintain")
@pass_context
def maintain(context: Context) -> None:
    """Compact, apply the retention of the settings, delete dead files: what serve does by itself.

    Another process that maintains the tables at the same time is left to finish. While a receiver
    has requests older than ten seconds to load, nothing is merged: that comes once there is time.
    """
    from cli.maintenance import maintain_once

    for sentence in maintain_once(context):
        say(sentence)


@store.command("stats", epilog="Example: spandocket store stats --format json")
@format_option
@pass_context
def stats(context: Context, output_format: str | None) -> None:
    """Show rows, files, bytes and age of every table."""
    from span_store.statistics import table_statistics

    found = table_statistics(
        context.span_store, target_bytes=context.configuration.store.compact_bytes
    )
    rows = []
    for entry in found:
        row = asdict(entry)
        for name in ("oldest", "newest"):
            row[name] = None if row[name] is None else rfc3339(row[name])
        rows.append(row)
    write_rows(
        rows,
        output_format,
        ["table", "rows", "files", "small_files", "live_bytes", "dead_bytes", "oldest", "newest"],
    )


def _known(tables: tuple[str, ...]) -> tuple[str, ...]:
    """The tables asked for; a usage error names the nearest."""
    from cli.nearest import nearest_names
    from span_store.schema import TABLES

    for table in tables:
        if table not in TABLES:
            raise click.UsageError(f"no table {table!r}{nearest_names(table, TABLES)}")
    return tables


for verb in VERBS:
    store.add_command(verb)
