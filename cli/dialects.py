"""``spandocket dialects``: what is understood."""

from __future__ import annotations

import click

from cli.output import format_option, write_rows


@click.group(epilog="Example: spandocket dialects list")
def dialects() -> None:
    """List the GenAI dialects that are understood."""


@dialects.command("list", epilog="Example: spandocket dialects list --format table")
@format_option
def list_dialects(output_format: str | None) -> None:
    """List each dialect: its code, the library, by what it is told, where its content lies."""
    from otlp_receiver.dialects.catalog import DIALECTS

    rows = [
        {
            "code": entry.code,
            "library": entry.library,
            "signal": entry.signal.replace("`", ""),
            "content": entry.content.replace("`", ""),
        }
        for entry in DIALECTS
    ]
    write_rows(rows, output_format, ("code", "library", "signal", "content"))
