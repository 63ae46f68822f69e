"""Frames of pairs for the tests."""

from __future__ import annotations

import polars as pl


def two_by_two(a, b, c, d, **columns):
    """Counts of (H+E+, H+E-, H-E+, H-E-) as rows of 1 and 0; ``columns`` are constants."""
    human = [1] * (a + b) + [0] * (c + d)
    evaluator = [1] * a + [0] * b + [1] * c + [0] * d
    frame = pl.DataFrame({"human": human, "evaluator": evaluator})
    return frame.with_columns(pl.lit(value).alias(name) for name, value in columns.items())


def enqueue_bias(*, population=False):
    """The biased queue: flagged items always chosen, one in ten of the others."""
    parts = [
        two_by_two(190, 30, 120, 160, inclusion_probability=1.0, stratum="flagged"),
        two_by_two(10, 20, 20, 900, inclusion_probability=0.1, stratum="rest"),
    ]
    if population:
        rest = pl.DataFrame({"human": [None] * 8550, "evaluator": [1] * 300 + [0] * 8250})
        parts.append(
            rest.with_columns(
                pl.col("human").cast(pl.Int64),
                inclusion_probability=pl.lit(0.1),
                stratum=pl.lit("rest"),
            )
        )
    return pl.concat(parts, how="diagonal_relaxed")
