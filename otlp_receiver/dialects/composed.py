"""Fields that several attributes make together, where no list is flattened.

The Vercel AI SDK puts text, tool calls, reasoning and object of one answer under four keys; the
google-genai instrumentation spreads nested settings over dotted keys; Semantic conventions for
function parameters do so too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from otlp_receiver.dialects.attributes import AttributeTable, Kind
from otlp_receiver.dialects.finish_reasons import fold
from otlp_receiver.dialects.flattened import Assembled, Family
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.messages import calls_of
from otlp_receiver.dialects.parts import parts_of
from otlp_receiver.dialects.resolution import first_at, parsed

if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWER = re.compile(
    r"ai\.(?:response|result)\.(text|toolCalls|object|reasoning|reasoningText|files|finishReason)"
)
_SCHEMA = re.compile(r"gcp\.gen_ai\.operation\.config\.response_(?:json_)?schema\.(.+)")
_RAW_FORMAT = re.compile(r"llm\.([^.]+\.(?:response_format|output_format|text|generationConfig))")
_PARAMETERS = re.compile(r"code\.function\.parameters\.(.+)\.value")

_KEEP = frozenset(("finishReason",))
"""Parts of an answer that have a column of their own."""


def compose(table: AttributeTable) -> list[Assembled]:
    """Every such field that occurs, put together by owner."""
    found = []
    for field, pattern, source, make in _RULES:
        steps = {}
        for number, key in enumerate(table.keys):
            match = pattern.fullmatch(key)
            if match is not None:
                steps[number] = match[1]
        if steps:
            family = Family(field, pattern, "", source)
            found.append(_compose(table, family, steps, make))
    return found


def _compose(
    table: AttributeTable,
    family: Family,
    steps: dict[int, str],
    make: Callable[[dict[str, Any]], Any],
) -> Assembled:
    rows = np.sort(np.concatenate([table.positions_of(number) for number in steps]))
    owners = table.owner[rows].tolist()
    texts = table.texts_at(rows)
    plain = np.flatnonzero(table.kind[rows] != Kind.TEXT)
    texts = texts.scatter(plain, table.json_at(rows[plain]))
    said: dict[int, dict[str, Any]] = {}
    kinds = table.kind[rows].tolist()
    codes = table.code[rows].tolist()
    for owner, code, kind, text in zip(owners, codes, kinds, texts.to_list(), strict=True):
        value = text if kind == Kind.TEXT else _value(text)
        said.setdefault(owner, {})[steps[code]] = value
    made: dict[int, str] = {}
    for owner, values in said.items():
        try:
            result = make(values)
        except Exception:  # noqa: BLE001  # content is hostile; its raw attributes stay
            continue
        if result:
            made[owner] = dumps(result)
    kept = {number for number, step in steps.items() if step in _KEEP}
    used = [
        row
        for row, owner, code in zip(rows.tolist(), owners, codes, strict=True)
        if owner in made and code not in kept
    ]
    return Assembled(family, made, [], np.array(used, dtype=np.int64))


def _value(text: str | None) -> Any:
    return None if text is None else loads(text)


def _answer(values: dict[str, Any]) -> list[dict[str, Any]] | None:
    """One assistant message out of the SDK's parts of an answer."""
    parts: list[dict[str, Any]] = []
    for key in ("reasoning", "reasoningText"):
        if isinstance(values.get(key), str) and values[key]:
            parts.append({"type": "reasoning", "content": values[key]})
            break
    if isinstance(values.get("text"), str):
        parts += parts_of(values["text"])
    elif values.get("object") is not None:
        said = values["object"]
        parts += parts_of(said if isinstance(said, str) else dumps(said))
    parts += calls_of({"toolCalls": values.get("toolCalls")}, set())
    files = values.get("files")
    if isinstance(files, str):
        parts += [part | {"type": "file"} for part in loads(files) if isinstance(part, dict)]
    if not parts and set(values) <= _KEEP:
        return None
    message: dict[str, Any] = {"role": "assistant", "parts": parts}
    if isinstance(values.get("finishReason"), str):
        message["finish_reason"] = fold(values["finishReason"])
    return [message]


def with_reasoning(messages: str | None, reasoning: str) -> str | None:
    """An answer with what the model reasoned before it; None when it is told there already."""
    if not reasoning:
        return None
    part = {"type": "reasoning", "content": reasoning}
    try:
        answers: Any = [{"role": "assistant", "parts": []}]
        answers = answers if messages is None else loads(messages)
        parts = answers[0]["parts"]
        if any(known["type"] == "reasoning" for known in parts):
            return None
        parts.insert(0, part)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return dumps(answers)


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys as nested objects; numbered steps below one object become a list."""
    root: dict[str, Any] = {}
    for key, value in values.items():
        *steps, last = key.split(".")
        inner = root
        for step in steps:
            following = inner.setdefault(step, {})
            if not isinstance(following, dict):
                break
            inner = following
        else:
            inner[last] = value
    listed = _listed(root)
    return listed if isinstance(listed, dict) else {"items": listed}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return _parameter(value)
    if value and all(key.isdigit() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(entry) for key, entry in value.items()}


def _raw_schema(values: dict[str, Any]) -> dict[str, Any] | None:
    """The schema in a provider's own request, as LiteLLM writes it: JSON, or Python's repr."""
    for value in values.values():
        found = first_at(parsed(value), _SCHEMA_PATHS)
        if isinstance(found, dict) and found:
            return found
    return None


_SCHEMA_PATHS = (
    ("json_schema", "schema"),
    ("format", "schema"),
    ("schema",),
    ("responseJsonSchema",),
    ("responseSchema",),
    ("response_schema",),
)


def _parameters(values: dict[str, Any]) -> dict[str, Any]:
    """Function parameters by name; text that is JSON of an object or a list is its value."""
    return {key: _parameter(value) for key, value in values.items()}


def _parameter(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


_RULES: tuple[tuple[str, re.Pattern[str], str, Callable[[dict[str, Any]], Any]], ...] = (
    ("output_messages", _ANSWER, "ai.response.*", _answer),
    ("output_schema", _SCHEMA, "gcp.gen_ai.operation.config.response_schema.*", _nested),
    ("output_schema", _RAW_FORMAT, "llm.*.response_format", _raw_schema),
    ("tool_arguments", _PARAMETERS, "code.function.parameters.*", _parameters),
)
