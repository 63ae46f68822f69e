"""An overview of many evaluators in one pass over the data: who is worth a closer look.

Counts of each (evaluator, cluster, human class, evaluator class) are all that is kept of the rows;
every figure and its interval is then made for all evaluators at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.alignment import tables
from analytics.alignment.intervals import z_quantile
from analytics.alignment.words import as_numbers, word_pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

_STEP = 1e-30
_SIGNED = ("mcc", "cohen_kappa")


def measures_of(classes: int) -> dict[str, tables.Measure]:
    """The figures of an overview; rates only where one of two classes is the positive one."""
    found: dict[str, tables.Measure] = {
        "mcc": tables.matthews,
        "cohen_kappa": tables.kappa(tables.nominal_distance(classes)),
        "accuracy": tables.accuracy,
    }
    if classes == 2:
        found |= {"tpr": tables.recall(1), "tnr": tables.recall(0)}
    return found


def overview(frame: pl.DataFrame, classes: int = 2) -> pl.DataFrame:
    """One row an evaluator from columns evaluator_name, human and evaluator (codes from 0).

    Optional columns: ``weight`` (empty for an item that counts in raw figures only) and
    ``cluster``. Rows without a human value or a score only count as items. Each figure comes as
    ``raw_NAME`` and ``weighted_NAME`` with the bounds of a linearised interval; null where it is
    undefined or nothing is weighted.
    """
    known = pl.col("human").is_not_null() & pl.col("evaluator").is_not_null()
    weighted = "weight" in frame.columns
    keys = ["evaluator_name", "human", "evaluator"]
    if "cluster" in frame.columns:
        keys.insert(1, "cluster")
    weight = pl.col("weight") if weighted else pl.lit(None, dtype=pl.Float64)
    cells = (
        frame.lazy()
        .group_by(keys)
        .agg(
            pl.len().alias("items"),
            weight.is_not_null().sum().alias("counted"),
            weight.sum().alias("weight"),
            weight.pow(2).sum().alias("squares"),
        )
        .with_columns(known=known)
        .collect()
    )
    names = cells["evaluator_name"].unique().sort()
    result = (
        cells.group_by("evaluator_name")
        .agg(
            pl.col("items").sum(),
            pl.col("items").filter("known").sum().alias("pairs"),
            pl.col("counted").filter("known").sum().alias("weighted_pairs"),
        )
        .sort("evaluator_name")
    )
    used = cells.filter("known").with_columns(
        place=pl.col("evaluator_name").replace_strict(
            names, pl.Series(range(len(names)), dtype=pl.Int64)
        )
    )
    columns = _figures("raw", used, "items", "items", len(names), classes)
    columns |= _figures("weighted", used, "weight", "squares", len(names), classes)
    return result.with_columns(
        pl.Series(name, values).fill_nan(None) for name, values in columns.items()
    )


def _figures(
    prefix: str, used: pl.DataFrame, total: str, square: str, evaluators: int, classes: int
) -> dict[str, Floats]:
    """Value, low and high of each figure for every evaluator at once."""
    place = used["place"].to_numpy()
    cell = (used["human"] * classes + used["evaluator"]).to_numpy().astype(np.int64)
    weights = used[total].to_numpy().astype(np.float64)
    table = np.bincount(
        place * classes**2 + cell, weights=weights, minlength=evaluators * classes**2
    ).reshape(evaluators, classes**2)
    columns: dict[str, Floats] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = table.sum(axis=1)
        shares = (table / sums[:, None]).reshape(-1, classes, classes).astype(np.complex128)
        spread = _Spread.of(used, place, weights, square, evaluators)
        for name, measure in measures_of(classes).items():
            value = measure(shares).real
            half = z_quantile() * spread.error(_influence(measure, shares), cell, sums)
            low = -1.0 if name in _SIGNED else 0.0
            for key, values in (("", value), ("_low", value - half), ("_high", value + half)):
                values[~np.isfinite(values)] = np.nan
                columns[f"{prefix}_{name}{key}"] = np.clip(values, low, 1.0)
    return columns


def _influence(measure: tables.Measure, shares: NDArray[np.complex128]) -> Floats:
    """How far an observation of each cell moves the figure: evaluators by cells."""
    classes = shares.shape[1]
    slopes = np.zeros((len(shares), classes**2))
    for cell in range(classes**2):
        moved = shares.copy()
        moved[:, cell // classes, cell % classes] += 1j * _STEP
        slopes[:, cell] = measure(moved).imag / _STEP
    flat = shares.real.reshape(len(shares), -1)
    # A cell without a share may have no slope; nobody stands in it.
    slopes = np.where(flat > 0, slopes, 0.0)
    return slopes - (slopes * flat).sum(axis=1, keepdims=True)


class _Spread:
    """The observations or clusters whose sums vary."""

    def __init__(
        self, place: Codes, weights: Floats, squares: Floats, groups: Codes | None, sizes: Floats
    ) -> None:
        self.place, self.weights, self.squares = place, weights, squares
        self.groups, self.sizes = groups, sizes

    @classmethod
    def of(
        cls, used: pl.DataFrame, place: Codes, weights: Floats, square: str, evaluators: int
    ) -> _Spread:
        groups = None
        if "cluster" in used.columns:
            groups = (
                used.select(
                    (pl.struct("evaluator_name", "cluster").rank("dense") - 1).cast(pl.Int64)
                )
                .to_series()
                .to_numpy()
            )
            first = np.unique(groups[weights > 0], return_index=True)[1]
            sizes = np.bincount(place[weights > 0][first], minlength=evaluators)
        else:
            count = used["items"] if square == "items" else used["counted"]
            sizes = np.bincount(place, weights=count.to_numpy(), minlength=evaluators)
        squares = used[square].to_numpy().astype(np.float64)
        return cls(place, weights, squares, groups, sizes.astype(np.float64))

    def error(self, influence: Floats, cell: Codes, sums: Floats) -> Floats:
        """The standard error of one figure for every evaluator."""
        moved = influence[self.place, cell]
        if self.groups is None:
            variance = np.bincount(self.place, weights=moved**2 * self.squares, minlength=len(sums))
        else:
            by_group = np.bincount(self.groups, weights=moved * self.weights)
            owner = np.zeros(len(by_group), dtype=np.int64)
            owner[self.groups] = self.place
            variance = np.bincount(owner, weights=by_group**2, minlength=len(sums))
        return np.asarray(np.sqrt(variance * self.sizes / (self.sizes - 1)) / sums)


def binary_values(values: list[str], positive: str | None) -> dict[str, int]:
    """Texts of many evaluators as 0 and 1: words by their meaning, numbers from one half up."""
    table: dict[str, int] = {}
    low = positive is not None and (word_pair([positive]) or (positive, ""))[1] == positive.lower()
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
            table[value] = int((number[value] >= 0.5) != low)
    return table
