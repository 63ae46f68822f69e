"""Whole inputs and outputs of any library's shape as lists of messages.

An attribute may hold a list of messages, a request or response body that contains one, a single
message, or plain text; see :mod:`otlp_receiver.dialects.messages` for the messages themselves.
"""

from __future__ import annotations

from typing import Any

from otlp_receiver.dialects.finish_reasons import fold
from otlp_receiver.dialects.json_text import dumps
from otlp_receiver.dialects.messages import Message, is_canonical, message_of
from otlp_receiver.dialects.parts import Part, parts_of

_DEPTH_MAX = 6

CHOICE_EVENT = "gen_ai.choice"

_INPUT_KEYS = ("messages", "contents", "input", "inputs", "prompt", "question", "args", "kwargs")
_CERTAIN_KEYS = ("choices", "generations", "candidates", "messages", "contents")
_OUTPUT_KEYS = (
    "choices",
    "generations",
    "candidates",
    "messages",
    "message",
    "output",
    "outputs",
    "content",
    "text",
    "combined_chunk_content",
    "update",
    "output_text",
)


def input_messages(value: Any) -> list[Message] | None:
    """The messages that went in; None when the value holds none."""
    if is_canonical(value):
        return list(value)
    return _messages(value, "user", 0) or None


def output_messages(value: Any) -> list[Message] | None:
    """The messages that came out, one a choice; None when the value holds none."""
    if is_canonical(value):
        return list(value)
    return _messages(value, "assistant", 0) or None


def instructions(value: Any) -> list[Part] | None:
    """System instructions as parts; plain text is one text part."""
    if isinstance(value, dict) and isinstance(value.get("parts"), list):
        value = value["parts"]
    if isinstance(value, list) and value and isinstance(value[0], dict) and "role" in value[0]:
        value = [part for message in _messages(value, "system", 0) for part in message["parts"]]
    if isinstance(value, list):
        # Pydantic AI's parts of instructions have a kind of their own.
        value = [
            entry.get("content") if isinstance(entry, dict) and "part_kind" in entry else entry
            for entry in value
        ]
    return parts_of(value) or None


def event_inputs(value: Any) -> list[Message] | None:
    """What went in, out of a list of event bodies that each carry ``event.name``."""
    bodies = [event for event in _events(value) if event["event.name"] != CHOICE_EVENT]
    found = [
        message_of(body, body["event.name"].split(".")[1])
        for body in bodies
        if body["event.name"].endswith(".message")
    ]
    return [message for message in found if message is not None] or None


def event_outputs(value: Any) -> list[Message] | None:
    """What came out, out of a list of event bodies that each carry ``event.name``."""
    choices = [event for event in _events(value) if event["event.name"] == CHOICE_EVENT]
    return [message for choice in choices for message in _choice(choice, 0)] or None


def _events(value: Any) -> list[dict[str, Any]]:
    entries = value if isinstance(value, list) else []
    return [
        {key: entry[key] for key in entry if not key.startswith("gen_ai.")}
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("event.name"), str)
    ]


def _messages(value: Any, role: str, depth: int) -> list[Message]:
    if value is None or depth > _DEPTH_MAX:
        return []
    if isinstance(value, str):
        message = message_of(value, role)
        return [] if message is None else [message]
    if isinstance(value, list):
        return _from_list(value, role, depth)
    if isinstance(value, dict):
        return _from_dict(value, role, depth)
    return [{"role": role, "parts": [{"type": "text", "content": dumps(value)}]}]


def _from_list(values: list[Any], role: str, depth: int) -> list[Message]:
    """A list of messages, of lists of messages (batches), of choices, of parts, or of texts."""
    if values and all(_is_part(entry) for entry in values):
        parts = parts_of(values)
        # Calls of tools are said by a model, wherever they go next.
        calls = bool(parts) and all(part["type"] == "tool_call" for part in parts)
        return [{"role": "assistant" if calls else role, "parts": parts}]
    found: list[Message] = []
    for entry in values:
        if isinstance(entry, dict) and not _is_container(entry, role):
            message = None if _is_offered_tool(entry) else message_of(entry, role)
            if message is not None:
                found.append(message)
        elif _is_pair(entry):
            found += _messages({"role": entry[0], "content": entry[1]}, role, depth + 1)
        else:
            found += _messages(entry, role, depth + 1)
    return found


_PAIR_ROLES = frozenset(("system", "user", "human", "assistant", "ai", "developer"))


def _is_pair(entry: Any) -> bool:
    """LangChain's short form of a message: its role and its content."""
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and entry[0] in _PAIR_ROLES
        and isinstance(entry[1], str | list)
    )


