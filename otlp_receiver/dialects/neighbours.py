"""What an agent or a loop tells about the calls below it, and an answer about the next history.

Semantic Kernel names the functions that it offers on the loop around the calls, and leaves out
what the agent was asked; OpenLIT leaves the calls of tools out of a conversation's history. Which
span such words reach is found when spans are read: here is only what each span says or lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.json_text import dumps, loads
from span_store.first_calls import FIRST
from span_store.histories import LOST, SAID, call_ids, response_ids
from span_store.offered_tools import AT_HAND, OFFERED

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from otlp_receiver.dialects.attributes import AttributeTable

FUNCTIONS = "sk.available_functions"
"""Semantic Kernel's key on the span of a loop: names with commas between."""

Told = tuple[int, str, str, str]
"""A span's row, the field of the contents table, the fragment, and the attribute's key."""

KERNEL, OPENLIT = "P", "M"


def neighbour_rows(spans: pl.DataFrame, table: AttributeTable, kept: np.ndarray) -> Iterator[Told]:
    """What the kept ones of these canonical spans say for others, or ask of them."""
    yield from _loops(table, kept)
    dialects = spans["dialect"].unique().to_list()
    if KERNEL in dialects:
        yield from _agents(spans, kept)
    if OPENLIT in dialects:
        yield from _histories(spans, kept)


def _loops(table: AttributeTable, kept: np.ndarray) -> Iterator[Told]:
    """The functions that a loop offers."""
    at = table.positions(FUNCTIONS)
    for row in at[table.kind[at] == Kind.TEXT].tolist():
        owner = int(table.owner[row])
        names = [name.strip() for name in table.text[row].split(",") if name.strip()]
        if names and kept[owner]:
            yield owner, OFFERED, dumps(names), FUNCTIONS


def _agents(spans: pl.DataFrame, kept: np.ndarray) -> Iterator[Told]:
    """The functions that an agent has at hand; its question, where its span does not say it."""
    agents = spans.select(
        "tool_definitions",
        "input_messages",
        holds=(pl.col("dialect") == KERNEL)
        & (pl.col("operation_name") == "invoke_agent")
        & pl.Series(kept),
    )
    for owner in agents["holds"].fill_null(value=False).arg_true().to_list():
        tools, asked, _ = agents.row(owner)
        if tools is not None:
            yield owner, AT_HAND, tools, "gen_ai.tool.definitions"
        if asked is None:
            yield owner, FIRST + "input_messages", "null", "gen_ai.input.messages"


def _histories(spans: pl.DataFrame, kept: np.ndarray) -> Iterator[Told]:
    """Answers with calls of tools, and histories with results whose calls are left out."""
    ours = (pl.col("dialect") == OPENLIT) & pl.col("is_model_call") & pl.Series(kept)
    said = spans.select(
        answer=pl.when(
            ours & pl.col("output_messages").str.contains('"tool_call"', literal=True)
        ).then("output_messages"),
        history=pl.when(
            ours & pl.col("input_messages").str.contains('"tool_call_response"', literal=True)
        ).then("input_messages"),
    )
    for owner, text in _texts(said["answer"]):
        if call_ids(loads(text)):
            yield owner, SAID, text, "gen_ai.output.messages"
    for owner, text in _texts(said["history"]):
        messages: list[dict[str, Any]] = loads(text)
        made = set(call_ids(messages))
        lost = [identity for identity in response_ids(messages) if identity not in made]
        if lost:
            yield owner, LOST, dumps(lost), "gen_ai.input.messages"


def _texts(column: pl.Series) -> Iterator[tuple[int, str]]:
    """The rows that hold a text, with it."""
    for owner in column.is_not_null().arg_true().to_list():
        yield owner, column[owner]
