"""``spandocket quarantine``: requests that were acknowledged and cannot be loaded."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, rfc3339, say, write_object, write_rows

if TYPE_CHECKING:
    from cli.context import Context
    from otlp_receiver.quarantine import Quarantine, QuarantineItem

_COLUMNS = ("id", "project", "signal", "received_at", "bytes", "reason")
_SHOWN_BYTES = 256


@click.group(epilog="Example: spandocket quarantine list")
def quarantine() -> None:
    """List, show, retry and drop requests that were acknowledged and cannot be loaded."""


@quarantine.command("list", epilog="Example: spandocket quarantine list --format json")
@format_option
@pass_context
def list_items(context: Context, output_format: str | None) -> None:
    """List what is in quarantine, oldest first."""
    rows = [_row(item) for item in _quarantine(context).items()]
    write_rows(rows, output_format, _COLUMNS)


@quarantine.command(epilog="Example: spandocket quarantine show 8e1c33a0-1048580")
@click.argument("item_id", metavar="ID")
@format_option
@pass_context
def show(context: Context, item_id: str, output_format: str | None) -> None:
    """Show one request: where it came from, why it is here, and its first bytes."""
    held = _quarantine(context)
    row = _row(held.item(item_id))
    row["head"] = held.record(item_id).body[:_SHOWN_BYTES].hex()
    row["file"] = str(held.folder / f"{item_id}.binpb")
    write_object(row, output_format)


@quarantine.command(epilog="Example: spandocket quarantine retry")
@click.argument("item_ids", metavar="[ID]...", nargs=-1)
@format_option
@pass_context
def retry(context: Context, item_ids: tuple[str, ...], output_format: str | None) -> None:
    """Load requests again, all of them without an ID; what succeeds leaves the quarantine.

    Ends with 1 when one of them still cannot be loaded.
    """
    from otlp_receiver.rows import rows_reader

    held = _quarantine(context)
    wanted = _known(held, item_ids) or tuple(item.id for item in held.items())
    settings = context.configuration.receiver
    decode = rows_reader(settings.attributes, settings.prices)
    results = [
        {"id": item_id, **held.retry(item_id, context.span_store, decode)} for item_id in wanted
    ]
    write_rows(results, output_format, ("id", "loaded", "reason"))
    if not all(result["loaded"] for result in results):
        sys.exit(1)


@quarantine.command(epilog="Example: spandocket quarantine drop 8e1c33a0-1048580 --yes")
@click.argument("item_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_context
def drop(context: Context, item_ids: tuple[str, ...], yes: bool) -> None:
    """Forget requests for good."""
    held = _quarantine(context)
    wanted = _known(held, item_ids)
    if not yes:
        click.confirm(f"Forget {len(wanted)} requests for good?", abort=True, err=True)
    for item_id in wanted:
        held.drop(item_id)
        say(f"Dropped {item_id}.")


def _known(held: Quarantine, item_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The ids once each; a wrong one is told before anything changes."""
    for item_id in item_ids:
        held.item(item_id)
    return tuple(dict.fromkeys(item_ids))


def _quarantine(context: Context) -> Quarantine:
    from otlp_receiver.quarantine import Quarantine

    return Quarantine(context.data_path / "quarantine")


def _row(item: QuarantineItem) -> dict[str, Any]:
    return asdict(item) | {"received_at": rfc3339(item.received_at)}
