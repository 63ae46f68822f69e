"""One call of a model counted once, however many libraries made a span of it.

Two instrumentations of one call leave two spans: nested, when the inner library sees the outer
one's context, or in two traces that only the provider's response id connects. Whether a span has
such a twin is known when both have arrived, so it is decided when spans are read:

- a model call directly below another one of the same kind, whose response ids do not contradict:
  the outer one counts, because it holds what the program asked; when several lie below one span,
  or the inner one alone knows the usage, the outer one is a wrapper, and those below it count;
- model calls with one response id that overlap in time: one that an instrumentation made counts
  before one that a provider's own client made, then the one that began first.

Overlap is asked for because ids of test servers repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

COLUMNS = (
    "project",
    "trace_id",
    "span_id",
    "parent_span_id",
    "operation_name",
    "response_id",
    "scope_name",
    "start_time",
    "end_time",
    "is_model_call",
    "input_tokens",
)
"""What the decision reads."""

_KEY = ("project", "trace_id", "span_id")

_CLIENT_SCOPE = r"^com\.(anthropic|openai)\.sdk"
"""Scopes of spans that a provider's own client makes without any instrumentation."""


def needs_calls(names: Collection[str]) -> bool:
    """Whether any of these columns depends on twins."""
    return "is_model_call" in names


def uncounted(spans: pl.LazyFrame) -> pl.DataFrame:
    """The keys of model calls among ``spans`` that another span already counts."""
    calls = (
        spans.select(COLUMNS)
        .filter(pl.col("is_model_call"))
        .with_columns(
            family=pl.when(pl.col("operation_name").is_in(["embeddings", "rerank"]))
            .then("operation_name")
            .otherwise(pl.lit("chat"))
        )
        .collect(engine="streaming")
    )
    nested = _nested(calls)
    left = calls.join(nested, on=list(_KEY), how="anti") if len(nested) else calls
    return pl.concat([nested, _same_response(left)])


def _nested(calls: pl.DataFrame) -> pl.DataFrame:
    """Losers among calls that lie directly below another call of the same kind."""
    below = calls.filter(pl.col("parent_span_id").is_not_null())
    pairs = below.join(
        calls,
        left_on=["project", "trace_id", "parent_span_id"],
        right_on=list(_KEY),
        how="inner",
        suffix="_above",
    ).filter(
        (pl.col("family") == pl.col("family_above"))
        & (
            (pl.col("response_id") == pl.col("response_id_above"))
            | pl.col("response_id").is_null()
            | pl.col("response_id_above").is_null()
        )
    )
    several = pl.len().over("project", "trace_id", "parent_span_id") > 1
    says_more = pl.col("input_tokens").is_not_null() & pl.col("input_tokens_above").is_null()
    loser = pl.when(several | says_more).then("parent_span_id").otherwise("span_id")
    return pairs.select("project", "trace_id", span_id=loser).unique(maintain_order=True)


def _same_response(calls: pl.DataFrame) -> pl.DataFrame:
    """Losers among calls that share a response id and overlap in time."""
    group = ["project", "response_id", "family"]
    shared = calls.filter(pl.col("response_id").is_not_null() & (pl.len().over(group) > 1)).sort(
        *group, "start_time", "end_time", "trace_id", "span_id"
    )
    before = pl.col("end_time").cum_max().shift(1).over(group)
    apart = (pl.col("start_time") > before).fill_null(value=True)
    return (
        shared.with_columns(apart=apart)
        .with_columns(
            cluster=pl.col("apart").cum_sum().over(group),
            of_client=pl.col("scope_name").fill_null("").str.contains(_CLIENT_SCOPE),
        )
        .sort("of_client", "start_time", "trace_id", "span_id")
        .filter(pl.int_range(pl.len()).over(*group, "cluster") > 0)
        .select(_KEY)
    )


def counted_once(spans: pl.LazyFrame, losers: pl.DataFrame) -> pl.LazyFrame:
    """``is_model_call`` made false for the losers."""
    if losers.is_empty():
        return spans
    names = spans.collect_schema().names()
    marked = losers.with_columns(counted_elsewhere=pl.lit(value=True)).lazy()
    return (
        spans.join(marked, on=list(_KEY), how="left")
        .with_columns(is_model_call=pl.col("is_model_call") & pl.col("counted_elsewhere").is_null())
        .select(names)
    )
