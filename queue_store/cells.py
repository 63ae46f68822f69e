"""Cells of imported files as values: times, flags, probabilities, places. Pure.

Each raises ValueError, which says what would fit.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from queue_store.column_types import storable, to_json
from queue_store.model import Anchor

_COUNTED = {"message_index", "part_index", "start", "end"}
_OPEN = {"part_index", "start", "end", "span_id"}
"""Parts of a place that count, and parts that may be null."""


def read_text(name: str, value: Any) -> str | None:
    """Text, or a whole number as such; None for none. Raises ValueError for what cannot be kept."""
    if value is None or value == "":
        return None
    match value:
        case str():
            return _kept(name, value)
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            raise ValueError(f"{name}: {value!r} is not text")


def read_name(name: str, value: Any) -> str:
    """Text that must be there. Raises ValueError."""
    text = read_text(name, value)
    if text is None or not text.strip():
        raise ValueError(f"{name}: is missing")
    return text


def keepable(name: str, value: Any) -> Any:
    """The very value, when every engine can keep it. Raises ValueError."""
    _kept(name, to_json(value))
    return value


def _kept(name: str, text: str) -> str:
    if storable(text) is not text:
        raise ValueError(f"{name}: {text[:60]!r} holds characters that cannot be stored")
    return text


def read_time(value: Any) -> datetime | None:
    """RFC 3339 text (or an aware time) as a time; None for none. Raises ValueError."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValueError(
                f"time: {value!r} is not a time such as 2026-01-31T12:00:00Z"
            ) from error
    if moment.tzinfo is None:
        raise ValueError(f"time: {value!r} has no zone; end it with Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"time: {value!r} is outside the years 1 to 9999") from error


def flag(name: str, value: Any) -> bool:
    """Yes or no as files write it; nothing means no."""
    match value if isinstance(value, bool) else str("" if value is None else value).strip().lower():
        case True | "true" | "yes" | "1":
            return True
        case False | "" | "false" | "no" | "0":
            return False
        case _:
            raise ValueError(f"{name}: {value!r} is not true or false")


def read_probability(value: Any) -> float | None:
    """An inclusion probability, above 0 and at most 1; None for none."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number <= 1:
        raise ValueError(f"inclusion_probability: {value!r} is not above 0 and at most 1")
    return number


def read_seconds(value: Any) -> float | None:
    """A duration in seconds, not below 0; None for none."""
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError(f"seconds_spent: {value!r} is not a number of seconds")
    return number


def read_list(value: Any) -> list[Any]:
    """A list, or one as JSON text; empty for none."""
    found = _parsed("also_acceptable", value)
    if found is None:
        return []
    if isinstance(found, list):
        return found
    raise ValueError(f"also_acceptable: {value!r} is not a list")


def read_anchor(value: Any) -> Anchor | None:
    """A place in the conversation, or one as JSON text; None for none."""
    found = _parsed("anchor", value)
    if found is None:
        return None
    names = {entry.name for entry in fields(Anchor)}
    if not isinstance(found, dict) or not {"direction", "message_index"} <= set(found) <= names:
        raise ValueError(f"anchor: {value!r} is not a place: it has direction and message_index")
    for name, given in found.items():
        kind = int if name in _COUNTED else str
        open_end = given is None and name in _OPEN
        if not open_end and (not isinstance(given, kind) or isinstance(given, bool)):
            wanted = "a whole number" if kind is int else "text"
            raise ValueError(f"anchor: {name} is {given!r}, not {wanted}")
    return Anchor(**keepable("anchor", found))


def _parsed(name: str, value: Any) -> Any:
    """A structured cell; None for an empty one."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"{name}: {value!r} is not JSON") from error
