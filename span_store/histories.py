"""Tool calls that a library leaves out of a conversation's history, told by the answers before.

OpenLIT writes a tool's result into the messages of the next call, and not the model's message
that asked for it. That message is the answer of an earlier call, often in a trace of its own: it
is found by the id of the tool call, of equal ids the last one before.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOST = "lost_calls"
"""The field of rows that list the ids of tool calls which the span's history lacks."""

SAID = "said_calls"
"""The field of rows that hold an answer with tool calls."""

NEAR_NANOSECONDS = 3_600 * 10**9
"""How far apart an answer and the history that lacks it may be received."""

_KEY = ("project", "trace_id", "span_id")

Message = dict[str, Any]


def told_calls(
    lost: pl.DataFrame, answers: Callable[[int, int], pl.LazyFrame]
) -> pl.DataFrame | None:
    """For each span that lacks some calls the messages that made them; None when none is known.

    ``answers`` gives the rows of the contents table that were received between two times.
    """
    if lost.is_empty():
        return None
    since, until = lost["received_at"].min(), lost["received_at"].max()
    assert isinstance(since, int)
    assert isinstance(until, int)
    said = (
        answers(since - NEAR_NANOSECONDS, until + NEAR_NANOSECONDS)
        .filter(pl.col("field") == SAID)
        .select("project", "span_id", "time", "fragment")
        .collect(engine="streaming")
        .sort("time", "span_id")
    )
    known: dict[tuple[str, str], list[tuple[int, str, Message]]] = {}
    for project, span, time, text in said.iter_rows():
        for message in json.loads(text):
            for identity in call_ids([message]):
                known.setdefault((project, identity), []).append((time, span, message))
    rows = [
        {**{name: row[name] for name in _KEY}, "told_calls": json.dumps(found)}
        for row in lost.iter_rows(named=True)
        if (found := _before(row, known))
    ]
    schema = dict.fromkeys((*_KEY, "told_calls"), pl.String)
    return pl.DataFrame(rows, schema=schema).unique(list(_KEY)) if rows else None


def _before(
    row: dict[str, Any], known: dict[tuple[str, str], list[tuple[int, str, Message]]]
) -> dict[str, Message]:
    """The message that made each lost call: the last one before the span that lacks it."""
    found = {}
    for identity in json.loads(row["fragment"]):
        earlier = [
            message
            for time, span, message in known.get((row["project"], identity), ())
            if time <= row["time"] and span != row["span_id"]
        ]
        if earlier:
            found[identity] = earlier[-1]
    return found


def with_histories(frame: pl.LazyFrame, told: pl.DataFrame) -> pl.LazyFrame:
    """The spans with the told messages put into their histories."""
    names = frame.collect_schema().names()
    joined = frame.join(told.lazy(), on=list(_KEY), how="left")
    both = pl.struct("input_messages", "told_calls")
    steps = [both.map_batches(_all_whole, return_dtype=pl.String).alias("input_messages")]
    if "field_sources" in names:
        sources = pl.col("field_sources")
        added = sources.str.replace(
            r'("input_messages":"[^"]*)"', r'${1}, tool calls from the answers before"'
        )
        steps.append(
            pl.when(pl.col("told_calls").is_not_null())
            .then(added)
            .otherwise(sources)
            .alias("field_sources")
        )
    return joined.with_columns(steps).select(names)


def _all_whole(both: pl.Series) -> pl.Series:
    """The histories, made whole where something is told."""
    said = both.struct.field("input_messages")
    told = both.struct.field("told_calls")
    at = (said.is_not_null() & told.is_not_null()).arg_true()
    if at.is_empty():
        return said
    made = [
        _whole(messages, json.loads(calls))
        for messages, calls in zip(said[at].to_list(), told[at].to_list(), strict=True)
    ]
    return said.scatter(at, pl.Series(made, dtype=pl.String))


def _whole(text: str, told: dict[str, Message]) -> str:
    """One history with the messages that made the calls before their first results."""
    made: list[Message] = []
    placed: list[Message] = []
    for message in json.loads(text):
        for identity in response_ids([message]):
            asking = told.get(identity)
            if asking is None or asking in placed:
                continue
            placed.append(asking)
            calls = [part for part in asking["parts"] if part.get("type") == "tool_call"]
            before = made[-1] if made else {}
            if before.get("role") == "assistant" and not call_ids([before]):
                made[-1] = before | {"parts": [*before["parts"], *calls]}
            else:
                made.append({"role": "assistant", "parts": asking["parts"]})
        made.append(message)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))


def call_ids(messages: Iterable[Message]) -> list[str]:
    """The ids of the tool calls in these messages."""
    return _ids(messages, "tool_call")


def response_ids(messages: Iterable[Message]) -> list[str]:
    """The ids of the tool calls that these messages hold the results of."""
    return _ids(messages, "tool_call_response")


def _ids(messages: Iterable[Message], kind: str) -> list[str]:
    return [
        part["id"]
        for message in messages
        for part in message.get("parts", ())
        if part.get("type") == kind and isinstance(part.get("id"), str)
    ]
