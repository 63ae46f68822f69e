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
    """Gemini's schemas (types in capitals, ``nullable``, bounds as text) in standard words."""
    if schema.get("type") not in _GEMINI_TYPES:
        return schema
    converted = _converted(schema)
    assert isinstance(converted, dict)
    return converted


def _converted(value: Any) -> Any:
    if isinstance(value, list):
        return [_converted(item) for item in value]
    if not isinstance(value, dict):
        return value
    converted = {key: _bound(key, _converted(item)) for key, item in value.items()}
    kind = converted.get("type")
    if isinstance(kind, str) and kind in _GEMINI_TYPES:
        converted["type"] = kind.lower()
        if converted.get("nullable") is True:
            converted["type"] = [kind.lower(), "null"]
            if isinstance(converted.get("enum"), list):
                converted["enum"] = [*converted["enum"], None]
    return converted


def _bound(key: str, value: Any) -> Any:
    is_bound = key.startswith(("min", "max")) and isinstance(value, str) and value.isdigit()
    return int(value) if is_bound else value
