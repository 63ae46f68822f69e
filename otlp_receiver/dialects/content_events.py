"""Message content that came as events: on the span itself, or as log records that name the span.

Both carry the same names. Newer emitters put whole conversations into one event, older ones send
one event a message; a span's events are merged, because some libraries send one attribute each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otlp_receiver.dialects.conversations import input_messages, output_messages
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.messages import message_of
from otlp_receiver.dialects.transforms import TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Iterable

DETAILS = "gen_ai.client.inference.operation.details"

_WHOLE = {
    "gen_ai.input.messages": ("input_messages", "input_messages"),
    "gen_ai.output.messages": ("output_messages", "output_messages"),
    "gen_ai.system_instructions": ("system_instructions", "instructions"),
    "gen_ai.tool.definitions": ("tool_definitions", "tools"),
}

_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}

CHOICE = "gen_ai.choice"

_ELIDED = '"content":"<elided>"'
"""What Google's libraries write in place of content that they do not capture."""

TOOL_OUTPUT = "tool.output"
"""Claude Code's event on a tool's span."""

_TOOL_ANSWERS = ("message", "output", "content", "diff")

EXCEPTION = "gen_ai.client.operation.exception"

NAMES = frozenset(
    (
        DETAILS,
        CHOICE,
        TOOL_OUTPUT,
        *_ROLES,
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
    )
)
"""Names of events that carry message content."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a field: elements of its list without brackets, or its whole value."""

    field: str
    text: str
    is_fragment: bool
    # The choice's number; 0 for everything else.
    index: int = 0


def pieces_of(name: str, body: Any, attributes: dict[str, Any]) -> list[Piece]:
    """What one event says about its span's content; never raises."""
    try:
        pieces = _pieces(name, _value(body), attributes)
        return [piece for piece in pieces if _ELIDED not in piece.text]
    except Exception:  # noqa: BLE001  # content is hostile; it is kept raw and adds nothing
        return []


def tool_pieces_of(name: str, _body: Any, attributes: dict[str, Any]) -> list[Piece]:
    """What an event on a tool span says: the tool message is the arguments, the choice the result.

    Strands writes its tool spans so; never raises.
    """
    try:
        if name == "gen_ai.tool.message":
            text = TRANSFORMS["tool_arguments"](attributes.get("content"))
            return [] if text is None else [Piece("tool_arguments", text, False)]
        if name in (CHOICE, TOOL_OUTPUT):
            said = [attributes[key] for key in _TOOL_ANSWERS if attributes.get(key) is not None]
            text = TRANSFORMS["tool_result"](said[0]) if said else None
            return [] if text is None else [Piece("tool_result", text, False)]
    except Exception:  # noqa: BLE001  # content is hostile; it is kept raw and adds nothing
        return []
    return pieces_of(name, None, attributes)


def usage_pieces(body: Any) -> list[Piece]:
    """Tokens that Semantic Kernel writes into the text of a log line alone."""
    text = body if isinstance(body, str) else ""
    return [
        Piece(field, match[1], False)
        for key, field in _USAGE
        if (match := re.search(key + r"=(\d{1,15})\b", text)) is not None
    ]


_USAGE = (("cached_tokens", "cache_read_tokens"), ("reasoning_tokens", "reasoning_tokens"))


def _pieces(name: str, body: Any, attributes: dict[str, Any]) -> list[Piece]:
    if name in _ROLES:
        message = message_of(_payload(body, attributes, "content"), _ROLES[name])
        return [] if message is None else [Piece("input_messages", dumps(message), True)]
    if name == CHOICE:
        return _choice(_payload(body, attributes, "message"))
    if name == EXCEPTION:
        kind = attributes.get("exception.type") or attributes.get("error.type") or "exception"
        return [Piece("error_type", dumps(str(kind)), False)]
    if name == "gen_ai.content.prompt":
        return _whole({"gen_ai.input.messages": attributes.get("gen_ai.prompt")})
    if name == "gen_ai.content.completion":
        return _whole({"gen_ai.output.messages": attributes.get("gen_ai.completion")})
    found = _whole(attributes)
    if isinstance(body, dict):
        found += _whole(body)
        if "input" in body or "output" in body:
            found += _envelope(body)
    return found


def _whole(values: dict[str, Any]) -> list[Piece]:
    """Whole fields under OpenTelemetry's attribute names."""
    found = []
    for key, (field, transform) in _WHOLE.items():
        if values.get(key) is None:
            continue
        try:
            text = TRANSFORMS[transform](values[key])
        except ValueError:
            continue
        if text is not None:
            found.append(Piece(field, text, False))
    return found


