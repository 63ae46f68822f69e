"""``spandocket audit``: the log of every write."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import format_option, write_rows
from cli.queue_access import check_person, ready_store

if TYPE_CHECKING:
    from cli.context import Context


@click.group(epilog="Example: spandocket audit list --item 17")
def audit() -> None:
    """Read the log of every write to the queue store; nobody can change it."""


@audit.command("list", epilog="Example: spandocket audit list --queue refusal --by ana")
@click.option("--queue", help="Only this queue's.")
@click.option("--item", type=int, help="Only this item's.")
@click.option("--by", help="Only this person's.")
@click.option("--limit", default=50, show_default=True, help="Most entries.")
@click.option("--before", type=int, help="Entries older than this id.")
@format_option
@pass_context
def list_entries(
    context: Context,
    queue: str | None,
    item: int | None,
    by: str | None,
    limit: int,
    before: int | None,
    output_format: str | None,
) -> None:
    """List writes, newest first: when, who, what, on which queue and item."""
    store = ready_store(context)
    found = store.audit(
        project=context.project,
        queue=queue,
        item_id=item,
        actor=by,
        limit=limit,
        before_id=before,
    )
    if not found and item is not None:
        store.item(project=context.project, item_id=item)
    if not found and by is not None:
        check_person(context, by)
    write_rows(
        [asdict(entry) for entry in found],
        output_format,
        ["id", "time", "actor", "action", "queue", "item_id", "details"],
    )
