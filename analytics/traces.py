"""Trace assembly: spans in, one row of facts a trace out.

Usage, cost and time to first chunk are summed over **leaf model calls** only: the spans that
count for a call of a model. Wrapper and agent spans repeat what their children used.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from analytics.groups import Groups, taken
from span_store.durations import milliseconds
from span_store.trace_order import trace_keys, trace_order

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
    The rows are put in the order of their traces, each trace's in order of time, and everything
    is added up in that order, so that sums are the same bytes in every run.
    """
    frame = spans.lazy().collect()
    keys = trace_keys(frame["trace_id"])
    buckets = 1 + frame.height // _SPANS_AT_ONCE
    if buckets == 1:
        return _assembled(frame, keys).sort("trace_id")
    number = keys % buckets
    parts = [
        _assembled(frame.filter(number == part), keys.filter(number == part))
        for part in range(buckets)
    ]
    return pl.concat(parts).sort("trace_id")


_SPANS_AT_ONCE = 1_500_000
"""More are put together part by part, because the steps between need several times their room."""


def _assembled(frame: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """Whole traces, in no order."""
    order = trace_order(keys, frame["start_time"], frame["span_id"])
    number = keys.to_numpy()
    traces = Groups(number if order is None else number[order], order)
    is_call = frame["is_model_call"]
    answers, calls = traces.alone(frame.select(_OF_CALLS), is_call)
    # Lists are copied slowly: of these only the last ones are.
    endings = frame["finish_reasons"], traces.within(is_call).last()
    # NumPy and Polars let go of the interpreter while they work, each on one thread.
    with ThreadPoolExecutor(2, thread_name_prefix="assemble") as threads:
        used = threads.submit(_used, answers, calls, *endings)
        rolled = threads.submit(_rolled, frame, traces)
        roots = threads.submit(_roots, frame, traces)
        asked = threads.submit(_asked, answers, calls)
        columns = [
            rolled.result(),
            calls.spread(used.result(), len(traces)),
            roots.result(),
            calls.spread(asked.result(), len(traces)),
        ]
    return (
        pl.concat(columns, how="horizontal")
        .with_columns(
            pl.col("model_call_count", "model_call_error_count").fill_null(0),
            is_error=pl.col("root_is_error").fill_null(pl.col("error_count") > 0),
            operation_name=pl.coalesce("operation_name", "call_operation"),
            agent_name=pl.coalesce("agent_name", "any_agent"),
            duration_ms=pl.when(pl.col("end_time") >= pl.col("start_time")).then(
                milliseconds(pl.col("start_time"), pl.col("end_time"))
            ),
        )
        .drop("root_is_error", "call_operation", "any_agent")
    )


_OF_CALLS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "is_error",
    "operation_name",
    "time_to_first_chunk_ms",
    "is_streaming",
    "dropped_events_count",
    "request_model",
    "provider_name",
)
"""What is asked about model calls alone."""


def _rolled(frame: pl.DataFrame, traces: Groups) -> pl.DataFrame:
    """What is told of all spans of each trace together."""
    is_tool = frame.select(_is_tool()).to_series()
    return pl.DataFrame(
        {
            "trace_id": taken([frame["trace_id"]], traces.first())[0],
            "start_time": traces.least(frame["start_time"]),
            "end_time": traces.greatest(frame["end_time"]),
            "first_received_at": traces.least(frame["received_at"]),
            "received_at": traces.greatest(frame["received_at"]),
            "conversation_id": _least_text(traces, frame["conversation_id"]),
            "user_id": _least_text(traces, frame["user_id"]),
            "span_count": traces.sizes,
            "tool_call_count": traces.count(is_tool),
            "error_count": traces.count(frame["is_error"]),
            "content_truncated": traces.count(frame["content_truncated"]) > 0,
            "digest": traces.total(_digests(frame)),
        }
    )


