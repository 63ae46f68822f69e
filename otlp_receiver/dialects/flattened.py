"""Messages that a library flattened into numbered keys, put together again.

``gen_ai.prompt.0.role``, ``llm.input_messages.3.message.tool_calls.0.tool_call.id`` and the like.
Numbers are sorted as numbers, gaps are allowed, and nothing is ever allocated by an index: a
key with index 999999999 is one more key. A gap says that the sender dropped attributes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from otlp_receiver.dialects.attributes import AttributeTable, Kind
from otlp_receiver.dialects.conversations import output_messages
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.messages import message_of
from otlp_receiver.dialects.parts import text_or_value
from otlp_receiver.dialects.tools import tool_definitions


@dataclass(frozen=True, slots=True)
class Family:
    """Keys that together make one field."""

    field: str
    pattern: re.Pattern[str]
    role: str
    source: str


_FAMILIES = (
    Family("input_messages", re.compile(r"gen_ai\.prompt\.(\d+)\.(.+)"), "user", "gen_ai.prompt.*"),
    Family(
        "output_messages",
        re.compile(r"gen_ai\.completion\.(\d+)\.(.+)"),
        "assistant",
        "gen_ai.completion.*",
    ),
    Family(
        "tool_definitions",
        re.compile(r"llm\.request\.functions\.(\d+)\.(.+)"),
        "",
        "llm.request.functions.*",
    ),
    Family(
        "input_messages",
        re.compile(r"llm\.input_messages\.(\d+)\.(?:message\.)?(.+)"),
        "user",
        "llm.input_messages.*",
    ),
    Family(
        "output_messages",
        re.compile(r"llm\.output_messages\.(\d+)\.(?:message\.)?(.+)"),
        "assistant",
        "llm.output_messages.*",
    ),
    Family(
        "input_messages",
        re.compile(r"llm\.prompts\.(\d+)\.(?:prompt\.)?(.+)"),
        "user",
        "llm.prompts.*",
    ),
    Family(
        "output_messages",
        re.compile(r"llm\.choices\.(\d+)\.(?:completion\.)?(.+)"),
        "assistant",
        "llm.choices.*",
    ),
    Family("tool_definitions", re.compile(r"gen_ai\.tool\.(\d+)\.(.+)"), "", "gen_ai.tool.*"),
    Family(
        "tool_definitions", re.compile(r"llm\.tools\.(\d+)\.(?:tool\.)?(.+)"), "", "llm.tools.*"
    ),
)


@dataclass(slots=True)
class Assembled:
    """One family's values: JSON text by owner, whether keys are missing, and the keys used."""

    family: Family
    texts: dict[int, str]
    gaps: list[int]
    rows: np.ndarray


def assemble(table: AttributeTable) -> list[Assembled]:
    """Every family that occurs, put together by owner."""
    found = []
    for family in _FAMILIES:
        steps = {}
        for number, key in enumerate(table.keys):
            match = family.pattern.fullmatch(key)
            if match is not None and len(match[1]) < 12:
                steps[number] = (int(match[1]), tuple(match[2].split(".")))
        if steps:
            found.append(_assemble_family(table, family, steps))
    return found


def _assemble_family(
    table: AttributeTable, family: Family, steps: dict[int, tuple[int, tuple[str, ...]]]
) -> Assembled:
    rows = np.sort(np.concatenate([table.positions_of(number) for number in steps]))
    owners = table.owner[rows].tolist()
    codes = table.code[rows].tolist()
    values = _values(table, rows)
    cache: dict[Any, tuple[str | None, bool, bool]] = {}
    texts: dict[int, str] = {}
    gaps: list[int] = []
    whole: list[int] = []
    begin = 0
    for end in range(1, len(owners) + 1):
        if end < len(owners) and owners[end] == owners[begin]:
            continue
        said = (tuple(codes[begin:end]), tuple(values[begin:end]))
        if said not in cache:
            cache[said] = _put_together(family, steps, *said)
        text, gap, is_whole = cache[said]
        if text is not None:
            texts[owners[begin]] = text
            if is_whole:
                whole.append(owners[begin])
        if gap:
            gaps.append(owners[begin])
        begin = end
    used = rows[np.isin(table.owner[rows], np.array(whole, dtype=np.int64))]
    return Assembled(family, texts, gaps, used)


def _values(table: AttributeTable, rows: np.ndarray) -> list[Any]:
    """Texts as they are; other kinds as JSON text, which is how they would be read anyway."""
    texts = table.texts_at(rows)
    other = np.flatnonzero(table.kind[rows] != Kind.TEXT)
    if len(other):
        texts = texts.scatter(other, table.json_at(rows[other]))
    return texts.to_list()


