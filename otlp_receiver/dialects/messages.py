"""Messages of any library's shape as messages in OpenTelemetry's schema.

The shape decides, not the dialect: many libraries pass their provider's or framework's messages
through, and mixed spans are normal. Known shapes: OpenTelemetry, OpenAI (chat and Responses),
Anthropic, Bedrock, Gemini, Vercel AI SDK, LangChain (serialised, dumped), per-message events.
"""

from __future__ import annotations

from typing import Any

from otlp_receiver.dialects.finish_reasons import fold
from otlp_receiver.dialects.json_text import loads
from otlp_receiver.dialects.parts import Part, parts_of, text_or_value, tool_call, tool_response

Message = dict[str, Any]

_ROLES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "systemmessage": "system",
    "toolmessage": "tool",
    "functionmessage": "tool",
    "chatmessage": "user",
}

_UNDERSTOOD = frozenset(("role", "parts", "tool_calls", "tool_call_id"))

_ONE_KEY_PARTS = {
    "text": "content",
    "reasoning": "content",
    "blob": "content",
    "uri": "uri",
    "refusal": "content",
}
"""Parts that are OpenTelemetry's own when this key is there."""

_FOLDED = (None, "stop", "length", "tool_call", "content_filter", "error")

_FOREIGN_KEYS = frozenset(("tool_calls", "tool_call_id"))


def is_canonical(messages: Any) -> bool:
    """Whether these messages are in OpenTelemetry's schema already and need no change.

    Runs once for every text received, so it asks for what must be there instead of looking
    whether it may be.
    """
    if messages.__class__ is not list or not messages:
        return False
    try:
        for message in messages:
            role = message["role"]
            if role.__class__ is not str or not _FOREIGN_KEYS.isdisjoint(message):
                return False
            if "finish_reason" in message and not _is_folded(message["finish_reason"]):
                return False
            for part in message["parts"]:
                kind = part["type"]
                if kind in _ONE_KEY_PARTS:
                    part[_ONE_KEY_PARTS[kind]]
                    if "media_type" in part:
                        return False
                elif kind == "tool_call":
                    part["name"]
                    if part.get("arguments").__class__ is str:
                        return False
                elif kind != "tool_call_response" or (
                    part["response"].__class__ is list or role == "user"
                ):
                    return False
    except (KeyError, TypeError, AttributeError):
        return False
    return True


def _is_folded(reason: Any) -> bool:
    if reason in _FOLDED:
        return True
    return isinstance(reason, str) and reason != "" and fold(reason) == reason


def message_of(message: Any, role: str) -> Message | None:
    """One message; ``role`` is used when the message does not say one. None for nothing."""
    if isinstance(message, str):
        return {"role": role, "parts": parts_of(message)} if message else None
    if not isinstance(message, dict):
        return None
    kind = message.get("type")
    if message.get("lc") == 1 and isinstance(message.get("kwargs"), dict):
        path = message.get("id")
        name = path[-1] if isinstance(path, list) and path else "ai"
        return _langchain(message["kwargs"], str(name))
    if (
        isinstance(message.get("data"), dict)
        and isinstance(kind, str)
        and "content" in message["data"]
    ):
        return _langchain(message["data"], kind)
    if isinstance(message.get("parts"), list):
        return _with_parts(message, role)
    if isinstance(kind, str) and "role" not in message and _is_langchain(message, kind):
        return _langchain(message, kind)
    if isinstance(kind, str) and kind in ("function_call", "function_call_output", "reasoning"):
        sender = "tool" if kind == "function_call_output" else "assistant"
        return {"role": sender, "parts": parts_of(message)}
    return _chat(message, role)


def _is_langchain(message: Message, kind: str) -> bool:
    """LangChain's dumped messages, whose type is the role: a tool's has content beside it."""
    return kind.lower() in _ROLES or (kind in ("tool", "system") and "content" in message)


def role_of(message: Message, default: str) -> str:
    """The role in OpenTelemetry's words."""
    role = message.get("role") or default
    if isinstance(role, dict):
        role = role.get("value") or default
    name = str(role).rsplit(".", 1)[-1]
    if name == "unknown":
        # OpenLLMetry's word for a role of LangChain that it does not know.
        name = default
    return _ROLES.get(name.lower(), name)


