"""Rules over whole columns: token totals, the first chunk, what counts as a model call."""

from __future__ import annotations

from functools import cache

import polars as pl

from otlp_receiver.dialects.told_reasons import told_reasons
from span_store.durations import milliseconds


def finish(frame: pl.DataFrame) -> list[pl.Series]:
    """Columns that depend on others and on the masks of ``marks.py``; see each function."""
    first, second, third = _stages()
    frame = frame.with_columns(told_reasons(frame["finish_reasons"], frame["output_messages"]))
    done = frame.lazy().with_columns(first).with_columns(second).with_columns(third)
    # The optimizer finds nothing here to do, and takes longer than the work on few spans.
    return done.select(_RESULTS).collect(optimizations=_AS_WRITTEN).get_columns()


_AS_WRITTEN = pl.QueryOptFlags.none()


_RESULTS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "is_streaming",
    "time_to_first_chunk_ms",
    "is_model_call",
    "is_tool_call",
    "duration_ms",
    "cost_usd",
    "cost_source",
    "content_truncated",
    "finish_reasons",
)


@cache
def _stages() -> tuple[list[pl.Expr], list[pl.Expr], list[pl.Expr]]:
    """The expressions, each stage using the columns of the one before."""
    return (
        [_tokens(), _output(), _streaming(), _model_call(), _tool_call(), _duration()],
        [_total(), _first_chunk(), _cost(), _truncated()],
        [_failed_finish(), _cost_source()],
    )


def _tokens() -> pl.Expr:
    """Input includes what was cached; a library that sends it exclusive sends less than that."""
    cached = pl.sum_horizontal("cache_read_tokens", "cache_write_tokens")
    given = pl.col("input_tokens")
    return (
        pl.when(pl.col("exclusive_input") | (given < cached))
        .then(given + cached)
        .otherwise(given)
        .alias("input_tokens")
    )


def _output() -> pl.Expr:
    """Output includes reasoning; a library that sends it exclusive may send less than that.

    Google's ADK adds reasoning that LiteLLM's output holds already.
    """
    given, reasoning = pl.col("output_tokens"), pl.col("reasoning_tokens")
    through_litellm = pl.col("of_adk") & pl.col("request_model").str.contains("/", literal=True)
    twice = through_litellm & ~pl.col("provider_name").str.starts_with("gcp").fill_null(value=True)
    return (
        pl.when(twice & (given >= 2 * reasoning))
        .then(given - reasoning)
        .when(given < reasoning)
        .then(given + reasoning)
        .otherwise(given)
        .alias("output_tokens")
    )


def _total() -> pl.Expr:
    """As reported, else input plus output; one alone when only one is known."""
    both = pl.sum_horizontal("input_tokens", "output_tokens")
    known = pl.col("input_tokens").is_not_null() | pl.col("output_tokens").is_not_null()
    return (
        pl.when(pl.col("total_tokens").is_not_null())
        .then(pl.max_horizontal("total_tokens", pl.when(known).then(both)))
        .when(known)
        .then(both)
        .alias("total_tokens")
    )


def _streaming() -> pl.Expr:
    """As sent, else what its absence means: some libraries send the flag only when streaming.

    LangChain's parameters say ``stream: false`` whether the answer is streamed or not.
    """
    given = pl.col("is_streaming")
    return (
        pl.when("of_langchain")
        .then(pl.when(given).then(given))
        .when("streamed_log")
        .then(pl.lit(value=True))
        .when((pl.col("first_chunk") > 0) & pl.col("asks"))
        .then(pl.lit(value=True))
        .when(given.is_not_null())
        .then(given)
        .when(pl.col("of_vercel") & pl.col("asks"))
        .then("streams_by_name")
        .when("silent")
        .then(pl.lit(value=False))
        .otherwise(None)
        .alias("is_streaming")
    )


def _duration() -> pl.Expr:
    """End minus start; Logfire's record of a finished stream has no length but says it."""
    said = pl.when("answer_log").then(pl.col("log_seconds") * 1000.0)
    return pl.coalesce(said, "duration_ms").alias("duration_ms")


def _first_chunk() -> pl.Expr:
    """Reported, else from the first chunk event; only for streams, and not after lost events."""
    start = pl.when(pl.col("start_time") > 0).then("start_time")
    seen = pl.when((pl.col("first_chunk") > 0) & (pl.col("dropped_events_count") == 0)).then(
        milliseconds(start, pl.col("first_chunk"))
    )
    said = milliseconds(start, pl.col("said_first"))
    value = pl.coalesce("time_to_first_chunk_ms", said, seen)
    plausible = pl.col("is_streaming") | (
        pl.col("is_streaming").is_null() & (value < pl.col("duration_ms"))
    )
    return pl.when(plausible & (value >= 0)).then(value).alias("time_to_first_chunk_ms")


def _model_call() -> pl.Expr:
    """Spans that stand for one call of a model.

    Outer spans of the Vercel AI SDK, LiteLLM's raw request below its own span, what LlamaIndex
    does before a call, and Logfire's request span of a stream, whose answer is a record of its
    own, repeat a call.
    """
    opened = (
        pl.col("request_span")
        & pl.col("output_tokens").is_null()
        & pl.col("output_messages").is_null()
        & ~pl.col("is_error")
    )
    repeats = pl.col("outer") | pl.col("raw") | pl.col("helper") | opened
    return (pl.col("asks") & ~repeats).alias("is_model_call")


def _tool_call() -> pl.Expr:
    """Tool spans; Google's ADK adds one for the merged answers of parallel calls."""
    merged = pl.coalesce("tool_name", "name").str.contains("(merged tools)", literal=True)
    return (pl.col("runs_tool") & ~merged.fill_null(value=False)).alias("is_tool_call")


def _cost() -> pl.Expr:
    """As reported; libraries that know no price report 0, which says nothing."""
    return pl.when(pl.col("cost_usd") > 0).then("cost_usd").alias("cost_usd")


def _cost_source() -> pl.Expr:
    return pl.when(pl.col("cost_usd").is_not_null()).then(pl.lit("reported")).alias("cost_source")


def _failed_finish() -> pl.Expr:
    """A model call that failed stopped because of an error, when nothing else is said."""
    failed = pl.col("finish_reasons").is_null() & pl.col("is_model_call") & pl.col("is_error")
    return (
        pl.when(failed)
        .then(pl.concat_list(pl.lit("error")))
        .otherwise("finish_reasons")
        .alias("finish_reasons")
    )


def _truncated() -> pl.Expr:
    lost = (pl.col("dropped_attributes_count") > 0) & pl.col("operation_name").is_not_null()
    return (pl.col("truncated") | lost).alias("content_truncated")
