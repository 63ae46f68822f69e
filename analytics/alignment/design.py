"""Inclusion probabilities: of several queues, of a queue that was not finished, of response cells.

Sources: Hartley 1962 and Mecatti 2007 (multiplicity), Duffield, Lund and Thorup 2007 (priority
sampling), Yilmaz et al. 2021 (arXiv 2109.12043).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def union_shared(probabilities: Sequence[float]) -> float:
    """Chance that any queue takes the item, when all queues share one draw: the largest."""
    return max(probabilities, default=0.0)


def union_independent(probabilities: Sequence[float]) -> float:
    """Chance that any queue takes the item, when each queue draws for itself."""
    missed = 1.0
    for probability in probabilities:
        missed *= 1 - probability
    return 1 - missed


def union_of_draws(chances: Sequence[tuple[str | None, float]]) -> float:
    """Chance that any queue takes the item; queues with one salt share a draw, others do not."""
    by_salt: dict[str | None, list[float]] = {}
    for salt, chance in chances:
        by_salt.setdefault(salt, []).append(chance)
    return union_independent([union_shared(shared) for shared in by_salt.values()])


def multiplicity_weight(probabilities: Mapping[str, float], captured_by: Sequence[str]) -> float:
    """The weight of an item of which only the capturing queues' probabilities are known.

    ``probabilities`` are of the capturing queues; each of the item's ``m`` queues shares it.
    Unbiased, with more spread than the union's weight: use it only when the union is unknown.
    """
    return sum(1 / (probabilities[name] * len(probabilities)) for name in captured_by)


def priority_threshold(unreviewed: Floats) -> float:
    """Tau of a cohort: the highest priority s/u that nobody reviewed; 0 when all were."""
    return float(unreviewed.max()) if len(unreviewed) else 0.0


def priority_probability(
    importance: Floats, tau: float, enqueued: Floats, *, same_draw: bool
) -> Floats:
    """Chance of being enqueued and reviewed, when reviewers drain a queue ordered by s/u.

    ``same_draw`` says that u is also the draw that enqueued the item: then both conditions are on
    one number and the smaller bound decides; with a draw of its own the chances multiply.
    """
    reviewed = np.ones_like(importance) if tau <= 0 else np.minimum(1.0, importance / tau)
    return np.minimum(enqueued, reviewed) if same_draw else enqueued * reviewed


def response_probability(
    enqueued: Floats, cells: NDArray[np.int64], reviewed: NDArray[np.bool_]
) -> Floats:
    """Chance p times the reviewed share of the item's cell (queue, priority class, week).

    Valid only when the order inside a cell is random. Cells are codes from 0.
    """
    total = np.bincount(cells)
    share = np.bincount(cells, weights=reviewed) / np.maximum(total, 1)
    return np.asarray(enqueued * share[cells], dtype=np.float64)


CELL_MIN = 5
"""A response cell of fewer items takes its queue's share: so few say nothing about an order."""


def cell_shares(cells: Sequence[tuple[str, str]], reviewed: Sequence[bool]) -> list[float]:
    """The reviewed share of each item's cell (priority class, week) within one queue.

    Small cells, and cells that nobody has come to yet, take the share of their class, then of the
    queue: an item that waits was not out of reach.
    """
    counts: dict[tuple[str, ...], list[int]] = {}
    for (priority, week), done in zip(cells, reviewed, strict=True):
        for key in ((priority, week), (priority,), ()):
            entry = counts.setdefault(key, [0, 0])
            entry[0] += 1
            entry[1] += bool(done)

    def share(priority: str, week: str) -> float:
        for key in ((priority, week), (priority,)):
            size, done = counts[key]
            if size >= CELL_MIN and done:
                return done / size
        size, done = counts[()]
        return done / size

    return [share(*cell) for cell in cells]


def post_stratified(
    weights: Floats, strata: NDArray[np.int64], population: Mapping[int, int]
) -> Floats:
    """Weights scaled so that each stratum's sum is its known population."""
    result = weights.astype(np.float64).copy()
    for stratum, size in population.items():
        inside = strata == stratum
        total = weights[inside].sum()
        if total > 0:
            result[inside] *= size / total
    return result


def finite_stratified_mean(
    values: Floats, strata: NDArray[np.int64], population: Mapping[int, int]
) -> tuple[float, float]:
    """The mean over exactly these items, and its standard error: what was seen is not in doubt.

    ``population`` is the number of items of each stratum code, labelled ones included. Each stratum
    is a simple sample of at least two labels, or seen wholly.
    """
    total = sum(population.values())
    mean = variance = 0.0
    for stratum, size in population.items():
        inside = values[strata == stratum]
        mean += size / total * float(inside.mean())
        if len(inside) < size:
            spread = float(inside.var(ddof=1)) / len(inside)
            variance += (size / total) ** 2 * (1 - len(inside) / size) * spread
    return mean, float(np.sqrt(variance))


def trimmed(weights: Floats, medians: float = 20.0) -> tuple[Floats, int]:
    """Weights cut at a multiple of their median, and how many were cut: say so, it adds bias."""
    limit = medians * float(np.median(weights))
    cut = int((weights > limit).sum())
    return np.minimum(weights, limit), cut
