"""Standard errors by linearisation: any smooth function of weighted means, with clusters.

Each observation's influence ``psi`` says how far it moves the estimate; the estimate's variance
is the variance of the cluster sums of ``w psi / W``. Equal to R's ``survey::svykappa``.
Source: Binder 1983; Lumley 2010, "Complex Surveys", chapter 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

_COMPLEX_STEP = 1e-30


def kish(weights: Floats) -> float:
    """Kish's effective size: how many equally weighted observations these weights are worth."""
    total = float(weights.sum())
    return 0.0 if total <= 0 else total * total / float((weights * weights).sum())


def mean_size(
    parts: Sequence[NDArray[np.bool_]],
    right: NDArray[np.bool_],
    weights: Floats,
    ceiling: float,
) -> float:
    """The most that the mean of one rate of each part is worth.

    In a part that is right or wrong throughout, the standard error says nothing: then the mean is
    worth what it is with every part counting alike, however rare, which is K²/Σ(1/n).
    """
    seen = [part for part in parts if part.any()]
    if all(0 < right[part].sum() < part.sum() for part in seen):
        return ceiling
    return min(ceiling, len(seen) ** 2 / sum(1 / kish(weights[part]) for part in seen))


def standard_error(
    influence: Floats,
    weights: Floats | None = None,
    clusters: Codes | None = None,
    sampled_share: float = 0.0,
) -> float:
    """The standard error of an estimate from its influences; nan with fewer than two clusters.

    ``influence`` is 0 outside the domain of a sub-group, whose clusters all still count.
    ``clusters`` are codes from 0; without them each observation is one.
    ``sampled_share`` is the share of all clusters that was sampled (finite population correction).
    """
    if weights is None:
        moved = influence / max(len(influence), 1)
    else:
        moved = influence * (weights / weights.sum())
    if clusters is not None:
        moved = np.bincount(clusters, weights=moved).astype(np.float64)
    count = len(moved)
    if count < 2:
        return math.nan
    spread = float(((moved - moved.mean()) ** 2).sum())
    return math.sqrt((1 - sampled_share) * count / (count - 1) * spread)


def worth(influence: Floats, weights: Floats, clusters: Codes | None) -> float:
    """The size of a simple sample with the same standard error, at most Kish's.

    This is what ``n_eff`` means in every figure: the observations over the design effect of their
    weights and clusters on this very figure. Equal weights without clusters give their number.
    """
    top = kish(weights)
    if clusters is None and np.ptp(weights) <= 1e-12 * weights.max():
        return top
    error = standard_error(influence, weights, clusters)
    if not error > 0:
        return top
    simple = float((weights / weights.sum()) @ (influence * influence))
    return min(top, simple / error**2)


def cell_influence(
    measure: Callable[[NDArray[np.complex128]], NDArray[np.complex128]], shares: Floats
) -> Floats:
    """The influence of an observation in each cell on ``measure`` of the cell shares.

    ``measure`` takes tables of shape (m, K, K) and gives m values; it is differentiated by the
    complex-step method, which is exact to rounding. Cells without a share get 0.
    """
    rows, columns = np.nonzero(shares > 0)
    count = len(rows)
    tables = np.repeat(shares.astype(np.complex128)[None], count, axis=0)
    tables[np.arange(count), rows, columns] += 1j * _COMPLEX_STEP
    slope = measure(tables).imag / _COMPLEX_STEP
    result = np.zeros_like(shares)
    result[rows, columns] = slope - float((slope * shares[rows, columns]).sum())
    return result


def moment_influence(
    measure: Callable[[NDArray[np.complex128]], NDArray[np.complex128]],
    moments: Floats,
    weights: Floats | None,
) -> tuple[float, Floats]:
    """Value and influences of ``measure`` of weighted means; ``moments`` is observations by means.

    ``measure`` takes means of shape (m, d) and gives m values.
    """
    means = np.average(moments, axis=0, weights=weights)
    points = np.repeat(means.astype(np.complex128)[None], len(means), axis=0)
    points[np.diag_indices(len(means))] += 1j * _COMPLEX_STEP
    slope = measure(points).imag / _COMPLEX_STEP
    value = float(measure(means.astype(np.complex128)[None]).real[0])
    return value, (moments - means) @ slope
