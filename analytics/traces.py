"""Trace assembly: spans in, one row of facts a trace out.

Usage, cost and time to first chunk are summed over **leaf model calls** only: the spans that
count for a call of a model. Wrapper and agent spans repeat what their children used.
"""

from __future__ import annotations

import polars as pl

LIGHT_COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "start_time",
    "end_time",
    "received_at",
    "is_error",
    "service_name",
    "operation_name",
    "provider_name",
    "request_model",
    "conversation_id",
    "user_id",
    "agent_name",
    "tool_name",
    "finish_reasons",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "time_to_first_chunk_ms",
    "is_streaming",
    "is_model_call",
    "content_truncated",
    "dropped_events_count",
)
"""The span columns that assembly reads; none of them holds content."""

METRICS = ("duration_ms", "time_to_first_chunk_ms", "total_tokens", "cost_usd")
"""The resource metrics of a trace."""


def assemble(spans: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """One row a trace, sorted by trace id.

    ``spans`` holds :data:`LIGHT_COLUMNS`, times as integer nanoseconds, duplicates removed.
    The answer holds the trace facts of ``span_store.schema.TRACES`` that follow from spans alone,
    and ``first_received_at``, ``model_call_error_count`` and ``digest`` (a hash of the spans).
    """
    frame = spans.lazy()
    is_model = pl.col("is_model_call").fill_null(value=False)
    is_tool = pl.col("operation_name") == "execute_tool"
    is_error = pl.col("is_error").fill_null(value=False)
    model = frame.filter(is_model)
    rolled = frame.group_by("trace_id").agg(
        start_time=pl.col("start_time").min(),
        end_time=pl.col("end_time").max(),
        first_received_at=pl.col("received_at").min(),
        received_at=pl.col("received_at").max(),
        conversation_id=pl.col("conversation_id").drop_nulls().min(),
        user_id=pl.col("user_id").drop_nulls().min(),
        span_count=pl.len().cast(pl.Int64),
        tool_call_count=is_tool.sum().cast(pl.Int64),
        error_count=is_error.sum().cast(pl.Int64),
        content_truncated=pl.col("content_truncated").fill_null(value=False).any(),
        digest=_digest().sum(),
    )
    calls = model.group_by("trace_id").agg(
        time_to_first_chunk_ms=pl.col("time_to_first_chunk_ms")
        .filter(pl.col("is_streaming") & (pl.col("dropped_events_count").fill_null(0) == 0))
        .max(),
        input_tokens=_known_sum("input_tokens"),
        output_tokens=_known_sum("output_tokens"),
        total_tokens=_known_sum("total_tokens"),
        cost_usd=_known_sum("cost_usd"),
        model_call_count=pl.len().cast(pl.Int64),
        model_call_error_count=is_error.sum().cast(pl.Int64),
        finish_reason=pl.col("finish_reasons").sort_by("end_time", "span_id").last().list.first(),
        call_operation=pl.col("operation_name").sort_by("start_time", "span_id").first(),
        call_agent=pl.col("agent_name").drop_nulls().min(),
    )
    return (
        rolled.join(calls, on="trace_id", how="left")
        .join(_roots(frame), on="trace_id", how="left")
        .join(_most_used(model, "request_model"), on="trace_id", how="left")
        .join(_most_used(model, "provider_name"), on="trace_id", how="left")
        .with_columns(
            pl.col("model_call_count", "model_call_error_count").fill_null(0),
            is_error=pl.col("root_is_error").fill_null(pl.col("error_count") > 0),
            operation_name=pl.coalesce("operation_name", "call_operation"),
            agent_name=pl.coalesce("agent_name", "call_agent"),
            duration_ms=pl.when(pl.col("end_time") >= pl.col("start_time")).then(
                (pl.col("end_time") - pl.col("start_time")) / 1e6
            ),
        )
        .drop("root_is_error", "call_operation", "call_agent")
        .sort("trace_id")
        .collect()
    )


def _known_sum(column: str) -> pl.Expr:
    """The sum of what is known; null when nothing is."""
    return pl.when(pl.col(column).is_not_null().any()).then(pl.col(column).sum())


def _digest() -> pl.Expr:
    """A number per span that does not depend on the machine or the library's version."""
    identity = pl.col("span_id").str.decode("hex", strict=False).bin.slice(0, 8)
    number = identity.bin.reinterpret(dtype=pl.UInt64, endianness="big").fill_null(0)
    ended = pl.col("end_time").fill_null(0).cast(pl.UInt64, strict=False).fill_null(0)
    return number ^ (ended * 2)


def _roots(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The root of every trace; where none was seen, the earliest span names the trace."""
    first = frame.with_columns(is_root=pl.col("parent_span_id").is_null()).sort(
        ["trace_id", "is_root", "start_time", "span_id"], descending=[False, True, False, False]
    )
    return first.group_by("trace_id", maintain_order=True).agg(
        root_span_id=pl.when(pl.col("is_root").first()).then(pl.col("span_id").first()),
        root_is_error=pl.when(pl.col("is_root").first()).then(
            pl.col("is_error").first().fill_null(value=False)
        ),
        name=pl.col("name").first(),
        service_name=pl.col("service_name").first(),
        operation_name=pl.col("operation_name").first(),
        agent_name=pl.col("agent_name").drop_nulls().first(),
    )


def _most_used(model: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """The most frequent value a trace; the alphabetically first one among equals."""
    return (
        model.filter(pl.col(column).is_not_null())
        .group_by("trace_id", column)
        .len()
        .sort(["trace_id", "len", column], descending=[False, True, False])
        .group_by("trace_id", maintain_order=True)
        .agg(pl.col(column).first())
    )
