"""Two column types that mean the same on every engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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


def to_microseconds(value: datetime) -> int:
    """Microseconds since 1970 UTC; the time must be aware."""
    if value.tzinfo is None:
        raise ValueError("times must carry their zone")
    return (value - _EPOCH) // _MICROSECOND


def to_json(value: Any) -> str:
    """One value as compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=list)