def _put_together(
    family: Family,
    steps: dict[int, tuple[int, tuple[str, ...]]],
    codes: tuple[int, ...],
    values: tuple[Any, ...],
) -> tuple[str | None, bool, bool]:
    """One owner's list as JSON text, whether a number is missing, whether it holds every key."""
    is_whole = True
    slots: dict[int, dict[str, Any]] = {}
    for code, value in zip(codes, values, strict=True):
        index, path = steps[code]
        slot = slots.get(index)
        if slot is None:
            slot = slots[index] = {}
        if len(path) == 1 and path[0] not in slot:
            slot[path[0]] = value
        elif not _put(slot, path, value):
            is_whole = False
    numbers = sorted(slots)
    gap = numbers != list(range(len(numbers)))
    try:
        if family.field == "tool_definitions":
            definitions = [slots[number].get("json_schema", slots[number]) for number in numbers]
            made: Any = tool_definitions(definitions)
        else:
            made = [
                message
                for number in numbers
                if (message := _message(slots[number], family)) is not None
            ]
    except Exception:  # noqa: BLE001  # content is hostile; its raw attributes stay
        return None, True, False
    return (dumps(made) if made else None), gap, is_whole


def _put(slot: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Put a value at a path of nested dicts; numbered steps are keys like others.

    False when the place is taken, by a value where an object is wanted or the other way round.
    """
    for step in path[:-1]:
        inner = slot.setdefault(step, {})
        if not isinstance(inner, dict):
            return False
        slot = inner
    if isinstance(slot.get(path[-1]), dict):
        return False
    slot[path[-1]] = value
    return True


def _numbered(entries: Any) -> list[Any]:
    """The values of a dict with numbered keys, in numeric order."""
    if not isinstance(entries, dict):
        return []
    return [entries[key] for key in sorted(filter(str.isdigit, entries), key=int)]


_PLAIN_ROLES = frozenset(("system", "user", "assistant"))
"""Roles whose messages of one text need no further look: they are most of all messages."""


def _message(slot: dict[str, Any], family: Family) -> dict[str, Any] | None:
    """One message out of its flattened keys."""
    content: Any = slot.get("content")
    if len(slot) == 2 and content.__class__ is str and content and content[0] not in '["':
        role = slot.get("role")
        if role in _PLAIN_ROLES:
            return {"role": role, "parts": [{"type": "text", "content": content}]}
    calls = [call.get("tool_call", call) for call in _numbered(slot.get("tool_calls"))]
    message: dict[str, Any] = {
        key: value for key, value in slot.items() if isinstance(value, str) and value
    }
    role = message.get("role") or family.role
    contents = [block for block in _numbered(slot.get("contents")) if isinstance(block, dict)]
    blocks = [block.get("message_content", block) for block in contents if "tool_call" not in block]
    # A call stands among the contents, and once more beside them.
    calls = calls or [block["tool_call"] for block in contents if "tool_call" in block]
    content = message.get("content", message.get("text"))
    if blocks:
        content = [_block(block) for block in blocks]
    else:
        content = _tool_text(content) if role == "tool" else _content(content)
    message |= {"role": role, "content": content}
    message["tool_calls"] = [_call(call) for call in calls if isinstance(call, dict)]
    single = slot.get("function_call")
    if isinstance(single, dict):
        message["function_call"] = single
    elif message.get("function_call_name"):
        message["function_call"] = {
            "name": message["function_call_name"],
            "arguments": message.get("function_call_arguments_json"),
        }
    if family.role == "assistant" and message.get("finish_reason"):
        found = output_messages({"message": message, "finish_reason": message["finish_reason"]})
        return found[0] if found else None
    return message_of(message, family.role)


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call whose function's name and arguments may be nested one step deeper."""
    inner = call.get("function")
    return {"id": call.get("id"), "function": inner if isinstance(inner, dict) else call}


def _block(block: Any) -> Any:
    """A content block; nested image objects are kept as they are."""
    if not isinstance(block, dict):
        return block
    kind = block.get("type")
    image = block.get("image")
    if isinstance(image, dict):
        inner = image.get("image", image)
        url = inner.get("url") if isinstance(inner, dict) else inner
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": kind or "text", **{key: block[key] for key in block if key != "type"}}


def _tool_text(content: Any) -> Any:
    """OpenInference writes the text blocks of a tool's answer as JSON text."""
    if isinstance(content, str) and content.startswith('[{"'):
        try:
            blocks = loads(content)
        except ValueError:
            return content
        if all(isinstance(block, dict) and block.get("type") == "text" for block in blocks):
            return text_or_value(blocks)
    return content


def _content(content: Any) -> Any:
    """OpenLLMetry writes lists of content parts as JSON text."""
    if content == '""':
        return None
    if isinstance(content, str) and content.startswith("[{"):
        try:
            parsed = loads(content)
        except ValueError:
            return content
        if isinstance(parsed, list) and all(
            isinstance(entry, dict) and "type" in entry for entry in parsed
        ):
            return parsed
    return content
