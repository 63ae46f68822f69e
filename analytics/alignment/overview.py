"""An overview of many evaluators in one pass over the data: who is worth a closer look."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from analytics.alignment import tables
from analytics.alignment.intervals import z_quantile
from analytics.alignment.words import as_numbers, word_pair

MEASURES: dict[str, tables.Measure] = {
    "accuracy": tables.accuracy,
    "tpr": tables.recall(1),
    "tnr": tables.recall(0),
    "mcc": tables.matthews,
    "cohen_kappa": tables.kappa(tables.nominal_distance(2)),
}
_STEP = 1e-30


def overview(frame: pl.DataFrame) -> pl.DataFrame:
    """One row an evaluator from columns evaluator_name, human, evaluator (0/1) and weight.

    Rows without a human value or a score only count as items. Each measure has its value and the
    bounds of a Wald interval from one linearisation; null where it is undefined.
    """
    known = pl.col("human").is_not_null() & pl.col("evaluator").is_not_null()
    weight = pl.col("weight") if "weight" in frame.columns else pl.lit(1.0)
    grouped = (
        frame.lazy()
        .with_columns(w=weight)
        .group_by("evaluator_name")
        .agg(
            pl.len().alias("items"),
            known.sum().alias("pairs"),
            *[
                pl.col("w").filter(known & _is(human, evaluator)).pow(power).sum()
                .alias(f"{name}{human}{evaluator}")
                for human in (0, 1)
                for evaluator in (0, 1)
                for power, name in ((1, "w"), (2, "q"))
            ],
        )
        .sort("evaluator_name")
        .collect()
    )  # fmt: skip
    cells = [f"{human}{evaluator}" for human in (0, 1) for evaluator in (0, 1)]
    totals = grouped.select(f"w{cell}" for cell in cells).to_numpy().astype(float)
    squares = grouped.select(f"q{cell}" for cell in cells).to_numpy().astype(float)
    columns = _measured(totals, squares, grouped["pairs"].to_numpy().astype(float))
    return grouped.select("evaluator_name", "items", "pairs").with_columns(
        pl.Series(name, values).fill_nan(None) for name, values in columns.items()
    )


def _is(human: int, evaluator: int) -> pl.Expr:
    return (pl.col("human") == human) & (pl.col("evaluator") == evaluator)


def _measured(totals: Any, squares: Any, pairs: Any) -> dict[str, Any]:
    """Value, low and high of each measure for every evaluator at once."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = totals.sum(axis=1, keepdims=True)
        shares = (totals / sums).reshape(-1, 2, 2).astype(np.complex128)
        z = z_quantile()
        columns: dict[str, Any] = {}
        for name, measure in MEASURES.items():
            value = measure(shares).real
            slopes = []
            for cell in range(4):
                moved = shares.copy()
                moved[:, cell // 2, cell % 2] += 1j * _STEP
                slopes.append(measure(moved).imag / _STEP)
            slope = np.stack(slopes, axis=1)
            centred = slope - (slope * shares.real.reshape(-1, 4)).sum(axis=1, keepdims=True)
            variance = (centred**2 * squares).sum(axis=1) / sums[:, 0] ** 2
            half = z * np.sqrt(variance * pairs / (pairs - 1))
            columns |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    for values in columns.values():
        values[~np.isfinite(values)] = np.nan
    return {
        name: np.clip(values, -1 if name.startswith(("mcc", "cohen")) else 0, 1)
        for name, values in columns.items()
    }


def binary_values(values: list[str], positive: str | None) -> dict[str, int]:
    """Texts of many evaluators as 0 and 1: words by their meaning, numbers from one half up."""
    table: dict[str, int] = {}
    for value in values:
        pair = word_pair([value])
        number = as_numbers([value])
        if positive is not None and value.lower() == positive.lower():
            table[value] = 1
        elif pair is not None:
            high = value.lower() == pair[0]
            wanted = (
                positive is None
                or word_pair([positive]) is None
                or positive.lower() == (word_pair([positive]) or pair)[0]
            )
            table[value] = int(high == wanted)
        elif number is not None:
            table[value] = int(number[value] >= 0.5)
    return table