def _used(frame: pl.DataFrame, calls: Groups, reasons: pl.Series, last: pl.Series) -> pl.DataFrame:
    """What the model calls of each trace used, and how the last one ended.

    ``reasons`` are the finish reasons of all spans, ``last`` where the last call's stand in there.
    """
    sums = ("input_tokens", "output_tokens", "total_tokens", "cost_usd")
    (endings,) = taken([reasons], last)
    (operation,) = taken([frame["operation_name"]], calls.first())
    return pl.DataFrame(
        [
            *(calls.total(frame[name]) for name in sums),
            _longest_wait(frame, calls),
            pl.Series("model_call_count", calls.sizes),
            calls.count(frame["is_error"]).alias("model_call_error_count"),
            endings.list.first().alias("finish_reason"),
            operation.alias("call_operation"),
        ]
    )


def _asked(frame: pl.DataFrame, calls: Groups) -> pl.DataFrame:
    """Which model of which provider was asked most."""
    return pl.DataFrame(
        [_most_used(calls, frame[name]) for name in ("request_model", "provider_name")]
    )


def _longest_wait(frame: pl.DataFrame, calls: Groups) -> pl.Series:
    """The longest time to a first chunk that was measured."""
    name = "time_to_first_chunk_ms"
    measured = pl.col("is_streaming") & (pl.col("dropped_events_count").fill_null(0) == 0)
    waited = frame.select(pl.when(measured).then(name)).to_series()
    timed = calls.within(waited.is_not_null())
    rows = pl.DataFrame({"group": timed.numbers, "value": timed.column(waited)})
    longest = rows.group_by("group", maintain_order=True).agg(pl.col("value").max())
    return timed.spread(longest.select(pl.col("value").alias(name)), len(calls)).to_series()


def _digests(frame: pl.DataFrame) -> pl.Series:
    """A number per span that does not depend on the machine or the library's version."""
    ids = frame["span_id"]
    # What comes before the digits, as a sign does, would be read as a part of the number.
    if (ids.str.len_bytes() == _HEX_DIGITS).all() and not (ids < "0").any():
        number = ids.str.to_integer(base=16, dtype=pl.UInt64, strict=False)
    else:
        identity = ids.str.decode("hex", strict=False).bin.slice(0, 8)
        number = identity.bin.reinterpret(dtype=pl.UInt64, endianness="big")
    ended = frame["end_time"].fill_null(0).cast(pl.UInt64, strict=False).fill_null(0)
    return number.fill_null(0) ^ (ended * 2)


_HEX_DIGITS = 16


def _roots(frame: pl.DataFrame, traces: Groups) -> pl.DataFrame:
    """The root of every trace; where none was seen, the earliest span names the trace."""
    root = traces.first(frame["parent_span_id"].is_null())
    names = root if not root.null_count() else root.fill_null(traces.first())
    agents, _ = traces.alike(frame["agent_name"])
    named = ("name", "service_name", "operation_name", "agent_name")
    ids, errors = taken([frame["span_id"], frame["is_error"].fill_null(value=False)], root)
    return pl.DataFrame(
        [
            *taken([frame[name] for name in named], names),
            ids.alias("root_span_id"),
            errors.alias("root_is_error"),
            agents.alias("any_agent"),
        ]
    )


def _least_text(groups: Groups, column: pl.Series) -> pl.Series:
    """The alphabetically first value of each group."""
    found, several = groups.alike(column)
    if several.is_empty():
        return found
    return _replaced(found, several.group_by("group").agg(pl.col("value").min()))


def _most_used(groups: Groups, column: pl.Series) -> pl.Series:
    """The most frequent value of each group; the alphabetically first one among equals."""
    found, several = groups.alike(column)
    if several.is_empty():
        return found
    most = (
        several.group_by("group", "value")
        .len()
        .sort("group", "len", "value", descending=[False, True, False])
        .unique("group", keep="first", maintain_order=True)
    )
    return _replaced(found, most)


def _replaced(found: pl.Series, others: pl.DataFrame) -> pl.Series:
    """Values of some groups put in their places."""
    every = pl.DataFrame({"group": np.arange(len(found)), "found": found})
    joined = every.join(
        others.select("group", "value"), on="group", how="left", maintain_order="left"
    )
    return joined.select(pl.coalesce("value", "found").alias(found.name)).to_series()
