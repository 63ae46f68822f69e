"""``spandocket adjudications``: settle what reviewers disagree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import format_option, write_object, write_rows
from cli.queue_access import actor_option, name_and_value, ready_store
from cli.queue_rows import item_row

if TYPE_CHECKING:
    from cli.context import Context


@click.group(epilog="Example: spandocket adjudications list")
def adjudications() -> None:
    """List and decide items whose labels disagree."""


@adjudications.command("list", epilog="Example: spandocket adjudications list --queue refusal")
@click.option("--queue", help="Only this queue's.")
@click.option("--limit", default=50, show_default=True, help="Most items of a queue.")
@format_option
@pass_context
def list_waiting(
    context: Context, queue: str | None, limit: int, output_format: str | None
) -> None:
    """List items that wait for a decision, with what each reviewer answered."""
    from queue_store.model import ItemState

    store = ready_store(context)
    names = [queue] if queue else [entry.name for entry in store.queues(project=context.project)]
    rows = []
    for name in names:
        page = store.items(
            project=context.project,
            queue=name,
            status=ItemState.AWAITING_ADJUDICATION,
            limit=limit,
        )
        for item in page.items:
            answers = store.disagreement(project=context.project, item_id=item.id)
            rows.append(item_row(item) | {"answers": answers})
    write_rows(rows, output_format, ["id", "queue", "object_type", "object_id", "answers"])


@adjudications.command(epilog="Example: spandocket adjudications decide 17 --pick ana")
@click.argument("item", type=int)
@click.option("--pick", help="Take this reviewer's answers.")
@click.option("--field", "answers", multiple=True, help="Write an answer, NAME=VALUE; repeat it.")
@click.option("--reason", default="", help="Why, for the audit log.")
@actor_option
@format_option
@pass_context
def decide(
    context: Context,
    item: int,
    pick: str | None,
    answers: tuple[str, ...],
    reason: str,
    actor: str,
    output_format: str | None,
) -> None:
    """Give an item its authoritative answer; the reviewers' own answers stay."""
    from queue_store.model import AnnotationDraft

    decided = context.queue_store.decide(
        project=context.project,
        item_id=item,
        pick=pick,
        answers=[
            AnnotationDraft(field=name, value=value) for name, value in map(name_and_value, answers)
        ],
        reason=reason,
        now=context.now(),
        actor=actor,
    )
    write_object(item_row(decided), output_format)