def _is_offered_tool(entry: dict[str, Any]) -> bool:
    """Langfuse puts the definitions of offered tools among LangChain's messages."""
    content = entry.get("content")
    return (
        entry.get("role") == "tool"
        and isinstance(content, dict)
        and content.get("type") == "function"
        and isinstance(content.get("function"), dict)
        and "tool_call_id" not in entry
    )


def offered_tools(value: Any) -> list[dict[str, Any]] | None:
    """The definitions of tools that stand among the messages."""
    entries = value if isinstance(value, list) else []
    return [
        entry["content"] for entry in entries if isinstance(entry, dict) and _is_offered_tool(entry)
    ] or None


def _is_part(entry: Any) -> bool:
    """Whether this is a content part rather than a message."""
    if not isinstance(entry, dict) or "role" in entry or "parts" in entry:
        return False
    kind = entry.get("type")
    if kind in ("text", "reasoning", "thinking", "tool_use", "image_url", "image", "tool_call"):
        return "data" not in entry
    return (
        kind is None
        and set(entry) <= {"text", "toolUse", "toolResult", "functionCall"}
        and bool(entry)
    )


def _is_container(entry: dict[str, Any], role: str) -> bool:
    """Whether this object holds messages instead of being one."""
    if "role" in entry or "parts" in entry or entry.get("lc") == 1:
        return False
    if isinstance(entry.get("message"), dict | str):
        return True
    if role == "assistant" and _holds_parts(entry.get("content")):
        return True
    if any(isinstance(entry.get(key), list) for key in _CERTAIN_KEYS):
        return True
    keys = _OUTPUT_KEYS if role == "assistant" else _INPUT_KEYS
    return "type" not in entry and any(key in entry for key in keys if key != "content")


def _from_dict(value: dict[str, Any], role: str, depth: int) -> list[Message]:
    """A message, a choice, or a request or response body."""
    inner = value.get("kwargs")
    if value.get("lc") == 1 and isinstance(inner, dict) and isinstance(inner.get("messages"), list):
        # A prompt of LangChain, which is no message.
        return _messages(inner["messages"], role, depth + 1)
    if role == "assistant" and _is_raw_answer(value.get("raw")):
        return _messages(value["raw"], role, depth + 1)
    if isinstance(value.get("message"), dict) and role == "assistant":
        return _choice(value, depth)
    if role == "assistant" and _holds_parts(value.get("content")):
        found = _messages(value["content"], role, depth + 1)
        _add_finish_reason(found, value)
        return found
    if not _is_container(value, role):
        return _single(value, role)
    keys = _OUTPUT_KEYS if role == "assistant" else _INPUT_KEYS
    system = value.get("system") if role == "user" else None
    found = _messages(system, "system", depth + 1)
    for key in keys:
        if value.get(key) not in (None, "", [], {}):
            inner = _messages(value[key], role, depth + 1)
            if inner:
                found += inner
                break
    if role == "assistant":
        _add_finish_reason(found, value)
    return found


def _holds_parts(content: Any) -> bool:
    """Whether a candidate of Gemini's has this for its content: ``{role, parts}``."""
    return isinstance(content, dict) and isinstance(content.get("parts"), list)


def _is_raw_answer(value: Any) -> bool:
    """LangChain's message that stands beside what was parsed from it."""
    return isinstance(value, dict) and (value.get("lc") == 1 or "response_metadata" in value)


def _single(value: dict[str, Any], role: str) -> list[Message]:
    if len(value) == 1 and "role" not in value and isinstance(next(iter(value.values())), str):
        # A function's only argument or answer is what was said.
        return _messages(next(iter(value.values())), role, _DEPTH_MAX)
    message = message_of(value, role)
    if message is not None:
        return [message]
    if not value:
        return []
    return [{"role": role, "parts": [{"type": "text", "content": dumps(value)}]}]


def _choice(choice: dict[str, Any], depth: int) -> list[Message]:
    """One choice: ``{message, finish_reason}``, with tool calls inside or beside the message."""
    inner = choice["message"]
    if choice.get("tool_calls") and not inner.get("tool_calls"):
        inner = {**inner, "tool_calls": choice["tool_calls"]}
    found = _messages(inner, "assistant", depth + 1)
    _add_finish_reason(found, choice)
    info = choice.get("generation_info")
    if isinstance(info, dict):
        _add_finish_reason(found, info)
    return found


_REASONS = ("finish_reason", "stop_reason", "finishReason", "stopReason", "done_reason")


def _add_finish_reason(messages: list[Message], holder: dict[str, Any]) -> None:
    """Give messages that have none the finish reason that stands beside them."""
    for key in _REASONS:
        reason = holder.get(key)
        if isinstance(reason, str) and reason:
            for message in messages:
                message.setdefault("finish_reason", fold(reason))
            return
