"""Milliseconds between two times, exact to the nanosecond."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_NANOSECONDS_DIGITS = 6


def milliseconds(begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    """``end`` minus ``begin``, both nanoseconds since 1970, as the nearest float.

    Polars turns a division by a constant into a product with its inverse, which is one step off
    for every third value (6455.661537999999 for 6455.661538); rounding to nanoseconds mends it.
    """
    return ((end - begin) / 1_000_000).round(_NANOSECONDS_DIGITS)
