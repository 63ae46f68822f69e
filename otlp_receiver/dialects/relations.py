"""What one span tells about another, as rows of the contents table.

The Vercel AI SDK writes the requested schema on the outer span, LiteLLM on the raw request below
its call; some agent frameworks write the offered tools on the agent's span alone. The two spans
may arrive in different requests, so nothing is copied here: the rows are joined to the spans they
tell about when spans are read.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl

from otlp_receiver.dialects.answers import told_answers
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.names import RAW_REQUEST
from otlp_receiver.dialects.neighbours import neighbour_rows
from otlp_receiver.dialects.transforms import TRANSFORMS
from span_store.answers import ANSWER
from span_store.contents import BELOW
from span_store.schema import CONTENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from otlp_receiver.dialects.attributes import AttributeTable

_OUTER_DIALECTS = ("E1", "E2")
"""Libraries whose outer span says what the calls below it were asked for."""

_AGENT_DIALECTS = ("K",)
_AGENT_SCOPE = "agent_framework"
"""Libraries that name the offered tools on the agent's span, for all calls that it makes.

Not Semantic Kernel, whose loops name what they offer: see ``neighbours.py``."""

_RUN_DIALECTS = ("F2", "F3+")
"""Libraries that write no messages on a call that failed, but those of the run that it ended."""

_CALL_DIALECTS = ("J1", "J2")
"""Libraries that write messages on the calls alone, whose parent is the agent's span."""

_TELLING = {"N", *_OUTER_DIALECTS, *_AGENT_DIALECTS, *_RUN_DIALECTS, *_CALL_DIALECTS}
"""Dialects whose spans tell of others by their columns."""

_ASKED = ("output_schema", "output_type")

_NONE = pl.DataFrame(schema=CONTENTS.polars)


def relation_rows(spans: pl.DataFrame, table: AttributeTable, kept: np.ndarray) -> pl.DataFrame:
    """Rows of the contents table that the kept ones of these canonical spans give for others."""
    rows = [*_answers(spans, table, kept), *_of_tools(spans, table, kept)]
    for owner, field, fragment, key in neighbour_rows(spans, table, kept):
        span = spans.row(owner, named=True)
        rows.append(_row(span, field, span["span_id"], fragment, key))
    if _TELLING.isdisjoint(spans["dialect"].unique().to_list()) and not (
        (spans["scope_name"] == _AGENT_SCOPE).any()
    ):
        return pl.DataFrame(rows, schema=CONTENTS.polars, orient="row") if rows else _NONE
    sent = spans.filter(pl.Series(kept))
    rows += [*_asked(sent), *_of_agents(sent), *_of_checks(spans, table, kept)]
    return pl.DataFrame(rows, schema=CONTENTS.polars, orient="row") if rows else _NONE


def _answers(
    spans: pl.DataFrame, table: AttributeTable, kept: np.ndarray
) -> Iterator[dict[str, Any]]:
    """What a chain's step tells about the answer of the call inside of it, or beside it."""
    for owner, is_inside, key, fields in told_answers(table, spans, kept):
        span = spans.row(owner, named=True)
        target = span["span_id"] if is_inside else span["parent_span_id"]
        if target:
            yield _row(span, BELOW + ANSWER, target, dumps(fields), key)


def _of_tools(
    spans: pl.DataFrame, table: AttributeTable, kept: np.ndarray
) -> Iterator[dict[str, Any]]:
    """LangGraph's node of a call names the arguments; the tool's span may hold one bare."""
    at = table.positions("input.value")
    if not len(at):
        return
    told = table.texts_at(at).str.contains(_ONE_CALL).fill_null(value=False).to_numpy()
    for row in at[told].tolist():
        owner = int(table.owner[row])
        arguments = _only_arguments(table.text[row])
        if kept[owner] and arguments is not None:
            span = spans.row(owner, named=True)
            field = BELOW + "tool_arguments"
            yield _row(span, field, span["span_id"], arguments, "input.value")


_ONE_CALL = r'^\[\{.*"type": ?"tool_call"\}\]$'


def _only_arguments(text: str) -> str | None:
    """The arguments of the only tool call in a list."""
    try:
        (call,) = loads(text)
        arguments = call["args"]
    except (ValueError, TypeError, KeyError):
        return None
    return dumps(arguments) if isinstance(arguments, dict) and arguments else None


