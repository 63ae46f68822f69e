"""Rules over whole columns: token totals, the first chunk, what counts as a model call."""

from __future__ import annotations

import polars as pl

from otlp_receiver.dialects.detection import CODES
from otlp_receiver.dialects.operations import MODEL_OPERATIONS

_FLATTENING = [CODES.index(code) for code in ("C1", "D")]


def finish(frame: pl.DataFrame) -> list[pl.Series]:
    """Columns that depend on others; see each function."""
    return (
        frame.lazy()
        .with_columns(_tokens())
        .with_columns(
            _total(),
            _streaming(),
            _first_chunk(),
            _model_call(),
            _cost_source(),
            _truncated(),
            _finish_reasons(),
        )
        .select(
            "input_tokens",
            "total_tokens",
            "is_streaming",
            "time_to_first_chunk_ms",
            "is_model_call",
            "cost_usd",
            "cost_source",
            "content_truncated",
            "finish_reasons",
        )
        .collect()
        .get_columns()
    )


def _tokens() -> pl.Expr:
    """Input includes what was cached; a library that sends it exclusive sends less than that."""
    cached = pl.sum_horizontal("cache_read_tokens", "cache_write_tokens")
    given = pl.col("input_tokens")
    return pl.when(given < cached).then(given + cached).otherwise(given).alias("input_tokens")


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
    return pl.col("is_streaming")


def _first_chunk() -> pl.Expr:
    """Reported, else from the first chunk event; only for streams, and not after lost events."""
    sent = pl.col("time_to_first_chunk_ms")
    seen = pl.when((pl.col("first_chunk") > 0) & (pl.col("dropped_events_count") == 0)).then(
        (pl.col("first_chunk") - pl.col("start_time")) / 1_000_000
    )
    value = pl.coalesce(sent, seen)
    plausible = pl.col("is_streaming") | (
        pl.col("is_streaming").is_null() & (value < pl.col("duration_ms"))
    )
    return pl.when(plausible & (value >= 0)).then(value).alias("time_to_first_chunk_ms")


def _model_call() -> pl.Expr:
    asks = pl.col("operation_name").is_in(list(MODEL_OPERATIONS))
    return asks.fill_null(value=False).alias("is_model_call")


def _cost_source() -> pl.Expr:
    return pl.when(pl.col("cost_usd").is_not_null()).then(pl.lit("reported")).alias("cost_source")


def _truncated() -> pl.Expr:
    lost = (pl.col("dropped_attributes_count") > 0) & pl.col("operation_name").is_not_null()
    return (pl.col("truncated") | lost).alias("content_truncated")


def _finish_reasons() -> pl.Expr:
    """As sent, else those of the output messages, already folded.

    A quote inside a text is escaped, so the pattern cannot match inside one.
    """
    told = pl.col("output_messages").str.extract_all(r'[,{]\s*"finish_reason":\s*"[^"\\]+"')
    words = told.list.eval(pl.element().str.extract(r':\s*"([^"]+)"$'))
    given = pl.col("finish_reasons")
    return (
        pl.when(given.is_not_null())
        .then(given)
        .when(words.list.len() > 0)
        .then(words)
        .alias("finish_reasons")
    )
