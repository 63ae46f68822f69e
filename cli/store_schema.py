"""The verbs of ``spandocket store`` that look after the queue store's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import format_option, say, write_object

if TYPE_CHECKING:
    from cli.context import Context


@click.command(epilog="Example: spandocket store migrate --dry-run")
@click.option("--dry-run", is_flag=True, help="Print the SQL and change nothing.")
@format_option
@pass_context
def migrate(context: Context, dry_run: bool, output_format: str | None) -> None:
    """Bring the queue store's schema up to date; every command does so by itself.

    With --dry-run, print the statements for people who run migrations by hand.
    """
    from queue_store.inspection import inspect_store
    from queue_store.schema import SCHEMA_VERSION, pending_sql

    url = context.queue_url
    before = inspect_store(url, context.configuration.queue).version
    if dry_run:
        click.echo(pending_sql(url, before), nl=False)
        say(f"schema {before or 'none'}, newest {SCHEMA_VERSION}; nothing was changed")
        return
    context.queue_store.close()  # Opening it has migrated it.
    write_object({"before": before, "now": SCHEMA_VERSION}, output_format)


@click.command(epilog="Example: spandocket store check")
@format_option
@pass_context
def check(context: Context, output_format: str | None) -> None:
    """Check the queue store: its file, its schema, and its counters against a recount.

    Exits 3 when something is wrong, and says what to do.
    """
    from queue_store.soundness import problems_of

    store = context.queue_store
    problems = problems_of(store)
    for problem in problems:
        say(problem)
    write_object({"ok": not problems, "problems": problems}, output_format)
    if problems:
        raise click.exceptions.Exit(3)


VERBS = (migrate, check)
"""Commands that ``spandocket store`` takes in."""
