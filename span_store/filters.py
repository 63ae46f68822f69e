"""Filters: SQL boolean expressions over the columns of one table, compiled by Polars."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from span_store.errors import InvalidFilterError, UnknownColumnError
from span_store.schema import Form, TableSchema
from span_store.time_literals import UnreadableTimeError, with_times

if TYPE_CHECKING:
    from collections.abc import Collection

_QUERY = re.compile(r"\b(?:select|values|table|with)\b|\(\s*from\b", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_OTHER_QUOTES = ("\\", "$", "`", "/*", "--")
"""What may quote, or end a quotation, in other ways."""


def parse_filter(filter_sql: str, time_columns: Collection[str]) -> pl.Expr:
    """Read a SQL expression; columns of time may be compared with texts.

    A query inside of it is refused: whoever writes a filter could read files of this machine with
    ``(SELECT … FROM read_csv('…'))``, or ask any address.

    Raises :class:`InvalidFilterError`.
    """
    if _QUERY.search(filter_sql) and (
        any(mark in filter_sql for mark in _OTHER_QUOTES)
        or _QUERY.search(_QUOTED.sub("''", filter_sql))
    ):
        raise InvalidFilterError(filter_sql, "a filter holds no query of its own")
    try:
        expression = pl.sql_expr(with_times(filter_sql, time_columns))
        expression.meta.root_names()
    except (UnreadableTimeError, pl.exceptions.PolarsError) as error:
        raise InvalidFilterError(filter_sql, str(error)) from error
    return expression


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
    try:
        dtype = pl.DataFrame(schema=types).select(expression.alias("kept")).schema["kept"]
    except pl.exceptions.PolarsError as error:
        raise InvalidFilterError(filter_sql, str(error)) from error
    if dtype != pl.Boolean:
        raise InvalidFilterError(filter_sql, f"it gives {dtype}, not true or false")
    return expression
