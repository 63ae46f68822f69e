"""Column types that mean the same on every engine, and take the same values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

from queue_store.errors import InvalidValueError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
WHOLE_MAX = 2**31 - 1
"""The greatest number that a column of whole numbers takes on every engine."""


class Moment(TypeDecorator[datetime]):
    """An aware time, stored as microseconds since 1970 UTC: exact, and ordered as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To microseconds; refuses naive times."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Back to an aware time in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class PlainText(TypeDecorator[str]):
    """Text that every engine can keep: PostgreSQL knows no NUL, and neither lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """As it is; raises InvalidValueError for what no engine, or not every one, can keep."""
        if value is not None and storable(value) is not value:
            raise InvalidValueError(
                "text", value, f"{str(value)[:60]!r} holds characters that cannot be stored"
            )
        return None if value is None else str(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value as text: the same bytes on every engine."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text; None stays NULL."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Back to a value."""
        return None if value is None else json.loads(value)


def id_or_zero(number: int) -> int:
    """The number of a row; zero, which none has, when no row can have it."""
    return number if 0 < number <= WHOLE_MAX else 0


def to_microseconds(value: datetime) -> int:
    """Microseconds since 1970 UTC; the time must be aware."""
    if value.tzinfo is None:
        raise ValueError("times must carry their zone")
    return (value - _EPOCH) // _MICROSECOND


def to_json(value: Any) -> str:
    """One value as compact JSON text; numbers that JSON does not know are null.

    Raises InvalidValueError for what is no JSON value.
    """
    try:
        return _dumped(value)
    except ValueError:
        return _dumped(_without_infinities(value))
    except TypeError as error:
        raise InvalidValueError("value", None, f"is no JSON value: {error}") from error


def _dumped(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), default=list, allow_nan=False
    )


def _without_infinities(value: Any) -> Any:
    """The value with null for every number that is not finite."""
    match value:
        case float():
            return value if isfinite(value) else None
        case dict():
            return {key: _without_infinities(entry) for key, entry in value.items()}
        case str() | None | bool() | int():
            return value
        case _:
            return [_without_infinities(entry) for entry in value]


def storable(text: str) -> str:
    """The very same text when every engine can keep it, else with U+FFFD for what they cannot."""
    if text.isascii():
        return text if "\x00" not in text else text.replace("\x00", "\ufffd")
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    whole = whole.replace("\x00", "\ufffd")
    return text if whole == text else whole
