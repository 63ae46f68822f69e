"""Filters of live queues and declared detectors: SQL over trace facts, decisions and scores.

The columns are those of the ``traces`` table, and

``detectors``            the detectors that matched: ``array_contains(detectors, 'refusal')``
``scored_by``            the evaluators that scored the trace or one of its spans
``"decision:DETECTOR"``  matched, ambiguous, no_match or skipped
``"score:EVALUATOR"``    the evaluator's latest numeric score of the trace, else of its spans
``"label:EVALUATOR"``    the evaluator's latest label
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from span_store.errors import UnknownColumnError
from span_store.filters import applying, condition, parse_filter
from span_store.schema import TIME_COLUMNS, TRACES, Form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIXES = ("score:", "label:", "decision:")


def compile_trace_filter(filter_sql: str, extra: Sequence[str] = ()) -> pl.Expr:
    """Turn a SQL boolean expression over trace facts into a Polars expression.

    ``extra`` names the ``score:``, ``label:`` and ``decision:`` columns at hand. A score of an
    evaluator that has not scored anything yet is unknown, not an error.
    Raises :class:`UnknownColumnError` with the nearest names and InvalidFilterError.
    """
    expression = parse_filter(filter_sql, TRACES.of_form(Form.TIME))
    names = set(expression.meta.root_names())
    types: dict[str, pl.DataType] = dict(trace_types())
    known = [*types, *extra]
    for name in sorted(names - set(known)):
        if not name.startswith(PREFIXES) or not name.partition(":")[2]:
            raise UnknownColumnError(name, "trace facts", known)
    types |= {name: _kind(name) for name in names if name.startswith(PREFIXES)}
    return condition(expression, filter_sql, types)


def matching(facts: pl.DataFrame, filter_sql: str | None) -> frozenset[str]:
    """The ids of the traces that a filter lets through; without a filter, all of them.

    Raises as :func:`compile_trace_filter` does, and InvalidFilterError where the filter cannot
    take a value that it meets.
    """
    if not filter_sql:
        return frozenset(facts["trace_id"].to_list())
    expression = compile_trace_filter(filter_sql, facts.columns)
    missing = [name for name in expression.meta.root_names() if name not in facts.columns]
    frame = facts.with_columns(pl.lit(None, dtype=_kind(name)).alias(name) for name in missing)
    with applying(filter_sql):
        return frozenset(frame.filter(expression)["trace_id"].to_list())


def business_weights(facts: pl.DataFrame, weights: Mapping[str, float]) -> dict[str, float]:
    """For each trace that some filter lets through, the product of the filters' weights."""
    products: dict[str, float] = {}
    for filter_sql, weight in sorted(weights.items()):
        for trace_id in matching(facts, filter_sql):
            products[trace_id] = products.get(trace_id, 1.0) * float(weight)
    return products


def decisions_read(filters: Sequence[str | None]) -> list[str]:
    """The detectors whose ``decision:`` columns some of these filters read."""
    names = {
        name
        for filter_sql in filters
        if filter_sql
        for name in compile_trace_filter(filter_sql).meta.root_names()
    }
    return sorted(name.partition(":")[2] for name in names if name.startswith("decision:"))


def trace_types() -> dict[str, pl.DataType]:
    """The columns that every trace has, by type; times are ``Datetime("ns", "UTC")``."""
    types: dict[str, pl.DataType] = dict(TRACES.polars)
    types |= dict.fromkeys(TIME_COLUMNS["traces"], pl.Datetime("ns", "UTC"))
    return types | {"scored_by": pl.List(pl.String())}


def _kind(name: str) -> pl.DataType:
    return pl.Float64() if name.startswith("score:") else pl.String()
