"""``spandocket alignment next``: what to label next, and into which queue it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.alignment_options import read_source, source_options
from cli.context import Context, pass_context
from cli.output import default_format, format_option, say, write_object, write_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = ("item", "probability", "importance", "u", "priority", "reason")


@click.command(
    name="next", epilog="Example: spandocket alignment next -e judge -f bad --enqueue to_label"
)
@source_options
@click.option(
    "--for",
    "targets",
    multiple=True,
    type=click.Choice(["pass_rate", "tpr", "tnr"]),
    help="What the labels should make surer; repeat it for several.  [default: tpr]",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many objects to name.",
)
@click.option("--enqueue", metavar="QUEUE", help="Put them into this queue.")
@format_option
@pass_context
def label_next(
    context: Context, /, enqueue: str | None, output_format: str | None, **asked: Any
) -> None:
    """List the items whose labels shrink the interval most, and by how much.

    With --enqueue they go into a queue with the probability with which they were chosen.
    """
    from analytics.alignment.report import report

    source = read_source(context, asked, asked["evaluator"])
    document = report(source.frame, source.options, source.about).to_json()
    following = document["label_next"]
    if following["null_reason"]:
        say(following["null_reason"])
    if enqueue is not None:
        say(enqueue_items(context, enqueue, document))
    if (output_format or default_format()) == "table":
        for cell in following.get("cells", []):
            if cell["sentence"]:
                say(cell["sentence"])
        write_rows(following["items"], "table", _COLUMNS)
    else:
        write_object(following, output_format)


def enqueue_items(context: Context, queue: str, document: Mapping[str, Any]) -> str:
    """Put the items to label next into a queue; says what happened.

    Raises the queue store's NotFoundError for an unknown queue.
    """
    from cli.queue_access import ready_store
    from queue_store.model import ItemDraft, ItemSource, ObjectType, Selection
    from span_store.object_ids import typed

    scope = document["scope"]
    if scope.get("file"):
        raise click.UsageError("items of a file cannot be put into a queue; use stored data")
    rule = f"label_next:{scope['evaluator']}:{scope['field']}"
    kinds = scope.get("object_types") or []
    drafts = []
    for entry in document["label_next"]["items"]:
        kind, object_id = typed(entry["item"], kinds[0] if len(kinds) == 1 else None)
        drafts.append(
            ItemDraft(
                object_type=ObjectType(kind),
                object_id=object_id,
                priority=entry["priority"],
                priority_terms={"importance": entry["importance"], "u": entry["u"]},
                reason=entry["reason"],
                source=ItemSource.RULE,
                trace_id=None if kind == "session" else object_id.partition(":")[0],
                selection=Selection(
                    rule=rule,
                    rule_version="1",
                    p=entry["probability"],
                    u=entry["u"],
                    salt=entry["salt"],
                    selected=True,
                ),
            )
        )
    added = ready_store(context).add_items(
        project=context.project, queue=queue, drafts=drafts, now=context.now(), actor="spandocket"
    )
    return f"{queue}: {added.added} added, {added.duplicates} there already"
