"""The verbs of ``spandocket annotations`` that change an answer, on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, say, write_object
from cli.queue_access import person_store
from cli.queue_rows import annotation_row

if TYPE_CHECKING:
    from cli.context import Context


@click.command(epilog="Example: spandocket annotations edit 4 --reviewer ana --value false")
@click.argument("annotation", type=int)
@click.option("--reviewer", required=True, help="Whose answer it is.")
@click.option("--value", help="The new value.")
@click.option("--comment", help="The new remark.")
@click.option("--corrected-output", help="What the output should have been.")
@format_option
@pass_context
def edit(
    context: Context,
    annotation: int,
    reviewer: str,
    value: str | None,
    comment: str | None,
    corrected_output: str | None,
    output_format: str | None,
) -> None:
    """Replace your answer by a later one; the earlier stays on record."""
    given: dict[str, Any] = {
        "value": value,
        "comment": comment,
        "corrected_output": corrected_output,
    }
    changes = {name: entry for name, entry in given.items() if entry is not None}
    if not changes:
        raise click.UsageError("say what to change: --value, --comment or --corrected-output")
    row = context.queue_store.edit_annotation(
        project=context.project,
        annotation_id=annotation,
        now=context.now(),
        actor=reviewer,
        **changes,
    )
    write_object(annotation_row(row), output_format)


@click.command(epilog="Example: spandocket annotations withdraw 4 --reviewer ana")
@click.argument("annotation", type=int)
@click.option("--reviewer", required=True, help="Whose answer it is.")
@click.option("--reason", default="", help="Why, for the audit log.")
@format_option
@pass_context
def withdraw(
    context: Context, annotation: int, reviewer: str, reason: str, output_format: str | None
) -> None:
    """Take your answer back; it stays on record as withdrawn."""
    row = context.queue_store.withdraw_annotation(
        project=context.project,
        annotation_id=annotation,
        now=context.now(),
        actor=reviewer,
        reason=reason,
    )
    write_object(annotation_row(row), output_format)


@click.command(
    epilog='Example: spandocket annotations anchor 4 --reviewer ana --quote "no refunds"'
)
@click.argument("annotation", type=int)
@click.option("--reviewer", required=True, help="Whose answer it is.")
@click.option("--quote", help="Point at this text; it must stand in the conversation once.")
@click.option("--whole", is_flag=True, help="Point at the whole object again.")
@format_option
@pass_context
def anchor(
    context: Context,
    annotation: int,
    reviewer: str,
    quote: str | None,
    whole: bool,
    output_format: str | None,
) -> None:
    """Point an answer at a passage, or find its passage again after the conversation grew.

    Without --quote or --whole, the stored quote is looked for where it was, then by what stood
    around it. When it is gone, nothing changes and the exit code is 1.
    """
    from cli.conversations import span_with, texts_of_span
    from queue_store.anchors import found_again, of_quote

    store = person_store(context)
    row = store.annotation(project=context.project, annotation_id=annotation)
    place = None
    if not whole:
        if quote is None and row.anchor is None:
            raise click.UsageError("it has no anchor; give --quote")
        spans = texts_of_span(context, row)
        if quote is not None:
            place = span_with(spans, lambda texts: of_quote(quote, texts))
        else:
            kept = row.anchor
            assert kept is not None
            place = span_with(spans, lambda texts: found_again(kept, texts), kept.span_id)
            if place is None:
                say(f"the passage {kept.quote!r} is gone; the answer keeps its old place")
                raise click.exceptions.Exit(1)
    placed = store.place_annotation(
        project=context.project,
        annotation_id=annotation,
        anchor=place,
        now=context.now(),
        actor=reviewer,
    )
    write_object(annotation_row(placed), output_format)


VERBS = (edit, withdraw, anchor)
"""Commands that ``spandocket annotations`` takes in."""
