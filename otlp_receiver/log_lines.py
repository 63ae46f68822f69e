"""How log lines look: a sentence for people, and behind it keys that stay the same for machines.

A line is ``TIME LEVEL SENTENCE event=NAME key=value …``. Sentences may be worded better some day;
the names of events and their keys stay.
"""

from __future__ import annotations

import json
import logging
import time

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""What every record holds; anything else was given as a key."""


class LogLines(logging.Formatter):
    """Writes the keys of a record behind its sentence; times are UTC."""

    converter = time.gmtime  # type: ignore[assignment]  # taken for a method
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """The line without a stack trace; what would break it stands in a JSON string."""
        keys = {name: value for name, value in record.__dict__.items() if name not in _OWN}
        pairs = (f"{name}={_value(keys[name])}" for name in sorted(keys, key=_event_first))
        return " ".join([super().formatMessage(record), *pairs])


def _event_first(name: str) -> tuple[bool, str]:
    return name != "event", name


def _value(value: object) -> str:
    """As it is where it is one plain word, as compact JSON else."""
    text = str(value)
    if isinstance(value, str | int | float) and text.isprintable() and not set(text) & set(' "='):
        return text or '""'
    return json.dumps(value, separators=(",", ":"), default=str)


def use_log_lines(level: int = logging.INFO) -> None:
    """Write this process's log to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines())
    logging.basicConfig(level=level, handlers=[handler])
