"""Whether a text is JSON of messages in OpenTelemetry's schema, told for a whole column at once.

Most messages of the current conventions need no change, and reading them one by one costs more
than all the rest. One regular expression, run by Polars in linear time, accepts a strict subset:
valid JSON, known members in any order, arguments and results nested at most two deep, no escaped
surrogates. What it does not accept is read and converted as usual; it never accepts anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPACE = r"[ \n\t\r]*"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3})*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_SCALAR = f"(?:{_STRING}|{_NUMBER}|true|false|null)"
_TEXT = f"(?:{_STRING}|null)"


def _listed(opening: str, element: str, closing: str, *, may_be_empty: bool) -> str:
    several = f"{element}{_SPACE}(?:,{_SPACE}{element}{_SPACE})*"
    return f"{opening}{_SPACE}(?:{several}){'?' if may_be_empty else ''}{closing}"


def _object_of(value: str) -> str:
    return _listed(r"\{", f"{_STRING}{_SPACE}:{_SPACE}{value}", r"\}", may_be_empty=True)


def _array_of(value: str, *, may_be_empty: bool = True) -> str:
    return _listed(r"\[", value, r"\]", may_be_empty=may_be_empty)


def _members(members: Sequence[tuple[str, str]]) -> str:
    """An object with some of these members, in any order."""
    alternatives = "|".join(f'"{name}"{_SPACE}:{_SPACE}{value}' for name, value in members)
    return _listed(r"\{", f"(?:{alternatives})", r"\}", may_be_empty=False)


def _word(*words: str) -> str:
    return f'"(?:{"|".join(words)})"'


def _message(roles: Sequence[str], part: str) -> str:
    reasons = _word("stop", "length", "tool_call", "content_filter", "error")
    return _members(
        [
            ("role", _word(*roles)),
            ("parts", _array_of(part)),
            ("name", _TEXT),
            ("finish_reason", f"(?:{reasons}|null)"),
        ]
    )


def _text_part() -> str:
    named = [("content", _TEXT), ("id", _TEXT), ("name", _TEXT)]
    return _members([("type", _word("text", "reasoning", "refusal")), *named])


def _pattern() -> str:
    shallow = f"(?:{_SCALAR}|{_object_of(_SCALAR)}|{_array_of(_SCALAR)})"
    nested = _object_of(shallow)
    named = [("content", _TEXT), ("id", _TEXT), ("name", _TEXT)]
    text = _text_part()
    any_part = _members(
        [
            ("type", _word("text", "reasoning", "refusal", "tool_call", "tool_call_response")),
            ("arguments", f"(?:{nested}|null)"),
            ("response", f"(?:{_SCALAR}|{nested})"),
            *named,
        ]
    )
    # A user's message with results of tools is given the role of a tool: it is not accepted.
    message = (
        f"(?:{_message(['system', 'user'], text)}"
        f"|{_message(['system', 'assistant', 'tool'], any_part)})"
    )
    return f"^{_SPACE}{_array_of(message, may_be_empty=False)}{_SPACE}$"


CANONICAL_MESSAGES = _pattern()
"""A text that matches is stored as it is."""

CANONICAL_INSTRUCTIONS = f"^{_SPACE}{_array_of(_text_part(), may_be_empty=False)}{_SPACE}$"
"""The same for system instructions: a list of text parts."""
