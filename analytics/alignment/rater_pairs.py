"""Figures of several raters taken two by two or all together, each with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment import tables
from analytics.alignment.bootstrap import drawn_sums, percentile_interval
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import fisher_z
from analytics.alignment.linearised import cell_influence, standard_error
from analytics.alignment.raters import intraclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

Pair = tuple[int, int]


def every_pair(raters: int) -> list[Pair]:
    """Each two of so many raters once."""
    return [(one, two) for one in range(raters) for two in range(one + 1, raters)]


def mean_kappa(values: Floats, size: int, pairs: Sequence[Pair], clusters: Codes | None) -> Figure:
    """The mean of Cohen's kappa over pairs of raters (columns; nan a gap), linearised over items.

    Pairs without common items, or that both used one class only, are left out of the mean.
    """
    measure = tables.kappa(tables.nominal_distance(size))
    found = []
    influence = np.zeros(len(values))
    covered = np.zeros(len(values), dtype=bool)
    for one, two in pairs:
        both = np.isfinite(values[:, one]) & np.isfinite(values[:, two])
        if not both.any():
            continue
        cell = (values[both, one] * size + values[both, two]).astype(np.int64)
        shares = np.bincount(cell, minlength=size * size).reshape(size, size) / len(cell)
        if float(shares.sum(axis=1) @ shares.sum(axis=0)) >= 1:
            continue
        found.append(float(measure(shares[None].astype(np.complex128)).real[0]))
        influence[both] += cell_influence(measure, shares).ravel()[cell] * len(values) / len(cell)
        covered |= both
    n = int(covered.sum())
    if not found:
        return missing("no two of them used two classes on common items", n=n)
    value = float(np.mean(found))
    error = standard_error(influence / len(found), None, clusters)
    low: float | None = None
    high: float | None = None
    if math.isfinite(error) and error > 0 and abs(value) < 1:
        low, high = fisher_z(value, error)
    return Figure(value=value, ci_low=low, ci_high=high, method="fisher_z", n=n, n_eff=float(n))


def intraclass_figures(
    complete: Floats, clusters: Codes | None, seed: int
) -> dict[str, Figure] | None:
    """Every ICC of items by raters without gaps, with percentile intervals; None without spread."""
    n, raters = complete.shape
    if n < 2 or raters < 2 or np.ptp(complete) == 0:
        return None
    centred = complete - complete.mean()
    parts = np.column_stack(
        (np.ones(n), centred.mean(axis=1) ** 2, (centred**2).sum(axis=1), centred)
    )
    drawn = _from_sums(drawn_sums(parts, clusters, seed), raters)
    figures = {}
    for name, value in intraclass(complete).items():
        if not math.isfinite(value):
            figures[name] = missing("no spread between items", n=n)
            continue
        low, high = percentile_interval(drawn[name])
        figures[name] = Figure(
            value=value, ci_low=low, ci_high=high, method="percentile_bootstrap", n=n,
            n_eff=float(n), seed=seed,
        )  # fmt: skip
    return figures


def _from_sums(sums: Floats, k: int) -> dict[str, Floats]:
    """ICCs from sums over items of 1, squared row means, squares and the raters' values."""
    n, row_squares, squares, columns = sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3:]
    with np.errstate(divide="ignore", invalid="ignore"):
        grand = columns.sum(axis=1) / (n * k)
        between_rows = k * (row_squares - n * grand**2)
        between_columns = n * ((columns / n[:, None] - grand[:, None]) ** 2).sum(axis=1)
        total = squares - n * k * grand**2
        rows, raters = between_rows / (n - 1), between_columns / (k - 1)
        error = (total - between_rows - between_columns) / ((n - 1) * (k - 1))
        within = (total - between_rows) / (n * (k - 1))
        gap = raters - error
        return {
            "1,1": (rows - within) / (rows + (k - 1) * within),
            "A,1": (rows - error) / (rows + (k - 1) * error + k * gap / n),
            "C,1": (rows - error) / (rows + (k - 1) * error),
            "A,k": (rows - error) / (rows + gap / n),
            "C,k": (rows - error) / rows,
        }
