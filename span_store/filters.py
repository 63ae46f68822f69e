"""Filters: SQL boolean expressions over the columns of one table, compiled by Polars."""

from __future__ import annotations

import polars as pl

from span_store.errors import InvalidFilterError, UnknownColumnError
from span_store.schema import Form, TableSchema
from span_store.time_literals import UnreadableTimeError, with_times


def compile_filter(filter_sql: str, schema: TableSchema) -> pl.Expr:
    """Turn a SQL boolean expression into a Polars expression and check it.

    Columns of time may be compared with texts such as ``'2026-03-01T08:00:00Z'``.
    Raises :class:`UnknownColumnError` with the nearest names, and :class:`InvalidFilterError`
    for anything that is not a boolean expression.
    """
    try:
        expression = pl.sql_expr(with_times(filter_sql, schema.of_form(Form.TIME)))
        names = set(expression.meta.root_names())
    except (UnreadableTimeError, pl.exceptions.PolarsError) as error:
        raise InvalidFilterError(filter_sql, str(error)) from error
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
