"""Residuals of numeric scores: Bland and Altman's differences against means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.alignment.figure import Figure
from analytics.alignment.intervals import wald
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from analytics.alignment.sample import Sample

POINTS_MAX = 400
_Z = 1.96


def residuals(sample: Sample) -> dict[str, Any]:
    """Mean difference, limits of agreement (1.96 sd), and a deterministic thinning of points."""
    if sample.scale.score_type not in (ScoreType.NUMERIC, ScoreType.ORDINAL):
        return {"null_reason": "scores are classes", "points": []}
    selected = sample.select("number", weighted=False)
    if len(selected) < 2:
        return {"null_reason": "two pairs are needed", "points": []}
    difference = selected.evaluator - selected.human
    mean = (selected.evaluator + selected.human) / 2
    middle, spread = float(difference.mean()), float(difference.std(ddof=1))
    n = len(mean)
    # Bland and Altman's approximate error of a limit of agreement.
    error = spread * math.sqrt(1 / n + _Z**2 / (2 * (n - 1)))
    kept = np.unique(np.linspace(0, len(mean) - 1, min(len(mean), POINTS_MAX)).astype(int))
    return {
        "null_reason": None,
        "mean_difference": _figure(middle, spread / math.sqrt(n), n),
        "limit_low": _figure(middle - _Z * spread, error, n),
        "limit_high": _figure(middle + _Z * spread, error, n),
        "n": n,
        "points": [{"mean": float(mean[i]), "difference": float(difference[i])} for i in kept],
    }


def _figure(value: float, error: float, n: int) -> Figure:
    low, high = wald(value, error)
    return Figure(value=value, ci_low=low, ci_high=high, method="wald", n=n, n_eff=float(n))
