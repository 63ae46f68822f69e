"""``spandocket traces``: facts about traces, the tree of one, and where one is now."""

from __future__ import annotations

from typing import Any

import click

from cli.context import Context, pass_context
from cli.hex_ids import TRACE_ID
from cli.output import LIMIT_MAX, default_format, format_option, write_object, write_rows

TRACE_COLUMNS = [
    "trace_id",
    "name",
    "start_time",
    "duration_ms",
    "total_tokens",
    "cost_usd",
    "span_count",
    "error_count",
    "detectors",
    "priority",
]
_SHOWN = [
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "operation_name",
    "start_time",
    "end_time",
    "duration_ms",
    "status_code",
    "status_message",
    "is_error",
    "error_type",
    "service_name",
    "agent_name",
    "request_model",
    "tool_name",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "is_model_call",
]


class UnknownTraceError(click.ClickException):
    """No span, item or rejection is known for the trace id."""

    exit_code = 1


@click.group(epilog="Example: spandocket traces list --limit 10")
def traces() -> None:
    """List and show traces, and say where one is."""


@traces.command(name="list", epilog='Example: spandocket traces list --where "error_count > 0"')
@click.option("--where", help="SQL condition over the columns of the traces table.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=50,
    show_default=True,
    help="Most traces to list.",
)
@format_option
@pass_context
def list_traces(context: Context, where: str | None, limit: int, output_format: str | None) -> None:
    """List the facts of analysed traces, the latest revision of each, the newest first.

    Beside the columns --where may name scored_by, "score:EVALUATOR", "label:EVALUATOR" and
    "decision:DETECTOR".
    """
    from review_app.traces import matching_condition
    from span_store.filters import applying
    from span_store.plain_rows import canonical_rows
    from span_store.schema import TRACES

    with applying(where):
        frame = matching_condition(context.span_store, context.project, where)
        newest = frame.sort(["start_time", "trace_id"], descending=[True, False])
        rows = newest.head(limit).collect()
    write_rows(canonical_rows(rows, TRACES), output_format, TRACE_COLUMNS)


@traces.command(epilog="Example: spandocket traces show 8a3c60f7d188f8fa79d48a391a778fa6")
@click.argument("trace_id", type=TRACE_ID)
@format_option
@pass_context
def show(context: Context, trace_id: str, output_format: str | None) -> None:
    """Show the span tree of TRACE_ID, and its facts when it has been analysed."""
    from cli.trace_tree import branches, drawn

    spans = _rows(context, "spans", trace_id)
    if not spans:
        raise UnknownTraceError(
            f"no span of trace {trace_id} is in project {context.project!r}; "
            f"`spandocket traces where {trace_id}` looks everywhere"
        )
    facts = max(_rows(context, "traces", trace_id), key=lambda row: row["revision"], default=None)
    tree = list(branches(spans))
    rows = [
        {"depth": branch.depth} | {name: branch.span[name] for name in _SHOWN} for branch in tree
    ]
    match output_format or default_format():
        case "table":
            for branch in tree:
                click.echo(drawn(branch))
        case "csv":
            write_rows(rows, "csv", ["depth", *_SHOWN])
        case chosen:
            shown = {"trace_id": trace_id, "project": context.project}
            write_object(shown | {"facts": facts, "spans": rows}, chosen)


def _rows(context: Context, table: str, trace_id: str) -> list[dict[str, Any]]:
    """The rows of one trace in one table."""
    import polars as pl

    from span_store.plain_rows import canonical_rows
    from span_store.schema import TABLES

    frame = context.span_store.scan(table, project=context.project)
    found = frame.filter(pl.col("trace_id") == trace_id).collect()
    return list(canonical_rows(found, TABLES[table]))


@traces.command(epilog="Example: spandocket traces where 8a3c60f7d188f8fa79d48a391a778fa6")
@click.argument("trace_id", type=TRACE_ID)
@format_option
@pass_context
def where(context: Context, trace_id: str, output_format: str | None) -> None:
    """Say where TRACE_ID is now.

    Received and waiting to be loaded, loaded, analysed, in which queues, reviewed by whom; or
    refused, and why. Ends with 1 when nothing is known of it.
    """
    from cli.whereabouts import whereabouts
    from cli.whereabouts_text import told
    from otlp_receiver.whereabouts import receipt

    found = whereabouts(
        project=context.project,
        trace_id=trace_id,
        spans=context.span_store,
        queues=context.queue_store if context.has_queue_store else None,
        receipt=receipt(
            context.data_path,
            project=context.project,
            trace_id=trace_id,
            store=context.span_store,
        ),
    )
    if found["state"] == "unknown":
        raise UnknownTraceError(_unknown(context, trace_id, found["other_projects"]))
    if (output_format or default_format()) == "table":
        for line in told(found):
            click.echo(line)
        return
    write_object(found, output_format)


def _unknown(context: Context, trace_id: str, other_projects: list[str]) -> str:
    missing = f"nothing is known of trace {trace_id} in project {context.project!r}"
    if other_projects:
        return f"{missing}; it is in project {', '.join(other_projects)}: use --project"
    return (
        f"{missing} in {context.data_path}: it was never acknowledged here, or is older than what "
        f"is kept. Is this the receiver's data directory, and does the sender send to it?"
    )
