"""What log records and other spans tell about a span, joined onto it when spans are read.

Logs travel apart from spans, and so do the spans of one call: what belongs to a span may come
before or after it. A row of the contents table names the span that it tells about and the column
that it fills. A span's own value is never replaced. Pieces of one field are ordered by their
choice, then by time; pieces that are elements are strung together into a list, of whole values
the last one stands.

A field with the prefix ``below.`` is meant for the model calls below the named span: a library
that writes the requested schema on an outer span knows no ids of the calls inside. Others ask for
something: see ``first_calls.py``, ``offered_tools.py`` and ``histories.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from span_store.answers import ANSWER, ANSWER_FIELDS, answered
from span_store.first_calls import FIRST, first_calls
from span_store.histories import LOST, told_calls, with_histories
from span_store.offered_tools import AT_HAND, OFFERED, offered_tools
from span_store.schema import SPANS, Form

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

CONTENT_FIELDS = (
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
    "tool_arguments",
    "tool_result",
    "output_schema",
    "output_type",
    "error_type",
    "cache_read_tokens",
    "reasoning_tokens",
    "response_id",
    "response_model",
    "finish_reasons",
)
"""The span columns that rows of the contents table can fill."""

BELOW = "below."
"""Prefix of a field that is meant for the model calls below the span."""

_FOLLOWING = {
    "finish_reasons": ("finish_reasons", "output_messages"),
    "is_error": ("error_type",),
    "error_source": ("error_type",),
}
"""Columns that change with filled ones."""

CHOICE_STRIDE = 1_000_000
"""``position`` is the choice's number times this, plus the piece's place in its request."""

_KEY = ("project", "trace_id", "span_id")

_DEPTH_MAX = 3
"""How many spans may lie between a span and the model calls that its words are meant for."""

_NOT_THROUGH = ("execute_tool", "invoke_agent")
"""Operations whose inner calls are asked for something of their own."""


def needs_contents(names: Collection[str]) -> bool:
    """Whether any of these columns can be filled from the contents table."""
    return bool(_wanted(names))


def _wanted(names: Collection[str]) -> list[str]:
    """The fields that matter when these columns are read."""
    if "field_sources" in names:
        return [*CONTENT_FIELDS]
    needed = {field for name in names for field in _FOLLOWING.get(name, (name,))}
    return [name for name in CONTENT_FIELDS if name in needed]


def with_contents(
    spans: pl.LazyFrame,
    contents: pl.LazyFrame,
    needed: Collection[str] | None = None,
    received_between: Callable[[int, int], pl.LazyFrame] | None = None,
) -> pl.LazyFrame:
    """Fill the null columns of ``spans`` from the rows of the contents table.

    ``needed`` names the columns that will be read; all when it is None. ``received_between`` gives
    rows of the contents table by time where ``contents`` holds those of some traces alone.
    """
    names = spans.collect_schema().names()
    wanted = _wanted(names if needed is None else needed)
    if not wanted:
        return spans
    rows = _asking(contents, wanted)
    filled = _by_span(_addressed(contents, rows, spans, wanted), wanted)
    told = [name for name in wanted if name in names]
    logs = {name: pl.col(f"{name}_told") for name in told}
    steps: list[pl.Expr] = []
    if "field_sources" in names and (needed is None or "field_sources" in needed):
        steps.append(_sources(told, names))
    if "error_type" in wanted:
        steps += _failed(names)
    steps += [pl.coalesce(_said(name, logs[name], names), logs[name]).alias(name) for name in told]
    frame = spans.join(filled, on=list(_KEY), how="left").with_columns(steps)
    if {"finish_reasons", "output_messages"} <= set(names) and "output_messages" in told:
        frame = frame.with_columns(_finish_reasons())
    frame = frame.select(names)
    lost = rows.filter(pl.col("field") == LOST)
    calls = told_calls(lost, received_between or (lambda _since, _until: contents))
    return frame if calls is None else with_histories(frame, calls)


def _said(name: str, told: pl.Expr, names: Collection[str]) -> pl.Expr:
    """What the span itself says, but for what says nothing when something else is told.

    An answer without any part says nothing, nor does an argument without its name, nor the model
    asked for in place of the one that answered.
    """
    own = pl.col(name)
    match name:
        case "output_messages":
            says = ~own.str.contains(_EMPTY_ANSWER)
        case "tool_arguments":
            # A single argument that was sent without its name.
            says = ~(own.str.starts_with('"') & told.str.contains(own, literal=True))
        case "response_model" if "request_model" in names:
            says = own != pl.col("request_model")
        case _:
            return own
    return pl.when(told.is_null() | says).then(own)


_REPLACED = ("output_messages", "response_model", "tool_arguments")
"""Columns of which a span may say something that says nothing."""

_EMPTY_ANSWER = r'^\[\{"role": ?"assistant", ?"parts": ?\[\](, ?"finish_reason": ?"\w+")?\}\]$'


def _failed(names: Collection[str]) -> list[pl.Expr]:
    """A log that tells an error's type says that the span failed."""
    failed = pl.col("error_type_told").is_not_null()
    silent = failed & ~pl.col("is_error").fill_null(value=False)
    changed = {
        "is_error": pl.col("is_error") | failed,
        "error_source": pl.when(silent).then(pl.lit("log")).otherwise("error_source"),
    }
    return [changed[name].alias(name) for name in changed if name in names]


