"""The rows of the Python client, written from the shapes that the HTTP API promises."""

from __future__ import annotations

from typing import Any

from review_app.api import shapes
from review_app.api.description import ENDPOINTS

_HEAD = '''"""What the server answers, as frozen values; written by ``make docs``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import {typing}
'''
_TYPES = """
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
"""
_SENTENCES = {
    "Added": "What became of the objects of one call.",
    "Anchor": "A place in the conversation, quoted so that it can be found again.",
    "Annotation": "One answer of one person to one field about one object.",
    "AnnotationPage": "One page of answers.",
    "Claim": "An item in a reviewer's hands.",
    "Dataset": "Objects kept for evaluation or training.",
    "DatasetEntry": "One object with what went in, what came out, and what people said.",
    "Evaluation": "One score of one evaluator. Times are RFC 3339 with nanoseconds.",
    "EvaluationPage": "One page of scores.",
    "Field": "What a person is asked.",
    "Hold": "One reviewer's lease on an item.",
    "Issue": "A known problem that answers can point to.",
    "Item": "One object in one queue.",
    "ItemPage": "One page of a queue.",
    "Progress": "How far a queue is.",
    "Queue": "A queue with its settings and its progress.",
    "ReviewerProgress": "What one reviewer did in one queue.",
    "ScoresStored": "What became of the scores of one call.",
    "Session": "One conversation, rolled up. Times are RFC 3339 with nanoseconds.",
    "SessionPage": "One page of conversations.",
    "Span": "One canonical span. Times are RFC 3339 with nanoseconds.",
    "SpanPage": "One page of spans.",
    "Trace": "The facts of one analysed trace. Times are RFC 3339 with nanoseconds.",
    "TracePage": "One page of traces.",
    "View": "A named filter over traces or a queue's items.",
}
_SAME = {"ListedItem": "Item", "AnsweredItem": "Item"}
_TABLES = {"Span", "Trace", "Session", "Evaluation"}
_TABLE_ROWS = _TABLES | {"SpanPage", "TracePage", "SessionPage", "EvaluationPage"}
"""Their times have nanoseconds, which a datetime has not."""
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def rows() -> str:
    """The module of what the queue store holds."""
    found = _found()
    return _module(
        _HEAD.format(typing="TYPE_CHECKING, Any") + _TYPES, found, set(_SENTENCES) - _TABLE_ROWS
    )


def table_rows() -> str:
    """The module of the tables' rows."""
    return _module(_HEAD.format(typing="Any"), _found(), _TABLE_ROWS)


def _module(head: str, found: dict[str, dict[str, Any]], wanted: set[str]) -> str:
    names = sorted(name for name in found if name in wanted)
    exported = "".join(f'    "{name}",\n' for name in names)
    classes = [_class(name, found[name]) for name in names]
    return "\n\n\n".join([head.rstrip("\n"), *classes, f"__all__ = [\n{exported}]"]) + "\n"


def _found() -> dict[str, dict[str, Any]]:
    """Every shape that has a name, the inner ones too."""
    found: dict[str, dict[str, Any]] = {}
    for shape in (shapes.LISTED_ITEM, *(endpoint.result for endpoint in ENDPOINTS)):
        _gather(shape, found)
    return found


def _gather(value: Any, found: dict[str, dict[str, Any]]) -> None:
    """Every titled shape by its name, the inner ones too."""
    if isinstance(value, dict):
        title = value.get("title")
        if isinstance(title, str):
            found.setdefault(_SAME.get(title, title), value)
        for entry in value.values():
            _gather(entry, found)
    elif isinstance(value, list):
        for entry in value:
            _gather(entry, found)


def _class(name: str, shape: dict[str, Any]) -> str:
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
    lines.append(f'    """{_SENTENCES[name]}"""\n')
    for key, schema in shape["properties"].items():
        default = "" if key in shape["required"] else " = ()"
        lines.append(f"    {key}: {_type(schema, name)}{default}")
        sentence = schema.get("description", "")
        if sentence:
            end = "" if sentence.endswith((".", "?", "!")) else "."
            lines.append(f'    """{sentence[0].upper()}{sentence[1:]}{end}"""')
    return "\n".join(lines)


def _type(schema: dict[str, Any], name: str) -> str:
    if "oneOf" in schema:
        return " | ".join(_type(each, name) for each in schema["oneOf"])
    kinds = schema.get("type")
    if kinds is None:
        return "Any"
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return " | ".join(_one_type(kind, schema, name) for kind in kinds)


def _one_type(kind: str, schema: dict[str, Any], name: str) -> str:
    match kind:
        case "null":
            return "None"
        case "array":
            return f"tuple[{_type(schema['items'], name)}, ...]"
        case "object":
            title = schema.get("title")
            return _SAME.get(title, title) if title else "Mapping[str, Any]"
        case "string" if schema.get("format") == "date-time" and name not in _TABLES:
            return "datetime"
        case _:
            return _PLAIN[kind]
