"""What can go wrong with the tables.

SpanStoreError
├── UnknownColumnError     a filter or a selection names a column that does not exist
├── InvalidFilterError     a filter is not a SQL boolean expression over the table
└── StoreUnavailableError  the place of the tables cannot be read or written
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SpanStoreError(Exception):
    """Base of every error of this package."""


class UnknownColumnError(SpanStoreError):
    """A filter or a selection names a column that the table does not have."""

    def __init__(self, column: str, table: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.column = column
        self.table = table
        self.nearest = get_close_matches(column, known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(self.nearest)}?" if self.nearest else ", ".join(known)
        super().__init__(f"unknown column {column!r} in {table}; {hint}")


class InvalidFilterError(SpanStoreError):
    """A filter is not a SQL boolean expression over the columns of the table."""

    def __init__(self, filter_sql: str, reason: str) -> None:
        self.filter_sql = filter_sql
        self.reason = reason
        super().__init__(f"cannot read the filter {filter_sql!r}: {reason}")


class StoreUnavailableError(SpanStoreError):
    """The place of the tables cannot be read or written."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"cannot use the tables at {place}: {reason}")
