"""What can go wrong with the tables.

SpanStoreError
├── UnknownColumnError     a filter or a selection names a column that does not exist
├── InvalidFilterError     a filter is not a SQL boolean expression over the table
├── StoreUnavailableError  the place of the tables cannot be read or written
└── ConcurrentWriterError  two processes write under one application id, or maintain one table
"""

from __future__ import annotations

import errno
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class SpanStoreError(Exception):
    """Base of every error of this package."""


class UnknownColumnError(SpanStoreError):
    """A filter or a selection names a column that the table does not have."""

    def __init__(self, column: str, table: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.column = column
        self.table = table
        self.nearest = get_close_matches(column, known, n=3, cutoff=0.5)
        hint = (
            f"did you mean {', '.join(self.nearest)}?"
            if self.nearest
            else "known: " + ", ".join(known)
        )
        super().__init__(f"unknown column {column!r} in {table}; {hint}")


class InvalidFilterError(SpanStoreError):
    """A filter is not a SQL boolean expression over the columns of the table."""

    def __init__(self, filter_sql: str, reason: str) -> None:
        self.filter_sql = filter_sql
        self.reason = one_line(reason)
        super().__init__(f"cannot read the filter {filter_sql!r}: {self.reason}")


class StoreUnavailableError(SpanStoreError):
    """The place of the tables cannot be read or written; the remedy is part of the message."""

    def __init__(self, place: str, reason: str, remedy: str = "") -> None:
        self.place = place
        self.reason = one_line(reason)
        self.remedy = remedy
        message = f"cannot use the tables at {place}: {self.reason}"
        super().__init__(f"{message}; {remedy}" if remedy else message)


class ConcurrentWriterError(SpanStoreError):
    """Another process committed under the same application id; nothing of ours was stored."""

    def __init__(self, place: str, application_ids: Sequence[str]) -> None:
        self.place = place
        self.application_ids = list(application_ids)
        super().__init__(
            f"another process writes to {place} as {', '.join(application_ids)}; "
            "stop one of the two, or wait until it has finished, and try again"
        )


_REMEDIES: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("no space left", "disk full", "quota"), errno.ENOSPC, "free some space on that disk"),
    (("permission denied",), errno.EACCES, "let this user read and write that folder"),
    (("read-only",), errno.EROFS, "choose a place that can be written"),
    (("not a directory", "file exists"), errno.ENOTDIR, "name a folder, not a file"),
    (
        ("credential", "forbidden", "accessdenied", "403", "unauthorized"),
        0,
        "check the credentials and the rights on the bucket",
    ),
    (
        ("error sending request", "connect", "dns", "timed out", "timeout"),
        0,
        "check the endpoint and the network",
    ),
    (("no such bucket", "nosuchbucket"), 0, "create the bucket"),
    (
        ("json", "log", "checkpoint", "parse", "arrow", "parquet", "protocol", "corrupt"),
        0,
        "restore the table's folder from a backup, or move it away to start an empty one",
    ),
)


def unavailable(place: str, error: BaseException) -> StoreUnavailableError:
    """The error of a library as ours, with the remedy that its kind asks for."""
    reason = str(error) or type(error).__name__
    number = getattr(error, "errno", None)
    for words, code, remedy in _REMEDIES:
        if (code and number == code) or any(word in reason.lower() for word in words):
            return StoreUnavailableError(place, reason, remedy)
    return StoreUnavailableError(place, reason, "check that the place exists and can be written")


def one_line(text: str) -> str:
    """A library's message as one short line, without the stack that some append."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    line = " ".join(re.split(r"\s+0: ", text, maxsplit=1)[0].split())
    return line if len(line) <= 300 else line[:297] + "..."