def _asking(contents: pl.LazyFrame, wanted: Sequence[str]) -> pl.DataFrame:
    """The rows that name another span than the one they fill, for these fields."""
    fields = [*(BELOW + name for name in wanted), *(FIRST + name for name in wanted)]
    if not set(wanted).isdisjoint(ANSWER_FIELDS):
        fields.append(BELOW + ANSWER)
    if "tool_definitions" in wanted:
        fields += [OFFERED, AT_HAND]
    if "input_messages" in wanted:
        fields.append(LOST)
    return contents.filter(pl.col("field").is_in(fields)).collect(engine="streaming")


def _addressed(
    contents: pl.LazyFrame, rows: pl.DataFrame, spans: pl.LazyFrame, wanted: Sequence[str]
) -> pl.LazyFrame:
    """The rows for these fields, those for other spans addressed to each of them."""
    own = contents.filter(pl.col("field").is_in(wanted))
    if rows.is_empty():
        return own
    above = rows.filter(pl.col("field").str.starts_with(BELOW))
    down = _handed_down(above, spans).with_columns(pl.col("field").str.strip_prefix(BELOW))
    parts = [
        down.filter(pl.col("field") != ANSWER),
        answered(down.filter(pl.col("field") == ANSWER), wanted),
        first_calls(rows, spans, contents, _handed_to),
        offered_tools(rows, spans),
    ]
    columns = own.collect_schema().names()
    told = pl.concat([part.select(columns) for part in parts])
    return own if told.is_empty() else pl.concat([own, told.lazy()])


def _handed_down(above: pl.DataFrame, spans: pl.LazyFrame) -> pl.DataFrame:
    """Rows that name a span, addressed to the nearest calls below it, or to itself if it is one.

    Some libraries make the next step a part of the call. Arguments are for calls of tools, all
    else for calls of models.
    """
    of_tools = pl.col("field") == BELOW + "tool_arguments"
    found = [
        _handed_to(above.filter(holds), spans, column)
        for holds, column in ((of_tools, "is_tool_call"), (~of_tools, "is_model_call"))
    ]
    return pl.concat(found)


_OF_CALL = ("call_response_id", "call_start")


