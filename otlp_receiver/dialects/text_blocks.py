"""Anthropic's blocks of text that OpenLIT writes whole where a text should stand.

A system prompt and a tool's result may be lists of blocks there. OpenLIT writes them as they are,
as JSON, or as Python's repr: the texts of the blocks are what was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from otlp_receiver.dialects.detection import CODES
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.parts import text_or_value
from otlp_receiver.dialects.resolution import parsed

if TYPE_CHECKING:
    from otlp_receiver.dialects.fields import FieldSet

_MARK = r"""\[\{\\?["'](?:type|text|cache_control)\\?["']:"""
"""How a list of blocks begins, in a text or as it is; most lists of parts have their mark too."""

_INSIDE = r"""(?:"content"|"response"):\s?"?""" + _MARK


def texts_of_blocks(fields: FieldSet) -> None:
    """Put the texts of the blocks in their places, in what OpenLIT says went into a model."""
    ours = fields.dialect == CODES.index("M")
    if not ours.any():
        return
    for name in ("input_messages", "system_instructions"):
        column = fields.columns[name]
        held = column.str.contains(_INSIDE).fill_null(value=False).to_numpy()
        rows = np.flatnonzero(held & ours)
        if len(rows):
            made = [_unwrapped(text) for text in column.gather(rows).to_list()]
            fields.columns[name] = column.scatter(rows, pl.Series(made, dtype=pl.String))


def _unwrapped(text: str) -> str:
    """Messages, or the parts of instructions, with texts for the blocks."""
    try:
        entries: list[Any] = loads(text)
        for entry in entries:
            of_system = entry.get("role", "system") == "system"
            for part in entry.get("parts", [entry]):
                _unwrap(part, of_system=of_system)
    except (ValueError, LookupError, TypeError, AttributeError):
        # Content is hostile; it stays as it came.
        return text
    return dumps(entries)


def _unwrap(part: dict[str, Any], *, of_system: bool) -> None:
    """One part in place. What a user wrote stays, whatever it looks like."""
    if part["type"] == "text" and (of_system or not isinstance(part["content"], str)):
        part["content"] = _text(part["content"])
    elif part["type"] == "tool_call_response":
        part["response"] = _text(part["response"])


def _text(value: Any) -> Any:
    """The text of a list of blocks, or of its JSON or repr; anything else as it is."""
    try:
        blocks = parsed(value)
    except ValueError:
        return value
    if isinstance(blocks, list) and blocks and all(map(_is_text, blocks)):
        return text_or_value(blocks)
    return value


def _is_text(block: Any) -> bool:
    return (
        isinstance(block, dict)
        and block.get("type") == "text"
        and isinstance(block.get("text"), str)
    )
