"""``spandocket items``: put objects into queues, and work through them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cli.claims import VERBS
from cli.claims_filters import queue_filters
from cli.context import pass_context
from cli.detector_names import check_detector
from cli.output import default_format, format_option, say, write_object, write_rows
from cli.queue_access import actor_option, check_person, name_and_value, person_store, ready_store
from cli.queue_rows import ITEM_COLUMNS, annotation_row, item_row

if TYPE_CHECKING:
    from datetime import datetime

    from cli.context import Context
    from queue_store.model import ItemPage


@click.group(epilog="Example: spandocket items next refusal --reviewer ana")
def items() -> None:
    """Add, list, claim and finish queue items.

    An object id is TRACE_ID, TRACE_ID:SPAN_ID or a conversation id. An item is one object in one
    queue, once, however many add it. ITEM is the number that listings show as its id.
    """


@items.command(
    epilog="Example: spandocket items add spot_checks 4bf92f3577b34da6a3ce929d0e0e4736 --priority 5"
)
@click.argument("queue")
@click.argument("ids", nargs=-1)
@click.option(
    "--type",
    "object_type",
    type=click.Choice(["trace", "span", "session"]),
    help="What the ids are.  [default: by their form]",
)
@click.option("--priority", type=float, default=0.0, show_default=True, help="Higher goes first.")
@click.option("--metadata", help="A JSON object to show with the items.")
@click.option("--reason", default="", help="One sentence: why a person should look.")
@click.option("--assignee", help="Who alone may claim them.")
@click.option("--where", help="Add the traces that match this SQL condition, too.")
@click.option(
    "--file",
    "id_file",
    type=click.File(encoding="utf-8-sig"),
    help="Read ids from a file, one a line.",
)
@actor_option
@format_option
@pass_context
def add(
    context: Context,
    queue: str,
    ids: tuple[str, ...],
    object_type: str | None,
    priority: float,
    metadata: str | None,
    reason: str,
    assignee: str | None,
    where: str | None,
    id_file: Any,
    actor: str,
    output_format: str | None,
) -> None:
    """Add traces, spans or sessions to a queue.

    Ids that no stored span belongs to are named, the others are added; then the exit code is 1.
    """
    from review_app.adding import add_known, matching_traces, typed_ids

    listed = [line.strip() for line in id_file] if id_file is not None else []
    wanted = typed_ids([*ids, *filter(None, listed)], object_type)
    if not wanted and where is None:
        raise click.UsageError("give ids, --file or --where")
    facts = {
        "priority": priority,
        "metadata": _metadata(metadata),
        "reason": reason,
        "assignee": assignee,
    }
    store = ready_store(context)
    store.queue(project=context.project, name=queue)
    if where is not None:
        wanted += matching_traces(context.span_store, context.project, where)
    row = add_known(
        store,
        context.span_store,
        project=context.project,
        queue=queue,
        wanted=[(kind, object_id, facts) for kind, object_id in wanted],
        now=context.now(),
        actor=actor,
    )
    unknown = set(row["unknown"])
    for kind, object_id in dict.fromkeys(wanted):
        if object_id in unknown:
            say(f"unknown {kind}: {object_id}")
    write_object(row, output_format)
    if unknown:
        raise click.exceptions.Exit(1)


def _metadata(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--metadata") from error
    if not isinstance(value, dict):
        raise click.BadParameter("is not a JSON object", param_hint="--metadata")
    return value


@items.command("list", epilog="Example: spandocket items list refusal --status pending --limit 5")
@click.argument("queue")
@queue_filters
@click.option("--limit", default=50, show_default=True, help="Items on a page.")
@click.option("--offset", default=0, show_default=True, help="Items to pass over.")
@click.option("--cursor", help="The cursor of the page before; as fast at any depth.")
@format_option
@pass_context
def list_items(
    context: Context,
    queue: str,
    status: str | None,
    reviewer: str | None,
    detector: str | None,
    text: str | None,
    added_since: datetime | None,
    added_until: datetime | None,
    limit: int,
    offset: int,
    cursor: str | None,
    output_format: str | None,
) -> None:
    """List a queue's items, highest priority first; removed ones only with --status removed.

    The total of all pages: with --format json the output is {"items", "total", "cursor"}; the
    other formats print one item a row, and the total on stderr (as data: "items count").
    """
    from queue_store.model import ItemState

    page = ready_store(context).items(
        project=context.project,
        queue=queue,
        status=ItemState(status) if status else None,
        reviewer=reviewer,
        detector=detector,
        text=text,
        added_since=added_since,
        added_until=added_until,
        limit=limit,
        offset=offset,
        cursor=cursor,
    )
    _check_names(context, page, reviewer, detector)
    rows = [item_row(item) for item in page.items]
    if (output_format or default_format()) == "json":
        write_object({"items": rows, "total": page.total, "cursor": page.cursor}, "json")
        return
    write_rows(rows, output_format, ITEM_COLUMNS)
    say(f"{len(rows)} of {page.total} items" + (f"; next: {page.cursor}" if page.cursor else ""))


@items.command(epilog="Example: spandocket items count refusal --status pending")
@click.argument("queue")
@queue_filters
@format_option
@pass_context
def count(
    context: Context,
    queue: str,
    status: str | None,
    reviewer: str | None,
    detector: str | None,
    text: str | None,
    added_since: datetime | None,
    added_until: datetime | None,
    output_format: str | None,
) -> None:
    """Count a queue's items."""
    from queue_store.model import ItemState

    page = ready_store(context).items(
        project=context.project,
        queue=queue,
        status=ItemState(status) if status else None,
        reviewer=reviewer,
        detector=detector,
        text=text,
        added_since=added_since,
        added_until=added_until,
        limit=0,
    )
    _check_names(context, page, reviewer, detector)
    write_object({"count": page.total}, output_format)


