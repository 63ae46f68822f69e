"""Times on the command line: RFC 3339, a date, or how long ago."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from threading import TIMEOUT_MAX
from typing import Any

import click

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)\s*ago")
_FIRST, _LAST = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime]):
    """``2026-01-31T12:00:00Z``, ``2026-01-31`` (UTC) or ``2h ago``.

    ``is_stored`` asks for one that a column of nanoseconds can hold, some days before and after it.
    """

    name = "time"

    def __init__(self, *, is_stored: bool = False) -> None:
        self._is_stored = is_stored

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read an aware time; without an offset it is UTC."""
        if isinstance(value, datetime):
            return value
        try:
            moment = _read(str(value).strip())
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is not a time; write 2026-01-31T12:00:00Z, 2026-01-31 or '2h ago'",
                param,
                ctx,
            )
        if self._is_stored and not _FIRST <= moment <= _LAST:
            self.fail(f"{value!r} does not lie in {_FIRST:%Y} to {_LAST:%Y}", param, ctx)
        return moment


def _read(text: str) -> datetime:
    """In UTC where the text names no other; raises ValueError, or OverflowError out of reach."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
    # Python reads microseconds; the products' own times carry nanoseconds.
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    # One that has no counterpart in UTC could not be told in any answer.
    moment.astimezone(UTC)
    return moment


class Wait(click.FloatRange):
    """Seconds that a process can wait: ``inf`` is as long as it can."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number within the range."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return min(seconds, TIMEOUT_MAX)


MOMENT = Moment()
STORED_MOMENT = Moment(is_stored=True)
