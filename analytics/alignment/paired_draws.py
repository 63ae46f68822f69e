"""Paired cluster bootstrap of a difference between two evaluators on the same items.

Whole clusters are drawn with replacement, weights stay with them, and both evaluators are measured
on the same draw. It stands beside the linearised interval, which it agrees with unless labels are
few or a figure lies at its edge.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.bootstrap import drawn_sums, percentile_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from analytics.alignment.figure import Figure
    from analytics.alignment.tables import Measure

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]
    Sides = tuple[Floats, Floats, Floats]


def drawn_table_differences(
    sides: Sides,
    weights: Floats,
    clusters: Codes | None,
    measures: Mapping[str, Measure],
    seed: int,
) -> dict[str, tuple[float | None, float | None]]:
    """Bounds of second minus first for measures of a table; ``sides`` are human, first, second."""
    human, one, two = sides
    size = int(max(2, human.max() + 1, one.max() + 1, two.max() + 1))
    rows = np.arange(len(human))
    parts = np.zeros((len(human), 2 * size * size))
    for place, side in enumerate((one, two)):
        cell = (human * size + side).astype(np.int64) + place * size * size
        parts[rows, cell] = weights
    drawn = drawn_sums(parts, clusters, seed).reshape(-1, 2, size, size)
    shares = drawn / drawn.sum(axis=(2, 3), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: percentile_interval(
                np.asarray(measure(shares[:, 1]) - measure(shares[:, 0]), dtype=np.float64)
            )
            for name, measure in measures.items()
        }


def drawn_number_differences(
    sides: Sides, weights: Floats, clusters: Codes | None, seed: int
) -> dict[str, tuple[float | None, float | None]]:
    """Bounds of second minus first for distance, bias and concordance of numbers."""
    human, one, two = (side - sides[0].mean() for side in sides)
    columns = [np.ones(len(human)), human, human**2]
    for side in (one, two):
        columns += [side, side**2, human * side, np.abs(side - human)]
    sums = drawn_sums(np.column_stack(columns) * weights[:, None], clusters, seed)
    means = (sums / sums[:, :1]).T
    measured = [_numbers(means[1], means[2], *means[start : start + 4]) for start in (3, 7)]
    return {
        name: percentile_interval(measured[1][name] - measured[0][name]) for name in measured[0]
    }


def _numbers(
    x: Floats, xx: Floats, y: Floats, yy: Floats, xy: Floats, apart: Floats
) -> dict[str, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = y - x
        ccc = 2 * (xy - x * y) / (xx - x * x + yy - y * y + gap * gap)
    return {"mae": apart, "bias": gap, "ccc": ccc}


def drawn_figure(figure: Figure, bounds: tuple[float | None, float | None], seed: int) -> Figure:
    """The difference with the bounds of its draws."""
    return replace(
        figure, ci_low=bounds[0], ci_high=bounds[1], method="paired_cluster_bootstrap", seed=seed
    )
