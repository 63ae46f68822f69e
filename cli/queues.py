"""``spandocket queues``: create them, show them, and tell how far they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.detector_names import check_detector
from cli.output import default_format, format_option, write_object, write_rows
from cli.queue_access import actor_option, ready_store
from cli.queue_changes import VERBS
from cli.queue_rows import (
    PROGRESS_COLUMNS,
    QUEUE_COLUMNS,
    agreement_rows,
    agreement_text,
    progress_row,
    queue_row,
)

if TYPE_CHECKING:
    from cli.context import Context

DEFAULT_SAMPLE = 0.1
"""Share of matching traces that a live queue keeps unless told otherwise."""


@click.group(epilog="Example: spandocket queues list")
def queues() -> None:
    """Create and show annotation queues and their progress.

    Every project has one system queue for each failure category, filled by a detector.
    Live queues fill by a filter and sampling, manual queues by people.
    """


@queues.command("list", epilog="Example: spandocket queues list --format table")
@click.option(
    "--kind", type=click.Choice(["system", "live", "manual"]), help="Only queues of this kind."
)
@format_option
@pass_context
def list_queues(context: Context, kind: str | None, output_format: str | None) -> None:
    """List the project's queues with their progress."""
    from queue_store.model import QueueKind

    store = ready_store(context)
    progress = {entry.queue: entry for entry in store.all_progress(project=context.project)}
    found = store.queues(project=context.project, kind=QueueKind(kind) if kind else None)
    write_rows(
        [queue_row(queue, progress[queue.name]) for queue in found], output_format, QUEUE_COLUMNS
    )


@queues.command(
    epilog='Example: spandocket queues create slow --live --filter "duration_ms > 10000" --sample 1'
)
@click.argument("name")
@click.option("--live", is_flag=True, help="Add matching traces as they complete.")
@click.option("--filter", "filter_sql", help="Live: SQL condition over trace facts.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1),
    help=f"Live: share of matching traces that is kept.  [default: {DEFAULT_SAMPLE}]",
)
@click.option("--description", default="", help="A short summary for the list.")
@click.option("--instructions", default="", help="Guidance for the reviewers.")
@click.option("--field", "fields", multiple=True, help="A field of the form; repeat it.")
@click.option("--assignee", "assignees", multiple=True, help="Who may work on it; repeat it.")
@click.option(
    "--show",
    "shown",
    multiple=True,
    help="What reviewers see, such as output or input.user; repeat it.  [default: everything]",
)
@click.option(
    "--labels", "labels_wanted", default=1, show_default=True, help="Independent labels an item."
)
@click.option(
    "--overlap",
    "overlap_share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Share of the items that get more than one label.",
)
@click.option(
    "--extra-reviewers",
    "extra_reviewers_max",
    default=0,
    show_default=True,
    help="How many more reviewers a disagreement may ask for.",
)
@click.option("--adjudicate", is_flag=True, help="Disagreements wait for a decision.")
@click.option("--open", "is_open", is_flag=True, help="Show others' labels while reviewing.")
@click.option("--lease", "lease_seconds", type=float, help="Seconds a claim lasts.")
@click.option(
    "--assignment",
    type=click.Choice(["self_claim", "round_robin", "load_balance"]),
    default="self_claim",
    show_default=True,
    help="Who gets a new item.",
)
@click.option("--draft", is_flag=True, help="Hand nothing out yet.")
@actor_option
@format_option
@pass_context
def create(
    context: Context,
    /,
    name: str,
    live: bool,
    filter_sql: str | None,
    sample: float | None,
    is_open: bool,
    draft: bool,
    assignment: str,
    actor: str,
    output_format: str | None,
    **settings: Any,
) -> None:
    """Create a queue: manual, or live with a filter and sampling.

    A filter reads the columns of the traces table, and scored_by, "score:EVALUATOR",
    "label:EVALUATOR", "decision:DETECTOR": array_contains(scored_by, 'judge') takes every trace
    that judge has scored.
    """
    from queue_store.model import Assignment, QueueDraft, QueueKind, QueueState

    if (filter_sql is not None or sample is not None) and not live:
        raise click.UsageError("--filter and --sample belong to a live queue; add --live")
    if filter_sql is not None:
        check_filter(context, filter_sql)
    store = ready_store(context)
    queue = store.create_queue(
        project=context.project,
        draft=QueueDraft(
            name=name,
            kind=QueueKind.LIVE if live else QueueKind.MANUAL,
            filter_sql=filter_sql,
            sample_rate=(DEFAULT_SAMPLE if sample is None else sample) if live else None,
            blind=not is_open,
            state=QueueState.DRAFT if draft else QueueState.ACTIVE,
            assignment=Assignment(assignment),
            **settings,
        ),
        now=context.now(),
        actor=actor,
    )
    write_object(
        queue_row(queue, store.progress(project=context.project, queue=queue.name)), output_format
    )


def check_filter(context: Context, filter_sql: str) -> None:
    """Refuse a filter that trace facts cannot answer; names the nearest columns and detectors."""
    from analytics.filters import compile_trace_filter, decisions_read

    compile_trace_filter(filter_sql)
    for detector in decisions_read([filter_sql]):
        check_detector(context, detector)


@queues.command(epilog="Example: spandocket queues show refusal --format json")
@click.argument("name")
@format_option
@pass_context
def show(context: Context, name: str, output_format: str | None) -> None:
    """Show a queue (its name or its link) with settings and progress."""
    store = ready_store(context)
    queue = store.queue(project=context.project, name=name)
    progress = store.progress(project=context.project, queue=queue.name)
    write_object(queue_row(queue, progress), output_format)


@queues.command(epilog="Example: spandocket queues progress --format table")
@click.argument("name", required=False)
@format_option
@pass_context
def progress(context: Context, name: str | None, output_format: str | None) -> None:
    """Tell how far one queue is, or all of them.

    A skipped item never counts as completed; percentages of an empty queue are null. Also how far
    the reviewers agree on each field so far, and for one queue what each reviewer did.
    """
    store = ready_store(context)
    if name is not None:
        one = store.progress(project=context.project, queue=name)
        done = store.reviewers(project=context.project, queue=name)
        agreed = store.agreement(project=context.project, queue=name)
        people = {
            "reviewers": [asdict(entry) for entry in done],
            "agreement": agreement_rows(agreed),
        }
        write_object(progress_row(one) | people, output_format)
        return
    agreements = store.agreements(project=context.project)
    told = agreement_text if (output_format or default_format()) == "table" else agreement_rows
    rows = [
        progress_row(entry) | {"agreement": told(agreements.get(entry.queue, {}))}
        for entry in store.all_progress(project=context.project)
    ]
    write_rows(rows, output_format, PROGRESS_COLUMNS)


for verb in VERBS:
    queues.add_command(verb)
