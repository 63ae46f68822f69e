"""The texts of a conversation by their place, for anchors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from queue_store.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cli.context import Context
    from queue_store.anchors import Place
    from queue_store.model import Anchor, AnnotationRow

Texts = dict["Place", str]


def texts_of_span(context: Context, row: AnnotationRow) -> dict[str, Texts]:
    """Every text of the annotated object, by span and place; spans in the order they began."""
    condition = pl.col("trace_id") == (row.trace_id or "")
    if row.object_type.value == "session":
        condition = pl.col("conversation_id") == row.object_id
    if row.object_type.value == "span":
        condition &= pl.col("span_id") == row.object_id.partition(":")[2]
    frame = (
        context.span_store.scan("spans", project=context.project)
        .filter(condition)
        .sort("start_time", "span_id")
        .select("span_id", "input_messages", "output_messages")
        .collect()
    )
    found = {}
    for span_id, given, answered in frame.iter_rows():
        texts = _texts("input", given) | _texts("output", answered)
        if texts:
            found[span_id] = texts
    return found


def _texts(direction: str, messages: str | None) -> Texts:
    """The text parts of one list of messages."""
    parsed: Any = json.loads(messages) if messages else []
    return {
        (direction, message_index, part_index): part["content"]
        for message_index, message in enumerate(parsed)
        if isinstance(message, dict)
        for part_index, part in enumerate(message.get("parts") or [])
        if isinstance(part, dict) and isinstance(part.get("content"), str)
    }


def span_with(
    spans: Mapping[str, Texts],
    find: Callable[[Texts], Anchor | None],
    first: str | None = None,
) -> Anchor | None:
    """What ``find`` gives in the span named first, else in the last span that has it.

    The last span of a conversation repeats the earlier turns as its input.
    """
    order = [first] if first in spans else []
    order += [span_id for span_id in reversed(list(spans)) if span_id != first]
    refused: InvalidValueError | None = None
    for span_id in order:
        assert span_id is not None
        try:
            anchor = find(spans[span_id])
        except InvalidValueError as error:
            refused = error
            continue
        if anchor is not None:
            return replace(anchor, span_id=span_id)
    if refused is not None:
        raise refused
    if not spans:
        raise click.UsageError("the object has no text to point at")
    return None