def _with_parts(message: Message, role: str) -> Message:
    """OpenTelemetry's own shape, or Gemini's ``{role, parts: [{text}]}``."""
    parts = parts_of(message["parts"])
    result: Message = {"role": role_of(message, role), "parts": parts}
    call_id = message.get("tool_call_id")
    if call_id and all(part.get("type") == "text" for part in parts):
        # LiteLLM puts OpenAI's keys beside the parts.
        texts = "".join(part["content"] for part in parts)
        parts = [tool_response(texts, call_id)]
    parts += calls_of(message, {part.get("id") for part in parts})
    result["parts"] = parts
    if (
        result["role"] == "user"
        and parts
        and all(part.get("type") == "tool_call_response" for part in parts)
    ):
        result["role"] = "tool"
    for key, value in message.items():
        if (
            key in ("role", "parts", "tool_calls", "tool_call_id")
            or value is None
            or (key == "finish_reason" and not value)
        ):
            continue
        result[key] = fold(value) if key == "finish_reason" and isinstance(value, str) else value
    return result


def _chat(message: Message, role: str) -> Message | None:
    """OpenAI's shape, which most others follow: role, content, tool_calls, tool_call_id."""
    role = role_of(message, role)
    content = message.get("content")
    call_id = message.get("tool_call_id") or message.get("tool_call.id")
    parts: list[Part] = []
    for key in ("reasoning_content", "thinking"):
        if isinstance(message.get(key), str) and message[key]:
            parts += [{"type": "reasoning", "content": message[key]}]
    if role == "tool" and not _has_results(content):
        call_id = call_id or message.get("id")
        parts.append(
            tool_response(
                text_or_value(content), call_id, name=message.get("name"), status=_error(message)
            )
        )
    else:
        parts += parts_of(content)
    refusal = _refusal(message)
    if refusal:
        parts.append({"type": "refusal", "content": refusal})
    parts += calls_of(message, {part.get("id") for part in parts if part["type"] == "tool_call"})
    if not parts and "role" not in message and "content" not in message:
        return None
    if role == "user" and parts and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    result: Message = {"role": role, "parts": parts}
    if role != "tool" and isinstance(message.get("name"), str) and message["name"]:
        result["name"] = message["name"]
    reason = message.get("finish_reason") or message.get("stop_reason")
    if isinstance(reason, str) and reason:
        result["finish_reason"] = fold(reason)
    return result


def _refusal(message: Message) -> str | None:
    """What the provider's refusal field says, wherever a library keeps the provider's fields."""
    for holder in (
        message,
        message.get("additional_kwargs"),
        message.get("provider_specific_fields"),
    ):
        if isinstance(holder, dict) and isinstance(holder.get("refusal"), str):
            return str(holder["refusal"]) or None
    return None


def _error(message: Message) -> str | None:
    """LangChain's ``status: error`` on a tool message; other states say nothing."""
    return "error" if message.get("status") == "error" else None


def _has_results(content: Any) -> bool:
    """Whether a tool message's content holds result parts of its own."""
    return isinstance(content, list) and any(
        isinstance(entry, dict)
        and (
            entry.get("type") in ("tool-result", "tool-error", "tool_result", "tool_call_response")
            or "toolResult" in entry
        )
        for entry in content
    )


def calls_of(message: Message, seen: set[Any]) -> list[Part]:
    """The tool calls beside the content: OpenAI's, LangChain's, the older function_call."""
    calls: list[Part] = []
    listed = message.get("tool_calls") or message.get("toolCalls") or []
    if isinstance(listed, str):
        try:
            listed = loads(listed)
        except ValueError:
            listed = []
    for call in listed if isinstance(listed, list) else []:
        if not isinstance(call, dict):
            continue
        inner = call.get("function")
        function: Message = inner if isinstance(inner, dict) else call
        arguments = function.get("arguments", function.get("args", function.get("input")))
        name = function.get("name", function.get("toolName"))
        call_id = call.get("id", call.get("toolCallId"))
        if call_id is None or call_id not in seen:
            calls.append(tool_call(name, arguments, call_id))
    single = message.get("function_call")
    if isinstance(single, dict) and single.get("name"):
        calls.append(tool_call(single["name"], single.get("arguments")))
    return calls


def _langchain(fields: Message, kind: str) -> Message:
    """LangChain's messages: content, tool_calls [{name, args, id}], response metadata."""
    role = role_of({"role": fields.get("role") or kind}, "user")
    extra = fields.get("additional_kwargs")
    extra = extra if isinstance(extra, dict) else {}
    merged = {"role": role, "content": fields.get("content")}
    for key in ("tool_call_id", "status", "name"):
        merged[key] = fields.get(key)
    merged["tool_calls"] = fields.get("tool_calls") or extra.get("tool_calls")
    merged["refusal"] = extra.get("refusal")
    metadata = fields.get("response_metadata")
    if isinstance(metadata, dict):
        merged["finish_reason"] = metadata.get("finish_reason") or metadata.get("stop_reason")
    result = _chat(merged, role)
    assert result is not None
    return result