def _handed_to(above: pl.DataFrame, spans: pl.LazyFrame, wanted: str) -> pl.DataFrame:
    """Rows addressed to the nearest spans of the wanted kind, at or below the span they name."""
    if above.is_empty():
        return above.with_columns(
            call_response_id=pl.lit(None, pl.String), call_start=pl.lit(None, pl.Int64)
        )
    traces = above.select("project", "trace_id").unique().lazy()
    every = (
        spans.select(
            *_KEY,
            "parent_span_id",
            "operation_name",
            call_response_id="response_id",
            call_start="start_time",
            is_wanted=pl.col(wanted).fill_null(value=False),
        )
        .join(traces, on=["project", "trace_id"], how="semi")
        .collect(engine="streaming")
    )
    calls = every.filter("is_wanted").select(*_KEY, *_OF_CALL)
    found = above.join(calls, on=list(_KEY), how="inner")
    above = above.join(calls, on=list(_KEY), how="anti")
    family = every.filter(pl.col("parent_span_id").is_not_null()).rename(
        {"span_id": "inner_id", "parent_span_id": "span_id"}
    )
    for _ in range(_DEPTH_MAX):
        reached = above.join(family, on=list(_KEY), how="inner").with_columns(
            span_id=pl.col("inner_id")
        )
        calls = reached.filter("is_wanted")
        found = pl.concat([found, calls.select(*above.columns, *_OF_CALL)])
        through = ~pl.col("operation_name").is_in(_NOT_THROUGH).fill_null(value=False)
        above = reached.filter(~pl.col("is_wanted") & through).select(above.columns)
        if above.is_empty():
            break
    return found


def _by_span(contents: pl.LazyFrame, wanted: Sequence[str]) -> pl.LazyFrame:
    """One row a span with a column for each field, and what it came from."""
    fragment = pl.col("fragment")
    strung = pl.concat_str(
        pl.lit("["), fragment.filter(pl.col("is_fragment")).str.join(","), pl.lit("]")
    )
    is_whole = ~pl.col("is_fragment")
    whole = fragment.filter(is_whole).last()
    by_field = (
        contents.with_columns(choice=pl.col("position") // CHOICE_STRIDE)
        .sort("choice", "time", "received_at", "position")
        .group_by([*_KEY, "field"], maintain_order=True)
        .agg(
            value=pl.when(is_whole.any()).then(whole).otherwise(strung),
            source=pl.coalesce(pl.col("source").filter(is_whole).last(), pl.col("source").last()),
        )
    )
    of_field = {name: pl.col("field") == name for name in wanted}
    return by_field.group_by(list(_KEY)).agg(
        *(
            _typed(pl.col("value").filter(holds).first(), name).alias(f"{name}_told")
            for name, holds in of_field.items()
        ),
        *(
            pl.col("source").filter(holds).first().alias(f"{name}_source")
            for name, holds in of_field.items()
        ),
    )


def _typed(value: pl.Expr, name: str) -> pl.Expr:
    """A JSON text as the column's own type."""
    match _FORMS[name]:
        case Form.TEXT:
            is_text = value.str.contains(r'^"(?:[^"\\]|\\.)*"$')
            return pl.when(is_text).then(value).str.json_decode(pl.String())
        case Form.INTEGER:
            return value.cast(pl.Int64, strict=False)
        case Form.TEXTS:
            are_texts = value.str.contains(r'^\["(?:[^"\\]|\\.)*"(?:,"(?:[^"\\]|\\.)*")*\]$')
            return pl.when(are_texts).then(value).str.json_decode(pl.List(pl.String()))
        case _:
            return value


_FORMS = {column.name: column.form for column in SPANS.columns}


def _sources(told: Sequence[str], names: Collection[str]) -> pl.Expr:
    """The span's own list of sources, with those of the fields that were filled."""
    filled = {
        name: _said(name, pl.col(f"{name}_told"), names).is_null()
        & pl.col(f"{name}_told").is_not_null()
        for name in told
    }
    added = pl.concat_str(
        [
            pl.when(filled[name])
            .then(
                pl.concat_str(
                    pl.lit(f',"{name}":"'), pl.col(f"{name}_source").fill_null("log"), pl.lit('"')
                )
            )
            .otherwise(pl.lit(""))
            for name in told
        ]
    )
    own = pl.col("field_sources").fill_null("{}").str.strip_suffix("}")
    for name in _REPLACED:
        if name in filled:
            without = own.str.replace(rf'"{name}":"[^"]*",?', "").str.strip_suffix(",")
            own = pl.when(filled[name]).then(without).otherwise(own)
    joined = pl.concat_str(own, added, pl.lit("}"))
    return (
        pl.when(added != "")
        .then(joined.str.replace("{,", "{", literal=True))
        .otherwise("field_sources")
        .alias("field_sources")
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