def _envelope(body: dict[str, Any]) -> list[Piece]:
    """AWS's distribution moves content into one log a span: ``{input: {messages}, output}``."""
    found = []
    sides = {side: _unwrapped(body.get(side)) for side in ("input", "output")}
    if _is_of_tool(sides["input"]):
        return _tool_envelope(sides)
    for side, field, convert in (
        ("input", "input_messages", input_messages),
        ("output", "output_messages", output_messages),
    ):
        messages = convert(sides[side])
        if messages:
            found.append(Piece(field, dumps(messages), False))
    return found


def _unwrapped(side: Any) -> Any:
    """One side's messages; Strands' own keys stand in an object where the content should be."""
    messages = side.get("messages") if isinstance(side, dict) else None
    if not isinstance(messages, list):
        return side
    return {"messages": [_plain_content(message) for message in messages]}


def _plain_content(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, dict) and not _WRAPPER.isdisjoint(content):
        inner = content.get("content", content.get("message"))
        rest = {key: content[key] for key in ("finish_reason", "id") if key in content}
        return message | {"content": _blocks(inner)} | rest
    return message | {"content": _blocks(content)} if isinstance(content, str) else message


def _blocks(content: Any) -> Any:
    """Bedrock's content blocks out of their JSON text; any other text is what was said."""
    value = _value(content)
    if isinstance(value, list) and value:
        known = (isinstance(entry, dict) and not _BLOCKS.isdisjoint(entry) for entry in value)
        return value if all(known) else content
    return content


_BLOCKS = frozenset(("text", "toolUse", "toolResult", "reasoningContent", "image", "document"))

_WRAPPER = frozenset(("content", "message"))


def _is_of_tool(side: Any) -> bool:
    """Whether a tool's own span says this: all that went in has the role of a tool."""
    messages = side.get("messages") if isinstance(side, dict) else None
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(entry, dict) and entry.get("role") == "tool" for entry in messages)
    )


def _tool_envelope(sides: dict[str, Any]) -> list[Piece]:
    """A tool's arguments and its result."""
    found = []
    for side, field in (("input", "tool_arguments"), ("output", "tool_result")):
        messages = sides[side].get("messages") if isinstance(sides[side], dict) else None
        if isinstance(messages, list) and messages and isinstance(messages[0], dict):
            text = TRANSFORMS[field](messages[0].get("content"))
            if text is not None:
                found.append(Piece(field, text, False))
    return found


def _payload(body: Any, attributes: dict[str, Any], content_key: str) -> dict[str, Any]:
    """The message object: the body, the JSON of an attribute, or the attributes themselves."""
    if isinstance(body, dict) and body:
        return body
    for key in ("gen_ai.event.content", "event.content"):
        inner = _value(attributes.get(key))
        if isinstance(inner, dict):
            return inner
        if isinstance(inner, str):
            return {content_key: inner}
    plain = {
        key.removeprefix("gen_ai.event."): value
        for key, value in attributes.items()
        if not key.startswith("gen_ai.") or key.startswith("gen_ai.event.")
    }
    if content_key in plain:
        plain[content_key] = _value(plain[content_key])
    if isinstance(body, str) and body and content_key not in plain:
        plain[content_key] = body
    return plain


def _choice(choice: dict[str, Any]) -> list[Piece]:
    """One choice; its message may be a text, content blocks, or a message object."""
    message = choice.get("message")
    if not isinstance(message, dict):
        content = message if message is not None else choice.get("content")
        choice = {**choice, "message": {"role": "assistant", "content": content}}
    messages = output_messages({key: choice[key] for key in choice if choice[key] is not None})
    if not messages:
        return []
    index = choice.get("index")
    text = ",".join(dumps(entry) for entry in messages)
    return [Piece("output_messages", text, True, index if isinstance(index, int) else 0)]


def _value(value: Any) -> Any:
    """JSON text as its value; anything else as it is."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "[", '"'):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


def together(pieces: Iterable[Piece]) -> dict[str, str]:
    """Fields from the pieces of one span: fragments strung together, else the last whole value."""
    whole: dict[str, str] = {}
    fragments: dict[str, list[tuple[int, str]]] = {}
    for piece in pieces:
        if piece.is_fragment:
            fragments.setdefault(piece.field, []).append((piece.index, piece.text))
        else:
            whole[piece.field] = piece.text
    for field, entries in fragments.items():
        if field not in whole:
            entries.sort(key=lambda entry: entry[0])
            whole[field] = "[" + ",".join(text for _, text in entries) + "]"
    return whole
