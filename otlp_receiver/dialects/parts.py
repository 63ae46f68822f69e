"""One content part of any library's shape as a part in OpenTelemetry's message schema.

Nothing is invented: ids stay as sent, media stay references (or the base64 they were sent as),
keys that OpenTelemetry does not know are kept, and a part of an unknown type passes through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otlp_receiver.dialects.json_text import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable

Part = dict[str, Any]

_CONTENT = ("content", "text", "thinking", "reasoning", "refusal", "value")


def parts_of(content: Any) -> list[Part]:
    """The parts of a message's content: a text, one part, a list of either, or nothing."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    if isinstance(content, list):
        return [part for entry in content for part in parts_of(entry)]
    if isinstance(content, dict):
        part = part_of(content)
        return [] if part is None else [part]
    return [{"type": "text", "content": dumps(content)}]


def part_of(part: Part) -> Part | None:
    """One part; None for a part that says nothing (a cache mark, an empty object)."""
    kind = part.get("type")
    if isinstance(kind, str):
        convert = _BY_TYPE.get(kind)
        return dict(part) if convert is None else convert(part)
    for key, convert in _BY_KEY.items():
        if key in part:
            return convert(part)
    return {"type": "unknown"} | part if part else None


def arguments_of(value: Any) -> Any:
    """Arguments as a value when they were sent as JSON text of an object or a list."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


def tool_call(name: Any, arguments: Any, call_id: Any = None, **extra: Any) -> Part:
    """A ``tool_call`` part; keys whose value is unknown are left out."""
    part: Part = {"type": "tool_call"}
    if call_id not in (None, ""):
        part["id"] = call_id
    part["name"] = name
    if arguments is not None:
        part["arguments"] = arguments_of(arguments)
    return part | {key: value for key, value in extra.items() if value is not None}


def tool_response(response: Any, call_id: Any = None, **extra: Any) -> Part:
    """A ``tool_call_response`` part; error flags and names are kept as extra keys."""
    part: Part = {"type": "tool_call_response"}
    if call_id not in (None, ""):
        part["id"] = call_id
    part["response"] = response
    return part | {key: value for key, value in extra.items() if value is not None}


def _first(part: Part, *keys: str) -> Any:
    for key in keys:
        if part.get(key) is not None:
            return part[key]
    return None


def _rest(part: Part, *taken: str) -> Part:
    return {key: value for key, value in part.items() if key not in taken and value is not None}


def _textual(kind: str) -> Callable[[Part], Part]:
    """A part that is a text under one of several keys."""

    def convert(part: Part) -> Part:
        value = _first(part, *_CONTENT)
        if isinstance(value, dict):
            value = _first(value, "value", "text", "content")
        content = value if isinstance(value, str) or value is None else dumps(value)
        return {"type": kind, "content": content or ""} | _rest(part, "type", *_CONTENT)

    return convert


def _otel_tool_call(part: Part) -> Part:
    """OpenTelemetry's own, and OpenAI's ``{type, id, function: {name, arguments}}``."""
    function = part.get("function")
    if isinstance(function, dict):
        return tool_call(function.get("name"), function.get("arguments"), part.get("id"))
    known = ("type", "id", "name", "arguments", "args", "call_id", "input")
    return tool_call(
        part.get("name"),
        _first(part, "arguments", "args", "input"),
        _first(part, "id", "call_id"),
        **_rest(part, *known),
    )


def _otel_tool_response(part: Part) -> Part:
    """OpenTelemetry's own; published examples and some libraries write ``result``."""
    known = ("type", "id", "response", "result", "content", "output", "call_id")
    return tool_response(
        text_or_value(_first(part, "response", "result", "content", "output")),
        _first(part, "id", "call_id"),
        **_rest(part, *known),
    )


def _anthropic_result(part: Part) -> Part:
    content = part.get("content")
    return tool_response(
        text_or_value(content),
        _first(part, "tool_use_id", "id"),
        **_rest(part, "type", "tool_use_id", "id", "content", "cache_control"),
    )


def _ai_sdk_call(part: Part) -> Part:
    return tool_call(part.get("toolName"), _first(part, "input", "args"), part.get("toolCallId"))


def _ai_sdk_result(part: Part) -> Part:
    """``output`` is ``{type, value}``; error types are kept, for they are all there is."""
    output = _first(part, "output", "result")
    error: Any = part.get("isError")
    if isinstance(output, dict) and set(output) <= {"type", "value", "reason"}:
        if str(output.get("type", "")).startswith(("error", "execution-denied")):
            error = True
        output = _first(output, "value", "reason")
    return tool_response(output, part.get("toolCallId"), name=part.get("toolName"), is_error=error)


def _bedrock_call(part: Part) -> Part:
    use = part["toolUse"] if isinstance(part["toolUse"], dict) else {}
    return tool_call(use.get("name"), use.get("input"), use.get("toolUseId"))


