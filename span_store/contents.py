"""Message content that came in log records, joined onto the spans it belongs to.

Logs travel apart from spans and may come before or after them, so the join is made when the spans
are read. A span's own content is never replaced. Pieces of one field are ordered by their choice,
then by time; pieces that are elements are strung together into a list, of whole values the last
one stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

CONTENT_FIELDS = ("input_messages", "output_messages", "system_instructions", "tool_definitions")
"""The span columns that content from logs can fill."""

CHOICE_STRIDE = 1_000_000
"""``position`` is the choice's number times this, plus the piece's place in its request."""

_KEY = ("project", "trace_id", "span_id")


def needs_contents(names: Collection[str]) -> bool:
    """Whether any of these columns can be filled from logs."""
    return not set(CONTENT_FIELDS).isdisjoint(names) or "finish_reasons" in names


def with_contents(spans: pl.LazyFrame, contents: pl.LazyFrame) -> pl.LazyFrame:
    """Fill the null content columns of ``spans`` from the rows of the contents table."""
    filled = _by_span(contents)
    names = spans.collect_schema().names()
    present = [name for name in CONTENT_FIELDS if name in names]
    renamed = filled.rename({name: f"{name}_from_logs" for name in CONTENT_FIELDS})
    return (
        spans.join(renamed, on=list(_KEY), how="left")
        .with_columns(pl.coalesce(name, f"{name}_from_logs").alias(name) for name in present)
        .with_columns(
            [_finish_reasons()] if {"finish_reasons", "output_messages"} <= set(names) else []
        )
        .select(names)
    )


def _by_span(contents: pl.LazyFrame) -> pl.LazyFrame:
    """One row a span with a column for each content field."""
    fragment = pl.col("fragment")
    strung = pl.concat_str(
        pl.lit("["), fragment.filter(pl.col("is_fragment")).str.join(","), pl.lit("]")
    )
    whole = fragment.filter(~pl.col("is_fragment")).last()
    by_field = (
        contents.with_columns(choice=pl.col("position") // CHOICE_STRIDE)
        .sort("choice", "time", "received_at", "position")
        .group_by([*_KEY, "field"], maintain_order=True)
        .agg(value=pl.when((~pl.col("is_fragment")).any()).then(whole).otherwise(strung))
    )
    return by_field.group_by(list(_KEY)).agg(
        pl.col("value").filter(pl.col("field") == name).first().alias(name)
        for name in CONTENT_FIELDS
    )


def _finish_reasons() -> pl.Expr:
    """Finish reasons of the output messages, where the span itself names none."""
    told = pl.col("output_messages").str.extract_all(r'[,{]\s*"finish_reason":\s*"[^"\\]+"')
    words = told.list.eval(pl.element().str.extract(r':\s*"([^"]+)"$'))
    given = pl.col("finish_reasons")
    return (
        pl.when(given.is_null() & (words.list.len() > 0))
        .then(words)
        .otherwise(given)
        .alias("finish_reasons")
    )
