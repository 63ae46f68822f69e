"""JSON Schemas as telemetry declares them, compiled without ever fetching anything.

A schema comes from whoever sends spans. Its references to other documents are not followed: that
would let a sender read files of this machine, have it ask any address, and make findings depend on
what answers there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNKNOWN_META_SCHEMA = "Unknown meta-schema"
_GEMINI_TYPES = frozenset(("OBJECT", "ARRAY", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "NULL"))
_VALUES = frozenset(("enum", "const", "default", "example", "examples"))
"""What these say are values, not schemas..."""

_NAMED = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
"""... but in these they are names that somebody gave."""


def validator_of(schema: Any) -> Any:
    """A compiled validator, by the declared draft or 2020-12; None when the schema is unusable.

    Unusable is what is no schema, asks for nothing, contradicts its draft, or refers to a document
    that it does not hold.
    """
    if not isinstance(schema, dict) or not schema:
        return None
    schema = _standard(schema)
    try:
        return jsonschema_rs.validator_for(schema, retriever=_never)
    except jsonschema_rs.ReferencingError:
        return None
    except ValueError as error:
        if "$schema" not in schema or not str(error).startswith(_UNKNOWN_META_SCHEMA):
            return None
    # A dialect of somebody's own: what it shares with the newest draft is what can be checked.
    return validator_of({key: value for key, value in schema.items() if key != "$schema"})


def pointer_of(path: Iterable[str | int]) -> str:
    """The steps of a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _never(uri: str) -> Any:
    message = f"{uri} is not part of the schema, and nothing is fetched"
    raise ValueError(message)


def _standard(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI's ``nullable``, and types in capitals and bounds as text (Gemini), in standard words.

    A schema that names its draft means what the draft says.
    """
    if "$schema" in schema or not _is_of_openapi(schema):
        return schema
    converted = _converted(schema)
    assert isinstance(converted, dict)
    return converted


def _is_of_openapi(value: Any, above: str = "") -> bool:
    if isinstance(value, list):
        return any(_is_of_openapi(item) for item in value)
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    return (
        isinstance(kind, str) and (kind in _GEMINI_TYPES or value.get("nullable") is True)
    ) or any(_is_of_openapi(item, key) for key, item in value.items() if _is_schema(key, above))


def _is_schema(key: str, above: str) -> bool:
    """Whether what stands under a key is read as a schema; ``above`` is the key that holds it."""
    return key not in _VALUES or above in _NAMED


def _converted(value: Any, above: str = "") -> Any:
    if isinstance(value, list):
        return [_converted(item) for item in value]
    if not isinstance(value, dict):
        return value
    converted = {
        key: _bound(key, _converted(item, key)) if _is_schema(key, above) else item
        for key, item in value.items()
    }
    kind = converted.get("type")
    if isinstance(kind, str):
        kind = kind.lower() if kind in _GEMINI_TYPES else kind
        converted["type"] = kind
        if converted.get("nullable") is True:
            converted["type"] = [kind, "null"]
            if isinstance(converted.get("enum"), list):
                converted["enum"] = [*converted["enum"], None]
    return converted


def _bound(key: str, value: Any) -> Any:
    is_bound = key.startswith(("min", "max")) and isinstance(value, str) and value.isdigit()
    return int(value) if is_bound else value
