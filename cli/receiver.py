"""``spandocket receiver``: the receiver's own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import format_option, rfc3339, write_object

if TYPE_CHECKING:
    from cli.context import Context


@click.group(epilog="Example: spandocket receiver stats")
def receiver() -> None:
    """Show how the receiver of this data directory is doing."""


@receiver.command(epilog="Example: spandocket receiver stats --format json")
@format_option
@pass_context
def stats(context: Context, output_format: str | None) -> None:
    """Show the numbers of /metrics, at most a second old; of the last run when it is stopped."""
    from otlp_receiver.stats import read_stats

    found = read_stats(context.data_path)
    time = found.get("time")
    write_object(found | {"time": None if time is None else rfc3339(time)}, output_format)
