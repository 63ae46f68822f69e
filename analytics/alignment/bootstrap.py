"""Cluster bootstrap of any function of sums: whole clusters are drawn, weights stay with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWS = 2000
UNDEFINED_SHARE_MAX = 0.01
"""Above this share of undefined draws there is no interval."""


def drawn_sums(
    parts: Floats, clusters: NDArray[np.int64] | None, seed: int, draws: int = DRAWS
) -> Floats:
    """Sums of ``parts`` (observations by columns) over clusters drawn with replacement.

    Shape: draws by columns. Without clusters each observation is one.
    """
    if clusters is not None:
        columns = [np.bincount(clusters, weights=column) for column in parts.T]
        parts = np.column_stack(columns) if columns else np.zeros((0, 0))
    parts = parts[np.any(parts != 0, axis=1)] if clusters is not None else parts
    count = len(parts)
    rng = np.random.default_rng(seed)
    result = np.empty((draws, parts.shape[1]))
    for draw in range(draws):
        times = np.bincount(rng.integers(0, count, count), minlength=count)
        result[draw] = times @ parts
    return result


def percentile_interval(
    values: Floats, confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """The middle share of the drawn values; none when too many draws are undefined."""
    defined = values[np.isfinite(values)]
    if len(defined) < (1 - UNDEFINED_SHARE_MAX) * len(values) or len(defined) == 0:
        return None, None
    tail = 50 * (1 - confidence)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)


def bca_interval(
    human: Floats,
    evaluator: Floats,
    measure: Callable[..., float],
    seed: int,
    draws: int = DRAWS,
    method: str = "BCa",
) -> tuple[float | None, float | None]:
    """Bias-corrected and accelerated bootstrap of pairs; only for pairs without clusters."""
    found: Any = stats.bootstrap(
        (human, evaluator),
        measure,
        paired=True,
        vectorized=False,
        n_resamples=draws,
        method=method,
        rng=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    if math.isnan(low) or math.isnan(high):
        return None, None
    return float(low), float(high)
