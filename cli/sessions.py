"""``sessions``: conversations as wholes: what their traces add up to, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.output import LIMIT_MAX, format_option, write_object, write_rows

if TYPE_CHECKING:
    import polars as pl

_LISTED = (
    "conversation_id",
    "trace_count",
    "start_time",
    "duration_ms",
    "total_tokens",
    "cost_usd",
    "error_count",
    "detectors",
    "max_severity",
)
_TRACE_FACTS = (
    "trace_id",
    "revision",
    "name",
    "agent_name",
    "start_time",
    "duration_ms",
    "total_tokens",
    "cost_usd",
    "error_count",
    "detectors",
    "finish_reason",
)
_FINDING_FACTS = ("trace_id", "detector", "decision", "severity", "confidence", "reason")
_ITEM_FACTS = ("id", "queue", "object_type", "object_id", "status", "priority", "reason")


@click.group(epilog="Example: spandocket sessions list --limit 10")
def sessions() -> None:
    """Conversations: the traces of one conversation id, rolled up."""


@sessions.command("list", epilog='Example: spandocket sessions list --where "trace_count > 3"')
@click.option("--where", help="SQL condition over the columns that are printed.")
@click.option("--flagged", is_flag=True, help="Only sessions in which any detector matched.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=50,
    show_default=True,
    help="Most sessions to list.",
)
@format_option
@pass_context
def list_sessions(
    context: Context, where: str | None, flagged: bool, limit: int, output_format: str | None
) -> None:
    """List the sessions of analysed traces, the latest first.

    Tokens and cost are sums over the model calls; duration_ms counts from the first start to the
    last end, active_ms the traces alone.
    """
    import polars as pl

    from analytics.sessions import SESSIONS, roll_up
    from span_store.filters import applying, compile_filter
    from span_store.plain_rows import canonical_rows

    condition = pl.lit(value=True) if where is None else compile_filter(where, SESSIONS)
    found = roll_up(_traces(context))
    times = [pl.from_epoch(name, time_unit="ns").dt.replace_time_zone("UTC") for name in _TIMES]
    with applying(where):
        kept = found.with_columns(times).filter(condition)
    if flagged:
        kept = kept.filter(pl.col("flagged_trace_count") > 0)
    ordered = kept.sort(["start_time", "conversation_id"], descending=[True, False]).head(limit)
    write_rows(canonical_rows(ordered, SESSIONS), output_format, _LISTED)


@sessions.command("show", epilog="Example: spandocket sessions show chat-1742")
@click.argument("conversation_id")
@format_option
@pass_context
def show_session(context: Context, conversation_id: str, output_format: str | None) -> None:
    """Show one session: its sums, its traces in order, what was found, and its queue items."""
    import polars as pl

    from analytics.sessions import SESSIONS, roll_up
    from span_store.plain_rows import canonical_rows
    from span_store.schema import FINDINGS, TRACES

    traces = _traces(context)
    own = traces.filter(pl.col("conversation_id") == conversation_id).sort("start_time", "trace_id")
    if own.is_empty():
        from cli.nearest import nearest_names

        known = traces["conversation_id"].drop_nulls().unique().sort().head(1000).to_list()
        hint = nearest_names(conversation_id, known)
        raise click.UsageError(f"no analysed trace of session {conversation_id!r}{hint}")
    standing = (
        context.span_store.scan("findings", project=context.project)
        .join(own.lazy().select("trace_id", "revision", "start_time"), on=["trace_id", "revision"])
        .sort("start_time", "trace_id", "detector")
        .collect()
    )
    shown = next(canonical_rows(roll_up(own), SESSIONS))
    shown["traces"] = [_only(row, _TRACE_FACTS) for row in canonical_rows(own, TRACES)]
    shown["findings"] = [_only(row, _FINDING_FACTS) for row in canonical_rows(standing, FINDINGS)]
    shown["items"] = _items(context, conversation_id, own["trace_id"].to_list())
    write_object(shown, output_format)


_TIMES = ("start_time", "end_time")


def _traces(context: Context) -> pl.DataFrame:
    """The newest evaluated revision of every trace that belongs to a session."""
    import polars as pl

    from analytics.sessions import TRACE_COLUMNS

    columns = [*TRACE_COLUMNS, "revision", "evaluated_at", "name"]
    return (
        context.span_store.scan_raw("traces", project=context.project)
        .filter(pl.col("conversation_id").is_not_null())
        .select(columns)
        .collect()
        .sort("trace_id", "revision", "evaluated_at")
        .unique("trace_id", keep="last", maintain_order=True)
    )


def _items(context: Context, conversation_id: str, trace_ids: list[str]) -> list[dict[str, Any]]:
    """The queue items of the session itself and of its traces."""
    if not context.has_queue_store:
        return []
    from cli.queue_rows import item_row

    found = {
        item.id: item
        for trace_id in trace_ids
        for item in context.queue_store.items_of_trace(
            project=context.project, trace_id=trace_id, conversation_id=conversation_id
        )
    }
    return [_only(item_row(found[number]), _ITEM_FACTS) for number in sorted(found)]


def _only(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}
