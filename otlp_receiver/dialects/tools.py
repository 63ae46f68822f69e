"""Tool definitions, arguments and results of any library's shape."""

from __future__ import annotations

from ast import literal_eval
from typing import Any

from otlp_receiver.dialects.json_text import loads
from otlp_receiver.dialects.parts import text_or_value

_ENVELOPE_INPUT = frozenset(("input_str", "tags", "metadata", "inputs", "kwargs", "name"))
_ENVELOPE_OUTPUT = frozenset(("output", "kwargs", "tags", "outputs"))


def tool_definitions(value: Any) -> list[dict[str, Any]] | None:
    """Definitions as ``{type, name, description?, parameters?}``; names alone stay names."""
    value = _parsed(value)
    if isinstance(value, dict):
        value = (
            [
                value | {"name": name} if isinstance(value, dict) else {"name": name}
                for name, value in value.items()
            ]
            if not _is_definition(value)
            else [value]
        )
    if not isinstance(value, list):
        return None
    found: list[dict[str, Any]] = []
    for entry in value:
        found += _definitions(_parsed(entry))
    return found or None


def _is_definition(value: dict[str, Any]) -> bool:
    return "name" in value or "function" in value or "type" in value


def _definitions(entry: Any) -> list[dict[str, Any]]:
    """One entry: a definition, a name, or Gemini's group of function declarations."""
    if isinstance(entry, str):
        return [{"type": "function", "name": entry}]
    if not isinstance(entry, dict):
        return []
    for key in ("function_declarations", "functionDeclarations"):
        if isinstance(entry.get(key), list):
            return [found for inner in entry[key] for found in _definitions(inner)]
    if isinstance(entry.get("toolSpec"), dict):
        entry = entry["toolSpec"]
    function = entry.get("function")
    if isinstance(function, dict):
        entry = {"type": entry.get("type", "function"), **function}
    definition: dict[str, Any] = {"type": entry.get("type") or "function"}
    for key, value in entry.items():
        if value is None or key == "type":
            continue
        if key in _SCHEMA_KEYS:
            definition["parameters"] = _schema(value)
        elif key in ("outer_typed_dict_key", "kind", "sequential", "toolset_id"):
            continue
        else:
            definition[key] = value
    return [definition]


_SCHEMA_KEYS = frozenset(
    (
        "parameters",
        "inputSchema",
        "input_schema",
        "parameters_json_schema",
        "parametersJsonSchema",
    )
)


def _schema(value: Any) -> Any:
    """A parameter schema; Bedrock wraps it in ``{json: …}``, flattened forms in text."""
    value = _parsed(value)
    return value["json"] if isinstance(value, dict) and set(value) == {"json"} else value


def tool_arguments(value: Any) -> Any:
    """The arguments alone, out of the envelopes that LangChain and decorators put around them."""
    value = _parsed(value)
    if not isinstance(value, dict):
        return value
    if "input_str" in value and set(value) <= _ENVELOPE_INPUT:
        inner = value.get("inputs")
        return inner if inner not in (None, {}) else _parsed(value["input_str"])
    if set(value) == {"tool_name", "arguments"}:
        return _parsed(value["arguments"])
    if set(value) == {"kwargs"} and isinstance(value["kwargs"], dict):
        # LlamaIndex writes the call of a function, where nothing stands by its position.
        return value["kwargs"]
    if set(value) == {"args", "kwargs"} and isinstance(value["args"], list):
        if not value["args"]:
            return value["kwargs"]
        return value["args"][0] if len(value["args"]) == 1 and not value["kwargs"] else value
    return value


def tool_result(value: Any) -> Any:
    """The result alone, out of LangChain's ``{output: ToolMessage, kwargs}`` envelope.

    What says that the call failed stays with it.
    """
    value = _parsed(value)
    if isinstance(value, dict) and value and set(value) <= _ENVELOPE_OUTPUT:
        inner = value.get("output", value.get("outputs"))
        value = value if inner is None else inner
    if isinstance(value, dict):
        message = value.get("kwargs") if value.get("lc") == 1 else value.get("data")
        if value.get("type") == "tool" and "content" in value:
            message = value
        if isinstance(message, dict) and "content" in message:
            value = _parsed(text_or_value(message["content"]))
            if message.get("status") == "error":
                # Nothing else says that the call failed.
                value = {"status": "error", "content": value}
    if isinstance(value, dict) and {"tool_name", "raw_output", "is_error"} <= set(value):
        # LlamaIndex's output of a tool, as text for the model and as it was.
        value = _parsed(value["raw_output"])
    if isinstance(value, dict) and set(value) == {"content", "isError"} and not value["isError"]:
        value = value["content"]
    if isinstance(value, list):
        value = _parsed(text_or_value(value))
    if isinstance(value, dict) and set(value) == {"result", "is_error"} and not value["is_error"]:
        value = _parsed(value["result"])
    return value


def _parsed(value: Any) -> Any:
    """The value of JSON text, or of Python's repr of one; other text, other values, as they are."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "[", '"'):
        try:
            return loads(value)
        except ValueError:
            return _python_repr(value)
    return value


_REPR_LENGTH_MAX = 100_000


def _python_repr(text: str) -> Any:
    """Some Python libraries write ``str(result)`` of a dict or a list."""
    if "'" in text and len(text) <= _REPR_LENGTH_MAX and text.rstrip()[-1] in "]}":
        try:
            return literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return text
    return text