def _check_names(
    context: Context, page: ItemPage, reviewer: str | None, detector: str | None
) -> None:
    """Of filters that no item passed, refuse names that nothing here has."""
    if page.total:
        return
    if detector is not None:
        check_detector(context, detector)
    if reviewer is not None:
        check_person(context, reviewer)


@items.command(epilog="Example: spandocket items show 17 --format json")
@click.argument("item", type=int)
@format_option
@pass_context
def show(context: Context, item: int, output_format: str | None) -> None:
    """Show one item with its answers."""
    store = person_store(context)
    found = store.item(project=context.project, item_id=item)
    answers = store.annotations(project=context.project, item_id=item)
    write_object(
        item_row(found) | {"annotations": [annotation_row(row) for row in answers]}, output_format
    )


@items.command(
    epilog="Example: spandocket items complete 17 --token 5f0c1a... --field correct=true"
)
@click.argument("item", type=int)
@click.option("--token", required=True, help="The token of the claim.")
@click.option("--field", "answers", multiple=True, help="An answer, NAME=VALUE; repeat it.")
@click.option("--revision", type=int, help="The revision you saw; refused when it changed.")
@format_option
@pass_context
def complete(
    context: Context,
    item: int,
    token: str,
    answers: tuple[str, ...],
    revision: int | None,
    output_format: str | None,
) -> None:
    """Finish an item you hold, with answers; everything is stored, or nothing."""
    from queue_store.model import AnnotationDraft

    finished = context.queue_store.complete(
        project=context.project,
        item_id=item,
        token=token,
        now=context.now(),
        values=[
            AnnotationDraft(field=name, value=value) for name, value in map(name_and_value, answers)
        ],
        revision=revision,
    )
    write_object(item_row(finished), output_format)


@items.command(epilog='Example: spandocket items skip 17 --token 5f0c1a... --reason "not English"')
@click.argument("item", type=int)
@click.option("--token", required=True, help="The token of the claim.")
@click.option("--reason", required=True, help="Why; it is stored.")
@click.option(
    "--policy",
    type=click.Choice(["everyone", "others", "me"]),
    default="everyone",
    show_default=True,
    help="Skip it for everyone, leave it to others, or see it again later yourself.",
)
@format_option
@pass_context
def skip(
    context: Context, item: int, token: str, reason: str, policy: str, output_format: str | None
) -> None:
    """Skip an item you hold; skipped never counts as completed."""
    from queue_store.model import SkipPolicy

    skipped = context.queue_store.skip(
        project=context.project,
        item_id=item,
        token=token,
        reason=reason,
        policy=SkipPolicy(policy),
        now=context.now(),
    )
    write_object(item_row(skipped), output_format)


for verb in VERBS:
    items.add_command(verb)
