"""One call of a model or a tool counted once, however many libraries made a span of it.

Two instrumentations of one call leave two spans: nested, when the inner library sees the outer
one's context, or in two traces that only the provider's response id connects. Whether a span has
such a twin is known when both have arrived, so it is decided when spans are read:

- a model call below another one of the same kind, directly or with spans between that are no tool
  and no agent, whose response ids do not contradict: the outer one counts, because it holds what
  the program asked; when several lie below one span, or the inner one alone knows the usage, the
  outer one is a wrapper, and those below it count;
- model calls with one response id that overlap in time: one that knows the usage counts before
  one that does not, one that an instrumentation made before one that a provider's own client made,
  then the one that began first;
- a tool span below another one of the same tool: a client and a server of the model context
  protocol, or a framework and the client it uses, make two spans of one call. The outer one counts.

Overlap is asked for because ids of test servers repeat.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from span_store.nesting import pairs_of_nested
from span_store.trace_order import order_in_time

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
    "is_tool_call",
    "input_tokens",
    "tool_name",
    "tool_call_id",
)
"""What the decision reads."""

_KEY = ("project", "trace_id", "span_id")
_TRACE = ("project", "trace_id")

_CLIENT_SCOPE = r"^com\.(anthropic|openai)\.(sdk|claude-platform)"
"""Scopes of spans that a provider's own client, or its service, makes by itself."""

_COUNTED = ("is_model_call", "is_tool_call")

_MODEL_BARRIERS = ("execute_tool", "invoke_agent")
"""What a tool or an agent asks a model is another call than the one around the tool or agent."""

_TOOL_BARRIERS = ("chat", "generate_content", "text_completion", "invoke_agent")

_MODULE = r"^.*(?:__|[./:-])"
"""What stands before a tool's own name: a plugin, a server, a namespace."""


def needs_calls(names: Collection[str]) -> bool:
    """Whether any of these columns depends on twins."""
    return not set(_COUNTED).isdisjoint(names)


def uncounted(spans: pl.LazyFrame) -> pl.DataFrame:
    """The keys of calls among ``spans`` that another span already counts.

    Numbers tell first which traces can matter at all, in 33 bytes a call; ids and names are read
    for those alone.
    """
    numbers = _numbers(spans)
    with ThreadPoolExecutor(1, thread_name_prefix="tools") as beside:
        tools_too = beside.submit(_entangled, numbers.filter(~pl.col("is_model")))
        entangled = (_entangled(numbers.filter("is_model")), tools_too.result())
    either = pl.concat(entangled).unique()
    if either.is_empty() and not numbers["has_response"].any():
        return spans.select(_KEY).limit(0).collect()
    calls = (
        spans.select(COLUMNS)
        .filter(
            (pl.col("is_model_call") | pl.col("is_tool_call"))
            & (_TRACE_NUMBER.is_in(either.implode()) | pl.col("response_id").is_not_null())
        )
        .with_columns(
            family=pl.when(pl.col("operation_name").is_in(["embeddings", "rerank"]))
            .then("operation_name")
            .otherwise(pl.lit("chat"))
        )
        .collect(engine="streaming")
    )
    is_model = pl.col("is_model_call").fill_null(value=False)
    inside_model, inside_tool = (_TRACE_NUMBER.is_in(traces.implode()) for traces in entangled)
    models = calls.filter(is_model)
    nested = _nested(models.filter(inside_model), spans)
    answered = models.filter(pl.col("response_id").is_not_null())
    left = answered.join(nested, on=list(_KEY), how="anti") if len(nested) else answered
    tools = _nested_tools(calls.filter(~is_model & inside_tool), spans)
    return pl.concat([nested, _same_response(left), tools])


_TRACE_NUMBER = pl.col("trace_id").hash(0)


def _numbers(spans: pl.LazyFrame) -> pl.DataFrame:
    """Every call as numbers: its time, and hashes of its trace, of itself and of its parent."""
    is_model = pl.col("is_model_call").fill_null(value=False)
    return (
        spans.filter(pl.col("is_model_call") | pl.col("is_tool_call"))
        .select(
            "start_time",
            "end_time",
            is_model=is_model,
            has_response=is_model & pl.col("response_id").is_not_null(),
            trace=_TRACE_NUMBER,
            own=_TRACE_NUMBER ^ pl.col("span_id").hash(1),
            parent=_TRACE_NUMBER ^ pl.col("parent_span_id").hash(1),
        )
        .collect(engine="streaming")
    )


