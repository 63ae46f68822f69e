"""What an agent was asked, told by the first of its calls: the agent's own span does not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = "first."
"""Prefix of a field that the named span takes from the first model call below it."""

_KEY = ("project", "trace_id", "span_id")


def first_calls(
    rows: pl.DataFrame,
    spans: pl.LazyFrame,
    contents: pl.LazyFrame,
    handed_to: Callable[[pl.DataFrame, pl.LazyFrame, str], pl.DataFrame],
) -> pl.DataFrame:
    """Rows with the words of the first calls, addressed to the spans that ``rows`` name.

    ``handed_to`` addresses rows to the nearest calls below, with ``call_start``.
    """
    asking = rows.filter(pl.col("field").str.starts_with(FIRST))
    if asking.is_empty():
        return rows.clear()
    asking = asking.with_columns(pl.col("field").str.strip_prefix(FIRST), origin=pl.col("span_id"))
    first = (
        handed_to(asking, spans, "is_model_call")
        .sort("call_start", "span_id")
        .unique(["project", "trace_id", "origin", "field"], keep="first", maintain_order=True)
    )
    if first.is_empty():
        return rows.clear()
    targets = first.select(*_KEY, "field", "origin").lazy()
    told = (
        contents.select(rows.columns)
        .join(targets, on=[*_KEY, "field"], how="inner")
        .with_columns(span_id=pl.col("origin"))
        .select(rows.columns)
        .collect(engine="streaming")
    )
    return pl.concat(
        [told, *(_own_words(first, spans, name, rows.columns) for name in _names(first))]
    )


def _names(first: pl.DataFrame) -> list[str]:
    return first["field"].unique().sort().to_list()


def _own_words(
    first: pl.DataFrame, spans: pl.LazyFrame, name: str, columns: list[str]
) -> pl.DataFrame:
    """What the calls' own spans say of one field."""
    asked = first.filter(pl.col("field") == name)
    said = (
        spans.select(*_KEY, said=name)
        .join(asked.select(_KEY).lazy(), on=list(_KEY), how="semi")
        .filter(pl.col("said").is_not_null())
        .collect(engine="streaming")
    )
    source = pl.concat_str(pl.lit("span "), "span_id", pl.lit(f":{name}"))
    return (
        asked.join(said, on=list(_KEY), how="inner")
        .with_columns(
            fragment=pl.col("said"),
            is_fragment=pl.lit(value=False),
            source=source,
        )
        .with_columns(span_id=pl.col("origin"))
        .select(columns)
    )
