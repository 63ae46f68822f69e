"""Trace assembly: spans in, one row of facts a trace out.

Usage, cost and time to first chunk are summed over **leaf model calls** only: the spans that
count for a call of a model. Wrapper and agent spans repeat what their children used.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from span_store.durations import milliseconds

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
    "is_tool_call",
    "content_truncated",
    "dropped_events_count",
)
"""The span columns that assembly reads; none of them holds content."""


def _is_tool() -> pl.Expr:
    """Whether the span counts as a tool's call; older rows do not say it."""
    return pl.coalesce("is_tool_call", pl.col("operation_name") == "execute_tool")


METRICS = ("duration_ms", "time_to_first_chunk_ms", "total_tokens", "cost_usd")
"""The resource metrics of a trace."""


def assemble(spans: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """One row a trace, sorted by trace id.

    ``spans`` holds :data:`LIGHT_COLUMNS`, times as integer nanoseconds, duplicates removed.
    The answer holds the trace facts of ``span_store.schema.TRACES`` that follow from spans alone,
    and ``first_received_at``, ``model_call_error_count`` and ``digest`` (a hash of the spans).
    Grouping is by a 64-bit hash of the trace id: eight bytes compare faster than 32. The engine
    that works in memory adds numbers up in the order of the rows, so that sums are the same bytes
    in every run; the streaming one adds them up in the order in which its threads finish.
    """
    frame = spans.lazy().with_columns(key=pl.col("trace_id").hash(0)).collect(engine=_ENGINE)
    buckets = 1 + frame.height // _SPANS_AT_ONCE
    if buckets == 1:
        return _assembled(frame).sort("trace_id")
    parts = [_assembled(frame.filter(frame["key"] % buckets == part)) for part in range(buckets)]
    return pl.concat(parts).sort("trace_id")


def _assembled(frame: pl.DataFrame) -> pl.DataFrame:
    """Whole traces, in no order."""
    model = frame.select(*_CALL_COLUMNS, "key").filter(
        frame["is_model_call"].fill_null(value=False)
    )
    is_error = pl.col("is_error").fill_null(value=False)
    rolled = (
        frame.lazy()
        .group_by("key")
        .agg(
            trace_id=pl.col("trace_id").first(),
            start_time=pl.col("start_time").min(),
            end_time=pl.col("end_time").max(),
            first_received_at=pl.col("received_at").min(),
            received_at=pl.col("received_at").max(),
            conversation_id=pl.col("conversation_id").min(),
            user_id=pl.col("user_id").min(),
            span_count=pl.len().cast(pl.Int64),
            tool_call_count=_is_tool().sum().cast(pl.Int64),
            error_count=is_error.sum().cast(pl.Int64),
            content_truncated=pl.col("content_truncated").max().fill_null(value=False),
            digest=_digest().sum(),
        )
        .collect(engine=_ENGINE)
    )
    return (
        rolled.lazy()
        .join(_calls(model).lazy(), on="key", how="left")
        .join(_roots(frame, rolled["key"]).lazy(), on="key", how="left")
        .join(_most_used(model, "request_model").lazy(), on="key", how="left")
        .join(_most_used(model, "provider_name").lazy(), on="key", how="left")
        .with_columns(
            pl.col("model_call_count", "model_call_error_count").fill_null(0),
            is_error=pl.col("root_is_error").fill_null(pl.col("error_count") > 0),
            operation_name=pl.coalesce("operation_name", "call_operation"),
            agent_name=pl.coalesce("agent_name", "any_agent"),
            duration_ms=pl.when(pl.col("end_time") >= pl.col("start_time")).then(
                milliseconds(pl.col("start_time"), pl.col("end_time"))
            ),
        )
        .drop("key", "root_is_error", "call_operation", "any_agent")
        .collect(engine=_ENGINE)
    )


_SPANS_AT_ONCE = 1_500_000
"""More are put together part by part, because the steps between need several times their room."""

_ENGINE: Literal["in-memory"] = "in-memory"


_CALL_COLUMNS = (
    "span_id",
    "start_time",
    "is_error",
    "operation_name",
    "provider_name",
    "request_model",
    "finish_reasons",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "time_to_first_chunk_ms",
    "is_streaming",
    "dropped_events_count",
)


def _calls(model: pl.DataFrame) -> pl.DataFrame:
    """What the model calls of a trace used, and how the last one ended."""
    measured = pl.col("is_streaming") & (pl.col("dropped_events_count").fill_null(0) == 0)
    sums = ("input_tokens", "output_tokens", "total_tokens", "cost_usd")
    return (
        model.lazy()
        .select(
            "key",
            "start_time",
            "span_id",
            *sums,
            pl.col("is_error").fill_null(value=False),
            finish_reason=pl.col("finish_reasons").list.first(),
            call_operation=pl.col("operation_name"),
            time_to_first_chunk_ms=pl.when(measured).then("time_to_first_chunk_ms"),
        )
        .sort("start_time", "span_id")
        .group_by("key", maintain_order=True)
        .agg(
            # The sum of what is known; null when nothing is.
            *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()) for name in sums),
            time_to_first_chunk_ms=pl.col("time_to_first_chunk_ms").max(),
            model_call_count=pl.len().cast(pl.Int64),
            model_call_error_count=pl.col("is_error").sum().cast(pl.Int64),
            finish_reason=pl.col("finish_reason").last(),
            call_operation=pl.col("call_operation").first(),
        )
        .collect(engine=_ENGINE)
    )


