"""Which of several scores of one object is the newest."""

from __future__ import annotations

import polars as pl


def oldest_first() -> list[pl.Expr]:
    """What to sort evaluations by: when a score was given, of equal ones when it arrived.

    One that does not say when it was given counts as given when it arrived, as answers do.
    """
    return [pl.coalesce("time", "received_at"), pl.col("received_at")]