def _entangled(calls: pl.DataFrame) -> pl.Series:
    """The traces in which one call may lie below another one, and hardly more.

    In most traces none does: every call begins when the one before has ended, and none is the
    parent of another.
    """
    # Few spans are parents, and those of one parent stand together as a rule.
    parents = calls["parent"].filter(calls["parent"].ne_missing(calls["parent"].shift()))
    # A child's trace is its parent's: the numbers hold both.
    below = calls["trace"].filter(calls["own"].is_in(parents.implode()))
    ordered = calls.select("trace", "start_time", "end_time")
    order = order_in_time(calls["trace"], calls["start_time"])
    if order is not None:
        ordered = ordered[order]
    start, before = pl.col("start_time"), pl.col("end_time").shift()
    is_apart = (start >= before) & (start != start.shift()) & (before >= start.shift())
    follows = pl.col("trace").eq_missing(pl.col("trace").shift())
    inside = ordered.filter(follows & ~is_apart.fill_null(value=False))["trace"]
    return pl.concat([below, inside]).unique()


def _pairs(calls: pl.DataFrame, spans: pl.LazyFrame, barriers: Collection[str]) -> pl.DataFrame:
    """Calls that lie below another one, with that one's columns after ``_above``."""
    pairs = pairs_of_nested(calls, spans, barriers)
    return calls.join(pairs, on=list(_KEY), how="inner").join(
        calls, left_on=[*_TRACE, "above_id"], right_on=list(_KEY), how="inner", suffix="_above"
    )


def _nested(calls: pl.DataFrame, spans: pl.LazyFrame) -> pl.DataFrame:
    """Losers among model calls that lie below another one of the same kind."""
    pairs = _pairs(calls, spans, _MODEL_BARRIERS).filter(
        (pl.col("family") == pl.col("family_above")) & _same_or_unknown("response_id")
    )
    several = pl.len().over(*_TRACE, "above_id") > 1
    says_more = pl.col("input_tokens").is_not_null() & pl.col("input_tokens_above").is_null()
    loser = pl.when(several | says_more).then("above_id").otherwise("span_id")
    return pairs.select("project", "trace_id", span_id=loser).unique(maintain_order=True)


def _nested_tools(calls: pl.DataFrame, spans: pl.LazyFrame) -> pl.DataFrame:
    """Losers among tool spans: those below another span of the same tool."""
    bare, bare_above = (
        pl.col(name).str.replace(_MODULE, "") for name in ("tool_name", "tool_name_above")
    )
    pairs = _pairs(calls, spans, _TOOL_BARRIERS)
    return pairs.filter((bare == bare_above) & _same_or_unknown("tool_call_id")).select(_KEY)


def _same_or_unknown(name: str) -> pl.Expr:
    one, other = pl.col(name), pl.col(f"{name}_above")
    return (one == other) | one.is_null() | other.is_null()


def _same_response(calls: pl.DataFrame) -> pl.DataFrame:
    """Losers among calls with a response id that share it and overlap in time."""
    group = ["project", "response_id", "family"]
    shared = calls.filter(pl.len().over(group) > 1).sort(
        *group, "start_time", "end_time", "trace_id", "span_id"
    )
    before = pl.col("end_time").cum_max().shift(1).over(group)
    apart = (pl.col("start_time") > before).fill_null(value=True)
    return (
        shared.with_columns(apart=apart)
        .with_columns(
            cluster=pl.col("apart").cum_sum().over(group),
            knows_no_usage=pl.col("input_tokens").is_null(),
            of_client=pl.col("scope_name").fill_null("").str.contains(_CLIENT_SCOPE),
        )
        .sort("knows_no_usage", "of_client", "start_time", "trace_id", "span_id")
        .filter(pl.int_range(pl.len()).over(*group, "cluster") > 0)
        .select(_KEY)
    )


def counted_once(spans: pl.LazyFrame, losers: pl.DataFrame) -> pl.LazyFrame:
    """``is_model_call`` and ``is_tool_call`` made false for the losers."""
    if losers.is_empty():
        return spans
    names = spans.collect_schema().names()
    marked = losers.with_columns(counted_elsewhere=pl.lit(value=True)).lazy()
    first = pl.col("counted_elsewhere").is_null()
    return (
        spans.join(marked, on=list(_KEY), how="left")
        .with_columns((pl.col(name) & first).alias(name) for name in _COUNTED if name in names)
        .select(names)
    )
