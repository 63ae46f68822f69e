"""Interval alpha of many raters as a function of sums over items, so that it can be drawn again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def interval_alpha_sums(values: Floats) -> Floats:
    """For each item: squared distances of its pairs, its values, their sum and squares."""
    there = np.isfinite(values)
    count = there.sum(axis=1)
    centre = np.nanmean(values) if there.any() else 0.0
    clean = np.where(there, values - centre, 0.0)
    total, squares = clean.sum(axis=1), (clean**2).sum(axis=1)
    used = count > 1
    pairs = np.where(used, 2 * (count * squares - total**2) / np.maximum(count - 1, 1), 0.0)
    return np.column_stack((pairs, count * used, total * used, squares * used))


def interval_alpha_value(sums: Floats) -> Floats:
    """Krippendorff's alpha with the interval distance from sums of shape (draws, 4)."""
    pairs, n, total, squares = sums.T
    seen = np.divide(pairs, n, out=np.full(len(n), np.nan), where=n > 1)
    spread = 2 * (n * squares - total**2)
    scale = n * (n - 1)
    expected = np.divide(spread, scale, out=np.full(len(n), np.nan), where=scale > 0)
    return np.divide(expected - seen, expected, out=np.full(len(n), np.nan), where=expected > 0)
