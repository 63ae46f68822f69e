"""From an attribute's value to a column's: one small function a kind of column.

Each takes any JSON value and returns the column's value, or None when the value does not fit:
then the next line of the mapping is asked and the raw attribute stays.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from otlp_receiver.dialects.answer_reasons import answer_reasons
from otlp_receiver.dialects.conversations import (
    event_inputs,
    event_outputs,
    input_messages,
    instructions,
    offered_tools,
    output_messages,
)
from otlp_receiver.dialects.finish_reasons import fold_all
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.operations import operation
from otlp_receiver.dialects.providers import provider
from otlp_receiver.dialects.tools import tool_arguments, tool_definitions, tool_result

if TYPE_CHECKING:
    from collections.abc import Callable

_PLACEHOLDERS = frozenset(("<not specified>", "<REDACTED>", "<elided>", "NOT_GIVEN"))
"""Words that libraries write where they have nothing to say."""

_LOOKS_LIKE_JSON = re.compile(r"[\[{]\s*[\"\[{]")
"""How JSON begins and prose does not: ``[Note] …`` is prose, ``[{"role"…`` was JSON and is cut."""

COUNT_MAX = 10**15
"""A larger count is an error of its sender; sums of such counts still fit a column."""


def text(value: Any) -> str | None:
    """A name or id, as sent; numbers are spelled out, emptiness is nothing."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return dumps(value)
    if isinstance(value, list) and len(value) == 1:
        return text(value[0])
    if not isinstance(value, str):
        return None
    if len(value) > 1 and value[0] == value[-1] == '"':
        return text(_unquoted(value))
    return value if value and value not in _PLACEHOLDERS else None


def _unquoted(value: str) -> Any:
    """A JSON string inside the string (double encoding), when it is one."""
    try:
        return loads(value)
    except ValueError:
        return None


def integer(value: Any) -> int | None:
    """A count: not negative, not beyond reason; text that spells one is accepted."""
    if isinstance(value, str):
        try:
            value = float(value) if "." in value or "e" in value.lower() else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not math.isfinite(value) or value != math.floor(value):
            return None
        value = int(value)
    return value if 0 <= value <= COUNT_MAX else None


def number(value: Any) -> float | None:
    """A finite number that is not negative; text that spells one is accepted."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    value = float(value) if abs(value) < 1e300 else math.inf
    return value if math.isfinite(value) and value >= 0 else None


def seconds(value: Any) -> float | None:
    """Seconds as milliseconds."""
    result = number(value)
    return None if result is None else result * 1000.0


def boolean(value: Any) -> bool | None:
    """True or false; Python's and JavaScript's spellings are accepted."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().strip('"').lower())
    return None


def operation_name(value: Any) -> str | None:
    """An operation in OpenTelemetry's words."""
    return operation(value) if isinstance(value, str) else None


def litellm_operation(value: Any) -> str | None:
    """LiteLLM's own calls: "completion" for chat too, and every one with an "a" when awaited."""
    name = value.strip().lower() if isinstance(value, str) else ""
    known = _LITELLM_CALLS.get(name) or _LITELLM_CALLS.get(name.removeprefix("a"))
    return known or operation_name(value)


_LITELLM_CALLS = {
    "completion": "chat",
    "responses": "chat",
    "anthropic_messages": "chat",
    "text_completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
    "generate_content": "generate_content",
    "generate_content_stream": "generate_content",
}


def provider_name(value: Any) -> str | None:
    """A provider in OpenTelemetry's words."""
    return provider(value) if isinstance(value, str) else None


_OUTPUT_TYPES = {
    "text": "text",
    "tool": "json",
    "tool_or_text": "json",
    "native": "json",
    "prompted": "json",
    "json": "json",
    "json_object": "json",
    "json_schema": "json",
    "application/json": "json",
    "text/plain": "text",
    "object": "json",
    "array": "json",
    "enum": "json",
    "image": "image",
    "speech": "speech",
    "audio": "speech",
}


def output_type(value: Any) -> str | None:
    """The modality asked for: text, json, image or speech, else as sent."""
    word = text(value)
    if word is None or word in ("no-schema", "auto"):
        return None
    return _OUTPUT_TYPES.get(word.lower(), word)


def schema(value: Any) -> str | None:
    """A JSON Schema, as JSON text."""
    parsed = parsed_or_none(value)
    return dumps(parsed) if isinstance(parsed, dict) and parsed else None


def model_schema(value: Any) -> str | None:
    """The JSON Schema of a class, without any wrapper; the name of a format is none."""
    parsed = parsed_or_none(value)
    is_schema = isinstance(parsed, dict) and not _SCHEMA_MARKS.isdisjoint(parsed)
    return schema(parsed) if is_schema else None


_SCHEMA_MARKS = frozenset(("properties", "$defs", "$ref", "items", "anyOf", "oneOf", "enum"))


def parsed_or_none(value: Any) -> Any:
    """The value; JSON text is parsed, text that is not JSON is None."""
    if not isinstance(value, str):
        return value
    try:
        return loads(value)
    except ValueError:
        return None


def _json(convert: Callable[[Any], Any]) -> Callable[[Any], str | None]:
    """Wrap a function of values so that it reads JSON text and writes it."""

    def transform(value: Any) -> str | None:
        if isinstance(value, str):
            stripped = value.strip()
            if stripped in _PLACEHOLDERS or stripped in ("", "{}", "[]", "null", '""'):
                return None
            if stripped[0] in '[{"':
                try:
                    value = loads(stripped)
                except ValueError:
                    if _LOOKS_LIKE_JSON.match(stripped):
                        raise
        result = convert(value)
        return None if result is None else dumps(result)

    return transform


def finish_reasons(value: Any) -> list[str] | None:
    """Finish reasons from a list, a JSON list as text, or one word."""
    if isinstance(value, str) and value[:1] in "[{":
        parsed = parsed_or_none(value)
        value = value if parsed is None else parsed
    return fold_all(value)


def yes(_: Any) -> bool:
    """The attribute's presence says that the answer was streamed."""
    return True


def no(_: Any) -> bool:
    """A library that would say when it streamed, and does not."""
    return False


def no_of_client(value: Any) -> bool | None:
    """MLflow's message formats of provider clients, which send ``stream`` only when streaming."""
    return False if text(value) in ("openai", "anthropic", "gemini", "groq", "bedrock") else None


def input_usage(value: Any) -> int | None:
    """All input tokens of Langfuse's usage details, whose kinds of input exclude each other."""
    return _usage(value, "input")


def output_usage(value: Any) -> int | None:
    """All output tokens of Langfuse's usage details."""
    return _usage(value, "output")


_ANTHROPIC_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic's own counts, which its input never holds."""


def _usage(value: Any, side: str) -> int | None:
    """The sum of ``input`` and every ``input_…``, unless the total says that it holds them."""
    if not isinstance(value, dict):
        return None
    counts = {key: count for key in value if (count := integer(value[key])) is not None}
    cached = sum(counts.get(key, 0) for key in _ANTHROPIC_CACHE) if side == "input" else 0
    if side not in counts:
        own = counts.get(f"{side}_tokens")
        return own + cached if cached and own is not None else None
    plain = [counts.get("input", 0), counts.get("output", 0)]
    if counts.get("total") == sum(plain):
        return counts[side]
    return cached + sum(counts[key] for key in counts if key == side or key.startswith(f"{side}_"))


def whole_cost(value: Any) -> float | None:
    """A cost out of ``{input, output, total}``: the total, else the sum of its kinds."""
    if not isinstance(value, dict):
        return None
    costs = {key: cost for key in value if (cost := number(value[key])) is not None}
    total = costs.pop("total", costs.pop("total_cost", None))
    return total if total is not None or not costs else sum(costs.values())


def first_word(value: Any) -> str | None:
    """The operation before a function's own name, in ``operation.name`` of the Vercel AI SDK."""
    words = (text(value) or "").split()
    return operation(words[0]) if words else None


def _argument(name: str, value: Any) -> dict[str, Any]:
    """A tool's argument that stands in a key of its own."""
    return {name: value}


def tool_parameters(value: Any) -> Any:
    """OpenInference's ``tool.parameters``: arguments, or the tool's own schema, which are none."""
    found = tool_arguments(value)
    if isinstance(found, dict) and found.get("type") == "object" and "properties" in found:
        return None
    return found


def messages_with_tools(value: Any) -> Any:
    """The tools that stand among the messages, as definitions."""
    found = offered_tools(value)
    return None if found is None else tool_definitions(found)


def provider_prefix(value: Any) -> str | None:
    """The provider before the model in LiteLLM's ``openai/gpt-4o``."""
    head, slash, _ = (text(value) or "").partition("/")
    return provider(head) if slash else None


def plugin_function(value: Any) -> str | None:
    """The function's own name out of Semantic Kernel's ``Plugin-function``."""
    name = text(value)
    parts = (name or "").split("-")
    return parts[1] if len(parts) == 2 and all(parts) else name


def mcp_operation(value: Any) -> str | None:
    """A call of a tool over the model context protocol; other methods are no operation."""
    return "execute_tool" if value == "tools/call" else None


def _or_text(convert: Callable[[Any], Any]) -> Callable[[Any], str | None]:
    """Like :func:`_json`, for keys that hold plain text too: text that is no JSON is a text."""
    as_json = _json(convert)

    def transform(value: Any) -> str | None:
        try:
            return as_json(value)
        except ValueError:
            return dumps(convert([value]))

    return transform


def input_texts(value: Any) -> list[dict[str, Any]] | None:
    """Texts to embed, each in JSON quotes of its own or not, as messages of the user."""
    texts = value if isinstance(value, list) else [value]
    return input_messages([text(entry) for entry in texts])


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "text": text,
    "integer": integer,
    "number": number,
    "seconds": seconds,
    "milliseconds": number,
    "boolean": boolean,
    "operation": operation_name,
    "litellm_operation": litellm_operation,
    "provider": provider_name,
    "output_type": output_type,
    "schema": schema,
    "model_schema": model_schema,
    "finish_reasons": finish_reasons,
    "answer_reasons": lambda value: answer_reasons(parsed_or_none(value)),
    "input_messages": _json(input_messages),
    "output_messages": _json(output_messages),
    "input_messages_or_text": _or_text(input_messages),
    "output_messages_or_text": _or_text(output_messages),
    "input_texts": _json(input_texts),
    "event_inputs": _json(event_inputs),
    "event_outputs": _json(event_outputs),
    "instructions": _json(instructions),
    "yes": yes,
    "no": no,
    "no_of_client": no_of_client,
    "mcp_operation": mcp_operation,
    "plugin_function": plugin_function,
    "provider_prefix": provider_prefix,
    "tools": _json(tool_definitions),
    "offered_tools": _json(messages_with_tools),
    "first_word": first_word,
    "full_command": _json(partial(_argument, "full_command")),
    "file_path": _json(partial(_argument, "file_path")),
    "whole_cost": lambda value: whole_cost(parsed_or_none(value)),
    "input_usage": lambda value: input_usage(parsed_or_none(value)),
    "output_usage": lambda value: output_usage(parsed_or_none(value)),
    "tool_parameters": _json(tool_parameters),
    "tool_arguments": _json(tool_arguments),
    "tool_result": _json(tool_result),
}
"""Each raises ValueError when the value is JSON that was cut: content is then marked truncated."""

LOSSLESS = frozenset(
    (
        "text",
        "integer",
        "number",
        "seconds",
        "milliseconds",
        "boolean",
        "schema",
        "input_messages",
        "output_messages",
        "input_messages_or_text",
        "output_messages_or_text",
        "input_texts",
        "instructions",
        "tools",
        "tool_arguments",
        "tool_result",
    )
)
"""Transforms after which the raw attribute may go: the column holds all that it said."""