def _of_checks(
    spans: pl.DataFrame, table: AttributeTable, kept: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Strands' check of a structured answer names the schema that the call beside it has."""
    key = "gen_ai.tool.json_schema"
    at = table.positions(key)
    checks = (spans["operation_name"] == "validate_output").fill_null(value=False).to_numpy()
    for row in at[checks[table.owner[at]]].tolist():
        owner = int(table.owner[row])
        span = spans.row(owner, named=True)
        schema = TRANSFORMS["schema"](table.text[row])
        target = span["parent_span_id"]
        if not kept[owner] or schema is None or target is None:
            continue
        tool = {"type": "function", "name": span["tool_name"], "parameters": loads(schema)}
        yield _row(span, BELOW + "output_schema", target, schema, key)
        yield _row(span, BELOW + "output_type", target, '"json"', key)
        # Where the agent's span names its tools, they stand.
        definition = _row(span, BELOW + "tool_definitions", target, dumps(tool), key)
        yield definition | {"is_fragment": True}


def _of_agents(spans: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """What a call tells about the agent above it: how the agent's run began, and how it ended."""
    calls = spans.filter(
        pl.col("dialect").is_in(_CALL_DIALECTS)
        & pl.col("is_model_call")
        & pl.col("parent_span_id").is_not_null()
    )
    for span in calls.select(*_READ, "output_messages").iter_rows(named=True):
        target = span["parent_span_id"]
        if span["input_messages"] is not None and _ends_with_user(span["input_messages"]):
            yield from _asked_of(span, "", target, ("input_messages",))
        if span["output_messages"] is not None and not _TOOL_CALL.search(span["output_messages"]):
            yield from _asked_of(span, "", target, ("output_messages",))


_TOOL_CALL = re.compile(r'"type": ?"tool_call"')


def _ends_with_user(messages: str) -> bool:
    """Whether the last of these messages is one that a user said."""
    return bool(loads(messages)[-1]["role"] == "user")


def _asked(spans: pl.DataFrame) -> list[dict[str, Any]]:
    """What a call was asked for that another span tells."""
    told = spans.select(
        outer=pl.col("dialect").is_in(_OUTER_DIALECTS)
        & ~pl.col("is_model_call")
        & pl.any_horizontal(pl.col(name).is_not_null() for name in _ASKED)
        & (pl.col("operation_name") != "execute_tool").fill_null(value=True),
        raw=(pl.col("dialect") == "N")
        & (pl.col("name") == RAW_REQUEST)
        & pl.col("parent_span_id").is_not_null()
        & pl.col("output_schema").is_not_null(),
        agent=pl.col("tool_definitions").is_not_null()
        & (pl.col("operation_name") == "invoke_agent")
        & (pl.col("dialect").is_in(_AGENT_DIALECTS) | (pl.col("scope_name") == _AGENT_SCOPE)),
    )
    told = told.with_columns(
        spans.select(
            run=pl.col("input_messages").is_not_null()
            & pl.col("is_error")
            & (pl.col("operation_name") == "invoke_agent")
            & pl.col("dialect").is_in(_RUN_DIALECTS)
        ).to_series()
    )
    rows: list[dict[str, Any]] = []
    for name, prefix, target, fields in (
        ("outer", BELOW, "span_id", _ASKED),
        ("raw", "", "parent_span_id", _ASKED),
        ("agent", BELOW, "span_id", ("tool_definitions",)),
        ("run", BELOW, "span_id", ("input_messages", "system_instructions")),
    ):
        at = told[name].fill_null(value=False).arg_true()
        if len(at):
            for span in spans.select(_READ)[at].iter_rows(named=True):
                rows += _asked_of(span, prefix, span[target], fields)
    return rows


_READ = (
    "project",
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_time",
    "received_at",
    "field_sources",
    "tool_definitions",
    "input_messages",
    "system_instructions",
    *_ASKED,
)


def _asked_of(
    span: dict[str, Any], prefix: str, target: str, fields: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """One row a field that the span tells about its target."""
    sources = loads(span["field_sources"] or "{}")
    for field in fields:
        value = span[field]
        if value is None:
            continue
        fragment = dumps(value) if field == "output_type" else value
        yield _row(span, prefix + field, target, fragment, sources.get(field, field))


def _row(span: dict[str, Any], field: str, target: str, fragment: str, key: str) -> dict[str, Any]:
    """One row of the contents table that a span gives."""
    said = "\0".join((span["trace_id"], span["span_id"], field, fragment))
    return {
        "project": span["project"],
        "content_id": blake2b(said.encode(), digest_size=16).hexdigest(),
        "trace_id": span["trace_id"],
        "span_id": target,
        "field": field,
        "position": 0,
        "time": span["start_time"],
        "received_at": span["received_at"],
        "fragment": fragment,
        "is_fragment": False,
        "source": f"span {span['span_id']}:{key}",
    }
