"""``spandocket spans``: list, show and count canonical spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.hex_ids import SPAN_ID, TRACE_ID
from cli.output import format_option, write_object, write_rows

if TYPE_CHECKING:
    import polars as pl

_TABLE_COLUMNS = (
    "trace_id",
    "span_id",
    "start_time",
    "name",
    "operation_name",
    "request_model",
    "duration_ms",
    "total_tokens",
    "is_error",
)

where_option = click.option(
    "--where", metavar="SQL", help="Keep rows for which this SQL expression over columns is true."
)


@click.group(epilog="Example: spandocket spans list --where \"operation_name = 'chat'\" --limit 5")
def spans() -> None:
    """List, show and count canonical spans, duplicates removed."""


@spans.command(
    "list", epilog='Example: spandocket spans list --where "is_error" --limit 20 --format jsonl'
)
@click.option("--trace-id", type=TRACE_ID, metavar="H", help="Spans of this trace alone.")
@click.option("--limit", type=click.IntRange(min=0), help="At most this many spans.")
@where_option
@format_option
@pass_context
def list_spans(
    context: Context,
    trace_id: str | None,
    limit: int | None,
    where: str | None,
    output_format: str | None,
) -> None:
    """List spans in the order of their start times."""
    from cli.frames import canonical_rows
    from span_store.schema import SPANS

    traces = None if trace_id is None else [trace_id]
    frame = context.span_store.scan(
        "spans", project=context.project, where=where, trace_ids=traces
    ).sort("start_time", "trace_id", "span_id")
    if limit is not None:
        frame = frame.head(limit)
    write_rows(canonical_rows(frame.collect(), SPANS), output_format, _TABLE_COLUMNS)


@spans.command(
    "show",
    epilog="Example: spandocket spans show 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7",
)
@click.argument("trace_id", type=TRACE_ID)
@click.argument("span_id", type=SPAN_ID)
@click.option("--explain", is_flag=True, help="Say for each field which attribute it came from.")
@format_option
@pass_context
def show(
    context: Context, trace_id: str, span_id: str, explain: bool, output_format: str | None
) -> None:
    """Show one span with everything that is known about it."""
    import polars as pl

    from cli.frames import canonical_rows
    from span_store.schema import SPANS

    frame: pl.DataFrame = (
        context.span_store.scan("spans", project=context.project, trace_ids=[trace_id])
        .filter(pl.col("span_id") == span_id)
        .collect()
    )
    if frame.is_empty():
        raise click.ClickException(
            f"no span {span_id} of trace {trace_id} in project {context.project!r};"
            f" 'spandocket traces where {trace_id}' says what became of the trace"
        )
    row = next(iter(canonical_rows(frame, SPANS)))
    if not explain:
        write_object(row, output_format)
        return
    explained = list(_explained(row))
    write_rows(explained, output_format, ("field", "value", "source"))


def _explained(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Each field with its value and where it came from; fields nobody filled come last."""
    sources = row["field_sources"] or {}
    told = [
        {"field": name, "value": value, "source": sources.get(name, _origin(name, value))}
        for name, value in row.items()
        if name != "field_sources"
    ]
    return sorted(told, key=lambda entry: entry["value"] is None)


def _origin(name: str, value: Any) -> str | None:
    """Where a field comes from that no attribute gives."""
    if value is None:
        return None
    if name in _FROM_RESOURCE:
        return "resource"
    if name in _DERIVED:
        return "derived"
    return "span"


_FROM_RESOURCE = frozenset(("service_name", "resource_attributes"))
_DERIVED = frozenset(
    (
        "project",
        "received_at",
        "duration_ms",
        "is_error",
        "dialect",
        "finish_reasons",
        "total_tokens",
        "cost_usd",
        "cost_source",
        "time_to_first_chunk_ms",
        "is_streaming",
        "is_model_call",
        "is_tool_call",
        "content_truncated",
    )
)


@spans.command("count", epilog='Example: spandocket spans count --where "is_model_call"')
@where_option
@format_option
@pass_context
def count(context: Context, where: str | None, output_format: str | None) -> None:
    """Count spans."""
    import polars as pl

    frame = context.span_store.scan("spans", project=context.project, where=where)
    number = frame.select(pl.len()).collect().item()
    write_object({"count": number}, output_format)