def _bedrock_result(part: Part) -> Part:
    result = part["toolResult"] if isinstance(part["toolResult"], dict) else {}
    failed = True if result.get("status") == "error" else None
    return tool_response(
        text_or_value(result.get("content")),
        result.get("toolUseId"),
        status=result.get("status"),
        is_error=failed,
    )


def _gemini_call(part: Part) -> Part:
    call = _first(part, "function_call", "functionCall")
    call = call if isinstance(call, dict) else {}
    return tool_call(call.get("name"), call.get("args"), call.get("id"))


def _gemini_result(part: Part) -> Part:
    result = _first(part, "function_response", "functionResponse")
    result = result if isinstance(result, dict) else {}
    return tool_response(result.get("response"), result.get("id"), name=result.get("name"))


def _responses_call(part: Part) -> Part:
    return tool_call(part.get("name"), part.get("arguments"), _first(part, "call_id", "id"))


def _responses_output(part: Part) -> Part:
    return tool_response(text_or_value(part.get("output")), _first(part, "call_id", "id"))


def _summary_reasoning(part: Part) -> Part:
    """Reasoning: OpenTelemetry's ``content``, or the Responses API's list of summaries."""
    summary = part.get("summary")
    if isinstance(summary, list) and not part.get("content"):
        texts = [entry.get("text", "") for entry in summary if isinstance(entry, dict)]
        part = {key: value for key, value in part.items() if key != "summary"}
        part["content"] = "\n".join(texts)
    return _textual("reasoning")(part)


def _bedrock_reasoning(part: Part) -> Part:
    inner = part["reasoningContent"]
    text = inner.get("reasoningText", inner) if isinstance(inner, dict) else inner
    return _textual("reasoning")(text if isinstance(text, dict) else {"text": text})


def _wrapped_text(part: Part) -> Part | None:
    """``{text: …}`` without a type: Bedrock and Gemini; ``thought`` marks Gemini's reasoning."""
    if not isinstance(part.get("text"), str):
        return dict(part)
    kind = "reasoning" if part.get("thought") is True else "text"
    return {"type": kind, "content": part["text"]} | _rest(part, "text", "thought")


def text_or_value(content: Any) -> Any:
    """A tool's answer: the text of text blocks, else the value as sent."""
    if isinstance(content, list) and content:
        texts = []
        for block in content:
            if isinstance(block, str):
                texts.append(block)
            elif isinstance(block, dict) and isinstance(block.get("text"), str):
                texts.append(block["text"])
            elif isinstance(block, dict) and set(block) == {"json"}:
                return block["json"] if len(content) == 1 else content
            else:
                return content
        return "\n".join(texts)
    return content


def _media(part: Part) -> Part:
    from otlp_receiver.dialects.media import media_part

    return media_part(part)


def _with_mime_type(part: Part) -> Part:
    """A media part of the convention, whose type Logfire writes under a key of its own."""
    if "media_type" not in part or "mime_type" in part:
        return dict(part)
    return {("mime_type" if key == "media_type" else key): value for key, value in part.items()}


_BY_TYPE: dict[str, Callable[[Part], Part | None]] = {
    "text": _textual("text"),
    "input_text": _textual("text"),
    "output_text": _textual("text"),
    "summary_text": _textual("reasoning"),
    "reasoning": _summary_reasoning,
    "thinking": _textual("reasoning"),
    "reasoning_content": _textual("reasoning"),
    "refusal": _textual("refusal"),
    "tool_call": _otel_tool_call,
    "function": _otel_tool_call,
    "tool_call_response": _otel_tool_response,
    "tool_use": _otel_tool_call,
    "tool_result": _anthropic_result,
    "tool-call": _ai_sdk_call,
    "tool-result": _ai_sdk_result,
    "tool-error": _ai_sdk_result,
    "blob": _with_mime_type,
    "uri": _with_mime_type,
    "function_call": _responses_call,
    "function_call_output": _responses_output,
    **dict.fromkeys(
        (
            "image_url",
            "input_image",
            "image-url",
            "audio-url",
            "video-url",
            "document-url",
            "image",
            "audio",
            "video",
            "document",
            "input_audio",
            "input_file",
            "file",
            "binary",
            "media",
        ),
        _media,
    ),
}

_BY_KEY: dict[str, Callable[[Part], Part | None]] = {
    "toolUse": _bedrock_call,
    "toolResult": _bedrock_result,
    "reasoningContent": _bedrock_reasoning,
    "function_call": _gemini_call,
    "functionCall": _gemini_call,
    "function_response": _gemini_result,
    "functionResponse": _gemini_result,
    "inline_data": _media,
    "inlineData": _media,
    "file_data": _media,
    "fileData": _media,
    "image": _media,
    "video": _media,
    "document": _media,
    "text": _wrapped_text,
}
