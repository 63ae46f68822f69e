"""Residuals of numeric scores: Bland and Altman's differences against means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
    kept = np.unique(np.linspace(0, len(mean) - 1, min(len(mean), POINTS_MAX)).astype(int))
    return {
        "null_reason": None,
        "mean_difference": middle,
        "limit_low": middle - _Z * spread,
        "limit_high": middle + _Z * spread,
        "n": len(mean),
        "points": [{"mean": float(mean[i]), "difference": float(difference[i])} for i in kept],
    }
