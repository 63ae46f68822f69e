"""The tools that were offered in the calls of Semantic Kernel's loop, told by the loop's span.

The loop around the calls names the functions that it offers, the agent's span above it defines
them. The loop offers them in every call, but for the one with which it ends when the model asked
for functions as often as is allowed: the kernel allows five times unless a program says otherwise.
"""

from __future__ import annotations

import json
from functools import cache

import polars as pl

OFFERED = "offered_functions"
"""The field of rows that name the functions offered in the calls directly below the span."""

AT_HAND = "functions_at_hand"
"""The field of rows that define the functions which an agent has at hand."""

_KEY = ("project", "trace_id", "span_id")
_TRACE = ("project", "trace_id")

_ROUNDS_MAX = 5


def offered_tools(rows: pl.DataFrame, spans: pl.LazyFrame) -> pl.DataFrame:
    """Rows of definitions for the calls below the loops that ``rows`` tell about."""
    offers = rows.filter(pl.col("field") == OFFERED)
    if offers.is_empty():
        return rows.clear()
    every = (
        spans.select(*_KEY, "parent_span_id", "start_time", "is_model_call", "finish_reasons")
        .join(offers.select(_TRACE).unique().lazy(), on=list(_TRACE), how="semi")
        .collect(engine="streaming")
    )
    at_hand = rows.filter(pl.col("field") == AT_HAND).select(
        *_TRACE, agent="span_id", definitions="fragment"
    )
    loops = offers.join(
        every.select(*_KEY, agent="parent_span_id"), on=list(_KEY), how="left"
    ).join(at_hand.unique([*_TRACE, "agent"]), on=[*_TRACE, "agent"], how="left")
    calls = every.filter("is_model_call").select(
        *_TRACE, "start_time", "finish_reasons", call="span_id", span_id="parent_span_id"
    )
    asked = pl.col("finish_reasons").list.contains("tool_call").fill_null(value=False)
    before = pl.col("start_time").rank("ordinal").over(_KEY) - 1
    reached = loops.join(calls, on=list(_KEY), how="inner").filter(asked | (before != _ROUNDS_MAX))
    definitions = [
        _defined(*said) for said in reached.select("fragment", "definitions").iter_rows()
    ]
    return reached.with_columns(
        span_id=pl.col("call"),
        field=pl.lit("tool_definitions"),
        fragment=pl.Series(definitions, dtype=pl.String),
    ).select(rows.columns)


@cache
def _defined(names: str, definitions: str | None) -> str:
    """The definitions of these functions, as a JSON list; those without one by their name."""
    known = {}
    for definition in json.loads(definitions or "[]"):
        known[definition.get("name")] = definition
    wanted = [known.get(name, {"type": "function", "name": name}) for name in json.loads(names)]
    return json.dumps(wanted, ensure_ascii=False, separators=(",", ":"))