def _digest() -> pl.Expr:
    """A number per span that does not depend on the machine or the library's version."""
    identity = pl.col("span_id").str.decode("hex", strict=False).bin.slice(0, 8)
    number = identity.bin.reinterpret(dtype=pl.UInt64, endianness="big").fill_null(0)
    ended = pl.col("end_time").fill_null(0).cast(pl.UInt64, strict=False).fill_null(0)
    return number ^ (ended * 2)


def _roots(frame: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """The root of every trace; where none was seen, the earliest span names the trace."""
    columns = ("key", "name", "service_name", "operation_name", "agent_name")
    order = ("start_time", "span_id", "is_error")
    roots = frame.select(*columns, *order).filter(frame["parent_span_id"].is_null())
    own = _first(roots).select(
        *columns,
        root_span_id="span_id",
        root_is_error=pl.col("is_error").fill_null(value=False),
    )
    agents = _first(
        frame.select("key", "start_time", "span_id", any_agent="agent_name").drop_nulls("any_agent")
    ).select("key", "any_agent")
    if own.height == len(keys):
        return own.join(agents, on="key", how="left")
    without = keys.to_frame().join(own, on="key", how="anti")
    rootless = frame.select(*columns, *order).join(without, on="key", how="semi")
    other = _first(rootless).select(
        *columns,
        root_span_id=pl.lit(None, dtype=pl.String),
        root_is_error=pl.lit(None, dtype=pl.Boolean),
    )
    return pl.concat([own, other]).join(agents, on="key", how="left")


def _first(frame: pl.DataFrame) -> pl.DataFrame:
    """The row of each trace that began first; only traces with several rows are sorted."""
    is_one_of_several = frame["key"].is_duplicated()
    several = frame.filter(is_one_of_several).sort("start_time", "span_id")
    return pl.concat(
        [
            frame.filter(~is_one_of_several),
            several.unique("key", keep="first", maintain_order=True),
        ]
    )


def _most_used(model: pl.DataFrame, column: str) -> pl.DataFrame:
    """The most frequent value a trace; the alphabetically first one among equals."""
    counted = (
        model.lazy()
        .filter(pl.col(column).is_not_null())
        .group_by("key", column)
        .len()
        .collect(engine=_ENGINE)
    )
    is_one_of_several = counted["key"].is_duplicated()
    several = counted.filter(is_one_of_several).sort(["len", column], descending=[True, False])
    return pl.concat(
        [
            counted.filter(~is_one_of_several),
            several.unique("key", keep="first", maintain_order=True),
        ]
    ).select("key", column)
