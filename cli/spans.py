"""``spandocket spans``: list, show and count canonical spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.hex_ids import SPAN_ID, TRACE_ID
from cli.output import LIMIT_MAX, format_option, write_object, write_rows

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
@click.option("--limit", type=click.IntRange(0, LIMIT_MAX), help="At most this many spans.")
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
    from span_store.filters import applying
    from span_store.plain_rows import canonical_rows
    from span_store.schema import SPANS

    traces = None if trace_id is None else [trace_id]
    frame = context.span_store.scan(
        "spans", project=context.project, where=where, trace_ids=traces
    ).sort("start_time", "trace_id", "span_id")
    if limit is not None:
        frame = frame.head(limit)
    with applying(where):
        found = frame.collect()
    write_rows(canonical_rows(found, SPANS), output_format, _TABLE_COLUMNS)


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

    from span_store.plain_rows import canonical_rows
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
        {"field": name, "value": value, "source": _source(name, row, sources)}
        for name, value in row.items()
        if name != "field_sources"
    ]
    return sorted(told, key=lambda entry: entry["value"] is None)


def _source(name: str, row: dict[str, Any], sources: dict[str, str]) -> str | None:
    """What a field's value came from; None where there is no value."""
    return None if row[name] is None else sources.get(name) or _origin(name, row)


def _origin(name: str, row: dict[str, Any]) -> str:
    """Where a field comes from that no attribute gives."""
    value = row[name]
    if name == "finish_reasons":
        return "is_error" if value == ["error"] and row["is_error"] else "output_messages"
    if name == "cost_usd":
        return "the price list at start_time, by model and tokens"
    return _DERIVED.get(name, "span")


_DERIVED = {
    "project": "the token or header of the request",
    "received_at": "the receiver's clock",
    "service_name": "resource: service.name",
    "resource_attributes": "resource",
    "scope_name": "scope",
    "duration_ms": "end_time - start_time",
    "is_error": "error_source",
    "error_source": "status, error.type, exception events, levels, logs",
    "error_type": "status_message",
    "dialect": "scope, keys and names",
    "total_tokens": "input_tokens + output_tokens",
    "cost_source": "cost_usd",
    "time_to_first_chunk_ms": "the first chunk's event or time",
    "is_streaming": "the span's name, or the absence of a flag that the library would send",
    "is_model_call": "operation_name, and the spans around it",
    "is_tool_call": "operation_name, and the spans around it",
    "content_truncated": "dropped counts, gaps, JSON that was cut",
    "attributes": "the attributes that no column took",
}


@spans.command("count", epilog='Example: spandocket spans count --where "is_model_call"')
@where_option
@format_option
@pass_context
def count(context: Context, where: str | None, output_format: str | None) -> None:
    """Count spans."""
    import polars as pl

    from span_store.filters import applying

    frame = context.span_store.scan("spans", project=context.project, where=where)
    with applying(where):
        number = frame.select(pl.len()).collect().item()
    write_object({"count": number}, output_format)
