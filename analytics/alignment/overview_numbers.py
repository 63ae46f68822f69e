"""An overview of many evaluators that give numbers beside people's: concordance, bias, distance.

Spearman and tau need a ranking for each evaluator and stand in the report of one. On a scale of
points the concordance is the quadratic kappa.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.alignment.intervals import z_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

NAMES = ("ccc", "pearson", "bias", "mae")
_BOUNDED = ("ccc", "pearson")


def overview_of_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """One row an evaluator from columns evaluator_name, human and evaluator (numbers).

    Optional columns and the form of the answer are those of :func:`.overview.overview`.
    """
    known = pl.col("human").is_not_null() & pl.col("evaluator").is_not_null()
    weight = pl.col("weight") if "weight" in frame.columns else pl.lit(None, dtype=pl.Float64)
    frame = frame.with_columns(known=known, weight=weight)
    result = (
        frame.group_by("evaluator_name")
        .agg(
            pl.len().alias("items"),
            pl.col("known").sum().alias("pairs"),
            (pl.col("known") & pl.col("weight").is_not_null()).sum().alias("weighted_pairs"),
        )
        .sort("evaluator_name")
    )
    used = frame.filter("known").with_columns(
        place=pl.col("evaluator_name").replace_strict(
            result["evaluator_name"], pl.Series(range(result.height), dtype=pl.Int64)
        )
    )
    columns = _figures("raw", used.with_columns(weight=pl.lit(1.0)), result.height)
    columns |= _figures("weighted", used.filter(pl.col("weight").is_not_null()), result.height)
    return result.with_columns(
        pl.Series(name, values).fill_nan(None) for name, values in columns.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The pairs of all evaluators; ``place`` says whose each is."""

    place: Codes
    weights: Floats
    groups: Codes | None
    evaluators: int

    def mean(self, values: Floats) -> Floats:
        """The weighted mean of each evaluator."""
        total = np.bincount(self.place, weights=self.weights, minlength=self.evaluators)
        summed = np.bincount(self.place, weights=self.weights * values, minlength=self.evaluators)
        return np.asarray(summed / total)

    def error(self, influence: Floats) -> Floats:
        """The linearised standard error of each evaluator's figure, over clusters."""
        moved = influence * self.weights
        owner = self.place
        if self.groups is not None:
            owner = np.zeros(int(self.groups.max()) + 1, dtype=np.int64)
            owner[self.groups] = self.place
            moved = np.bincount(self.groups, weights=moved).astype(np.float64)
        size = np.bincount(owner, minlength=self.evaluators)
        spread = np.bincount(owner, weights=moved**2, minlength=self.evaluators)
        total = np.bincount(self.place, weights=self.weights, minlength=self.evaluators)
        return np.asarray(np.sqrt(spread * size / (size - 1)) / total)


def _figures(prefix: str, used: pl.DataFrame, evaluators: int) -> dict[str, Floats]:
    """Value, low and high of each figure for every evaluator; nan where undefined."""
    empty = np.full(evaluators, np.nan)
    if used.is_empty():
        return {f"{prefix}_{n}{end}": empty for n in NAMES for end in ("", "_low", "_high")}
    groups = None
    if "cluster" in used.columns:
        pair = pl.struct("evaluator_name", "cluster").rank("dense")
        groups = used.select((pair - 1).cast(pl.Int64)).to_series().to_numpy()
    rows = _Rows(
        place=used["place"].to_numpy(),
        weights=used["weight"].cast(pl.Float64).to_numpy(),
        groups=groups,
        evaluators=evaluators,
    )
    human, evaluator = (used[n].cast(pl.Float64).to_numpy() for n in ("human", "evaluator"))
    columns = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, (value, influence) in _measured(rows, human, evaluator).items():
            low, high = _bounds(name, value, rows.error(influence))
            for end, values in (("", value), ("_low", low), ("_high", high)):
                columns[f"{prefix}_{name}{end}"] = np.where(np.isfinite(values), values, np.nan)
    return columns


def _bounds(name: str, value: Floats, error: Floats) -> tuple[Floats, Floats]:
    half = z_quantile() * error
    if name in _BOUNDED:
        inner = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
        half = half / (1 - value**2)
        return np.tanh(inner - half), np.tanh(inner + half)
    low = value - half
    return (np.maximum(low, 0) if name == "mae" else low), value + half


def _measured(rows: _Rows, human: Floats, evaluator: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Each figure by evaluator, and how far every pair moves it."""
    at = rows.place
    mean_x, mean_y = rows.mean(human), rows.mean(evaluator)
    x, y = human - mean_x[at], evaluator - mean_y[at]
    var_x, var_y, cov = rows.mean(x * x), rows.mean(y * y), rows.mean(x * y)
    gap = mean_x - mean_y
    whole = var_x + var_y + gap**2
    ccc = 2 * cov / whole
    moved = 2 * (x * y - cov[at])
    moved -= ccc[at] * (x * x - var_x[at] + y * y - var_y[at] + 2 * gap[at] * (x - y))
    root = np.sqrt(var_x * var_y)
    flat = (var_x <= 1e-12 * mean_x**2) | (var_y <= 1e-12 * mean_y**2)
    pearson = np.where(flat, np.nan, cov / root)
    bent = x * y / root[at] - pearson[at] / 2 * (x * x / var_x[at] + y * y / var_y[at])
    apart = evaluator - human
    bias, distance = rows.mean(apart), rows.mean(np.abs(apart))
    return {
        "ccc": (ccc, moved / whole[at]),
        "pearson": (pearson, bent),
        "bias": (bias, apart - bias[at]),
        "mae": (distance, np.abs(apart) - distance[at]),
    }
