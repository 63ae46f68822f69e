"""Filters: SQL boolean expressions over the columns of one table, compiled by Polars."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl

from span_store.errors import InvalidFilterError, UnknownColumnError
from span_store.schema import Form, TableSchema
from span_store.time_literals import UnreadableTimeError, with_times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from polars.datatypes import DataTypeClass

_QUERY = re.compile(r"\b(?:select|values|table|with)\b|\(\s*from\b", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_TEXT = re.compile(r"'(?:[^']|'')*'")
_OTHER_QUOTES = ("\\", "$", "`", "/*", "--")
"""What may quote, or end a quotation, in other ways."""
_CLOCK = re.compile(r"\bnow\s*\(|\bcurrent_(?:date|time|timestamp)\b", re.IGNORECASE)
_COLON = re.compile(r"(?<!:)\b(\w+):(\w+)")
_MANY_ROWS = {"Agg", "Correlation", "Explode", "IntRange", "Len", "Over", "Quantile"}
"""What looks at other rows than its own, as Polars writes an expression down."""
_ELSEWHERE = {"Column", "Eval", "Literal"}
"""Parts without such a meaning: names, values, and what looks at the entries of one list."""


def parse_filter(filter_sql: str, time_columns: Collection[str]) -> pl.Expr:
    """Read a SQL expression; columns of time may be compared with texts.

    A query inside of it is refused: whoever writes a filter could read files of this machine with
    ``(SELECT … FROM read_csv('…'))``, or ask any address. So are aggregates, windows and the
    clock: what they say of a row depends on which rows are looked at together, and when.

    Raises :class:`InvalidFilterError`.
    """
    if _QUERY.search(filter_sql) and (
        any(mark in filter_sql for mark in _OTHER_QUOTES)
        or _QUERY.search(_QUOTED.sub("''", filter_sql))
    ):
        raise InvalidFilterError(filter_sql, "a filter holds no query of its own")
    unquoted = _QUOTED.sub("''", filter_sql)
    if _CLOCK.search(unquoted):
        remedy = "write the moment, as '2026-03-01T08:00:00Z'"
        raise InvalidFilterError(filter_sql, f"a filter does not ask the clock; {remedy}")
    try:
        expression = pl.sql_expr(with_times(filter_sql, time_columns))
        expression.meta.root_names()
    except (UnreadableTimeError, pl.exceptions.PolarsError) as error:
        named = _COLON.search(unquoted)
        remedy = f'write "{named[0]}" in double quotes' if named else str(error)
        raise InvalidFilterError(filter_sql, remedy) from error
    if _looks_at_many(json.loads(expression.meta.serialize(format="json"))):
        reason = "it looks at many rows at once (an aggregate or a window); compare columns alone"
        raise InvalidFilterError(filter_sql, reason)
    return expression


def _looks_at_many(written: Any) -> bool:
    """Whether a part of a written expression needs other rows than the one it is asked about."""
    match written:
        case dict():
            return any(
                name in _MANY_ROWS or (name not in _ELSEWHERE and _looks_at_many(part))
                for name, part in written.items()
            )
        case list():
            return any(map(_looks_at_many, written))
        case _:
            return written in _MANY_ROWS


def compile_filter(filter_sql: str, schema: TableSchema) -> pl.Expr:
    """Turn a SQL boolean expression into a Polars expression and check it.

    Columns of time may be compared with texts such as ``'2026-03-01T08:00:00Z'``.
    Raises :class:`UnknownColumnError` with the nearest names, and :class:`InvalidFilterError`
    for anything that is not a boolean expression.
    """
    expression = parse_filter(filter_sql, schema.of_form(Form.TIME))
    names = set(expression.meta.root_names())
    for name in sorted(names - set(schema.names)):
        raise UnknownColumnError(name, schema.name, schema.names)
    types = dict(schema.polars) | {
        name: pl.Datetime("ns", "UTC") for name in schema.of_form(Form.TIME)
    }
    return condition(expression, filter_sql, types)


def condition(
    expression: pl.Expr, filter_sql: str, types: Mapping[str, pl.DataType | DataTypeClass]
) -> pl.Expr:
    """The expression of ``filter_sql``, when it gives true or false on columns of these types.

    It is tried on one row, for Polars compares a list with a text only where there is a list.
    Raises :class:`InvalidFilterError`.
    """
    names = set(expression.meta.root_names())
    lists = sorted(name for name in names if isinstance(types.get(name), pl.List))
    unquoted = _TEXT.sub("''", filter_sql)
    for name in lists:
        if re.search(rf'\b{name}"?\s+(?:not\s+)?in\b', unquoted, re.IGNORECASE):
            raise InvalidFilterError(filter_sql, _ask_of_list(name))
    row: dict[str, list[Any]] = {
        name: [[] if isinstance(dtype, pl.List) else None] for name, dtype in types.items()
    }
    try:
        dtype = pl.DataFrame(row, schema=types).select(expression.alias("kept")).schema["kept"]
    except pl.exceptions.PolarsError as error:
        reason = _ask_of_list(lists[0]) if "List" in str(error) and lists else str(error)
        raise InvalidFilterError(filter_sql, reason) from error
    if dtype != pl.Boolean:
        raise InvalidFilterError(filter_sql, f"it gives {dtype}, not true or false")
    return expression


def _ask_of_list(name: str) -> str:
    return f"{name} is a list; ask array_contains({name}, 'value')"


@contextmanager
def applying(filter_sql: str | None) -> Iterator[None]:
    """What a condition cannot do with the values that it meets is an :class:`InvalidFilterError`.

    Around whatever computes a frame that the condition was put on.
    """
    try:
        yield
    except pl.exceptions.InvalidOperationError as error:
        if filter_sql is None:
            raise
        reason = str(error).partition("\n")[0]
        if "conversion" in reason:
            reason += "; TRY_CAST(… AS …) makes null of what cannot be converted"
        raise InvalidFilterError(filter_sql, reason) from error
