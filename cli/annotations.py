"""``spandocket annotations``: human answers, one by one and in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.annotation_edits import VERBS
from cli.claims_filters import STATUSES
from cli.context import pass_context
from cli.moments import MOMENT
from cli.output import format_option, say, write_object, write_rows
from cli.queue_access import actor_option, check_person, name_and_value, person_store
from cli.queue_rows import ANNOTATION_COLUMNS, annotation_row

if TYPE_CHECKING:
    from datetime import datetime

    from cli.context import Context


@click.group("annotations", epilog="Example: spandocket annotations list --field correct")
def group() -> None:
    """Add, list and import human answers.

    There is one answer for each reviewer, field and revision of an item. Nobody's answer is ever
    overwritten: a later answer of the same reviewer supersedes the earlier, which stays on record.
    """


@group.command(epilog="Example: spandocket annotations add 17 --reviewer ana --field correct=true")
@click.argument("item", type=int)
@click.option("--reviewer", required=True, help="Whose answer it is.")
@click.option("--field", "answers", multiple=True, required=True, help="NAME=VALUE; repeat it.")
@click.option("--comment", help="A remark on the answer.")
@click.option("--corrected-output", help="What the output should have been.")
@click.option("--also", "also", multiple=True, help="NAME=VALUE that would be right as well.")
@click.option("--not-blind", is_flag=True, help="The evaluator's verdict was visible.")
@click.option("--draft", is_flag=True, help="Save it without giving it yet.")
@click.option("--token", help="Check that this claim still holds the item.")
@click.option("--revision", type=int, help="Check that the item is still at this revision.")
@format_option
@pass_context
def add(
    context: Context,
    item: int,
    reviewer: str,
    answers: tuple[str, ...],
    comment: str | None,
    corrected_output: str | None,
    also: tuple[str, ...],
    not_blind: bool,
    draft: bool,
    token: str | None,
    revision: int | None,
    output_format: str | None,
) -> None:
    """Add a reviewer's answers to an item; all of them, or none when one does not fit."""
    from queue_store.model import AnnotationDraft, AnnotationState

    alternatives: dict[str, list[str]] = {}
    for text in also:
        name, value = name_and_value(text)
        alternatives.setdefault(name, []).append(value)
    stored = context.queue_store.annotate(
        project=context.project,
        item_id=item,
        reviewer=reviewer,
        answers=[
            AnnotationDraft(
                field=name,
                value=value,
                comment=comment,
                corrected_output=corrected_output,
                also_acceptable=tuple(alternatives.get(name, ())),
                blind=not not_blind,
            )
            for name, value in map(name_and_value, answers)
        ],
        now=context.now(),
        token=token,
        revision=revision,
        state=AnnotationState.DRAFT if draft else AnnotationState.SUBMITTED,
    )
    write_rows([annotation_row(row) for row in stored], output_format, ANNOTATION_COLUMNS)


@group.command("list", epilog="Example: spandocket annotations list --queue refusal")
@click.option("--field", help="Only answers to this field.")
@click.option("--queue", help="Only answers given in this queue.")
@click.option("--reviewer", help="Only this person's answers.")
@click.option("--item", type=int, help="Only answers on this item.")
@click.option("--object-id", help="Only answers about this trace, span or session.")
@click.option("--history", is_flag=True, help="Drafts, withdrawn and superseded ones too.")
@format_option
@pass_context
def list_annotations(
    context: Context,
    field: str | None,
    queue: str | None,
    reviewer: str | None,
    item: int | None,
    object_id: str | None,
    history: bool,
    output_format: str | None,
) -> None:
    """List answers that stand, oldest first."""
    from span_store.object_ids import typed

    store = person_store(context)
    found = store.annotations(
        project=context.project,
        field=field,
        queue=queue,
        reviewer=reviewer,
        item_id=item,
        object_id=None if object_id is None else typed(object_id, None)[1],
        history=history,
    )
    if not found and item is not None:
        store.item(project=context.project, item_id=item)
    if not found and reviewer is not None:
        check_person(context, reviewer)
    write_rows((annotation_row(row) for row in found), output_format, ANNOTATION_COLUMNS)


@group.command("import", epilog="Example: spandocket annotations import labels.csv --skip-bad")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--skip-bad", is_flag=True, help="Store the good rows when others are bad.")
@actor_option
@format_option
@pass_context
def import_file(
    context: Context, file: str, skip_bad: bool, actor: str, output_format: str | None
) -> None:
    """Bring in answers from a CSV, JSON Lines or Parquet file.

    Columns: object_type, object_id, reviewer, field, value, and optionally queue, time,
    inclusion_probability, cluster, adjudicated, blind, comment, corrected_output, also_acceptable,
    anchor, seconds_spent; or a table that "annotations export" wrote. Fields must exist. Every bad
    row is named with its line, and then nothing is stored, unless --skip-bad is given. Importing a
    file twice stores it once; imported answers take over the probability and the cluster of a
    later file. Without a time, an answer counts as given now.
    """
    from cli.annotation_files import read_rows
    from queue_store.model import ImportRow, RowProblem

    fields = [field.name for field in person_store(context).fields(project=context.project)]
    rows, unreadable = read_rows(file, fields)
    result = context.queue_store.import_annotations(
        project=context.project,
        rows=[ImportRow(line=line, **row) for line, row in rows],
        now=context.now(),
        actor=actor,
        skip_bad=skip_bad,
        unreadable=[RowProblem(line=line, reason=reason) for line, reason in unreadable],
    )
    problems = result.problems
    for problem in problems:
        say(f"{file}: line {problem.line}: {problem.reason}")
    if problems and not skip_bad:
        say(f"{file}: nothing was stored; correct the rows above or add --skip-bad")
    write_object(
        {
            "added": result.added,
            "duplicates": result.duplicates,
            "replaced": result.replaced,
            "updated": result.updated,
            "rejected": len(problems),
            "problems": [{"line": entry.line, "reason": entry.reason} for entry in problems],
        },
        output_format,
    )
    if problems:
        raise click.exceptions.Exit(1)


@group.command(epilog="Example: spandocket annotations export --queue refusal --out labels.csv")
@click.option("--queue", help="Only answers given in this queue.")
@click.option("--status", type=click.Choice(STATUSES), help="Only answers on items in this state.")
@click.option("--since", type=MOMENT, help="Only answers given at this time or later.")
@click.option("--until", type=MOMENT, help="Only answers given before this time.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    help="Write a file: .jsonl, .csv or .parquet.  [default: standard output]",
)
@format_option
@pass_context
def export(
    context: Context,
    queue: str | None,
    status: str | None,
    since: datetime | None,
    until: datetime | None,
    out: str | None,
    output_format: str | None,
) -> None:
    """Write answers as a table: one row an object, one column {reviewer}_{field}.

    Adjudicated answers stand in adjudicated_{field}. The last column, answers, holds as JSON what
    no cell can: times, places, comments. "annotations import" reads it again, without loss.
    """
    from pathlib import Path

    from cli.answer_tables import wide_rows
    from cli.table_files import write_table

    rows, columns = wide_rows(
        person_store(context),
        context.project,
        queue=queue,
        status=status,
        since=since,
        until=until,
    )
    if out is None:
        write_rows(rows, output_format, columns)
        return
    write_table(Path(out), rows, columns)
    say(f"{out}: {len(rows)} objects")


for verb in VERBS:
    group.add_command(verb)
