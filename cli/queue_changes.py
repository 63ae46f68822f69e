"""The verbs of ``spandocket queues`` that change and move a queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, say, write_object
from cli.queue_access import actor_option, ready_store
from cli.queue_rows import queue_row

if TYPE_CHECKING:
    from cli.context import Context


@click.command(epilog="Example: spandocket queues change refusal --status paused")
@click.argument("name")
@click.option("--rename", help="A new name; links to the queue stay good.")
@click.option(
    "--status",
    type=click.Choice(["draft", "active", "paused", "archived"]),
    help="Only an active queue hands out work; an archived one takes none.",
)
@click.option("--description", help="A short summary for the list.")
@click.option("--instructions", help="Guidance for the reviewers.")
@click.option("--field", "fields", multiple=True, help="The whole form anew; repeat it.")
@click.option("--assignee", "assignees", multiple=True, help="All assignees anew; repeat it.")
@click.option("--filter", "filter_sql", help="Live: SQL condition over the traces table.")
@click.option("--sample", "sample_rate", type=click.FloatRange(0, 1), help="Live: share kept.")
@click.option("--labels", "labels_wanted", type=int, help="Labels of items added from now on.")
@click.option("--lease", "lease_seconds", type=float, help="Seconds a claim lasts.")
@click.option("--show", "shown", multiple=True, help="What reviewers see, anew; repeat it, or all.")
@click.option(
    "--overlap",
    "overlap_share",
    type=click.FloatRange(0, 1),
    help="Share of items added from now on that get more than one label.",
)
@click.option(
    "--extra-reviewers",
    "extra_reviewers_max",
    type=int,
    help="How many more reviewers a disagreement may ask for.",
)
@click.option("--adjudicate/--no-adjudicate", default=None, help="Disagreements wait or not.")
@click.option("--blind/--open", default=None, help="Hide or show others' labels.")
@click.option(
    "--assignment",
    type=click.Choice(["self_claim", "round_robin", "load_balance"]),
    help="Who gets a new item.",
)
@actor_option
@format_option
@pass_context
def change(
    context: Context,
    /,
    name: str,
    rename: str | None,
    status: str | None,
    actor: str,
    output_format: str | None,
    **settings: Any,
) -> None:
    """Change a queue's settings; what is not given stays."""
    from cli.queues import check_filter
    from queue_store.model import Assignment

    changes = {key: value for key, value in settings.items() if value not in {None, ()}}
    if rename is not None:
        changes["name"] = rename
    if status is not None:
        changes["state"] = status
    if changes.get("shown") == ("all",):
        changes["shown"] = ()
    if "assignment" in changes:
        changes["assignment"] = Assignment(changes["assignment"])
    if not changes:
        raise click.UsageError("say what to change")
    if "filter_sql" in changes:
        check_filter(context, changes["filter_sql"])
    store = ready_store(context)
    queue = store.update_queue(
        project=context.project, name=name, changes=changes, now=context.now(), actor=actor
    )
    progress = store.progress(project=context.project, queue=queue.name)
    write_object(queue_row(queue, progress), output_format)


@click.command("export", epilog="Example: spandocket queues export refusal --out refusal.jsonl")
@click.argument("name")
@click.option(
    "--out", type=click.Path(dir_okay=False), help="The file.  [default: standard output]"
)
@pass_context
def export_queue(context: Context, name: str, out: str | None) -> None:
    """Write a whole queue as JSON Lines: settings, items, answers, history, log.

    With its views, webhooks (and their secrets), roles, and datasets made from it. "queues import"
    stores it in another store, whatever its engine, without loss.
    """
    lines = ready_store(context).export_queue(project=context.project, queue=name)
    if out is None:
        for line in lines:
            click.echo(line)
        return
    with Path(out).open("w", encoding="utf-8") as stream:
        count = 0
        for line in lines:
            stream.write(line + "\n")
            count += 1
    say(f"{out}: {count} lines")


@click.command("import", epilog="Example: spandocket queues import refusal.jsonl --rename copy")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--rename", help="Store it under this name.")
@actor_option
@format_option
@pass_context
def import_queue(
    context: Context, file: Any, rename: str | None, actor: str, output_format: str | None
) -> None:
    """Store a queue that "queues export" wrote; everything, or nothing."""
    store = context.queue_store
    queue = store.import_queue(
        project=context.project,
        lines=(line for line in file if line.strip()),
        name=rename,
        now=context.now(),
        actor=actor,
    )
    progress = store.progress(project=context.project, queue=queue.name)
    write_object(queue_row(queue, progress), output_format)


VERBS = (change, export_queue, import_queue)
"""Commands that ``spandocket queues`` takes in."""
