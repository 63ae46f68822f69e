"""Rogan and Gladen's correction: the true rate behind an imperfect evaluator.

It assumes only that TPR and TNR carry over. Interval of Lee et al. 2025 (arXiv 2511.21140).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analytics.alignment.intervals import z_quantile

YOUDEN_MIN = 0.1
"""Below this TPR + TNR - 1 the evaluator says too little, and no estimate is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The corrected rate with its delta-method error and both intervals."""

    value: float
    error: float
    delta_low: float
    delta_high: float
    low: float
    high: float


def corrected_rate(
    *,
    rate: float,
    population: float,
    tpr: float,
    positives: float,
    tnr: float,
    negatives: float,
    confidence: float = 0.95,
) -> Correction | None:
    """The true rate from the evaluator's ``rate``; None when the evaluator is near chance.

    ``positives`` and ``negatives`` are the (effective) labels behind ``tpr`` and ``tnr``.
    """
    youden = tpr + tnr - 1
    if youden < YOUDEN_MIN:
        return None
    z = z_quantile(confidence)
    value = min(1.0, max(0.0, (rate + tnr - 1) / youden))
    error = _delta_error(value, rate, population, tpr, positives, tnr, negatives)
    p = (rate * population + z * z / 2) / (population + z * z)
    q0 = (negatives * tnr + 1) / (negatives + 2)
    q1 = (positives * tpr + 1) / (positives + 2)
    if q0 + q1 - 1 <= 0:
        return None
    centre = (p + q0 - 1) / (q0 + q1 - 1)
    spread = _delta_error(centre, p, population + z * z, q1, positives + 2, q0, negatives + 2)
    centre = min(1.0, max(0.0, centre))
    shift = (
        2
        * z
        * z
        * (
            -(1 - centre) * q0 * (1 - q0) / (negatives + 2)
            + centre * q1 * (1 - q1) / (positives + 2)
        )
    )
    low, high = centre + shift - z * spread, centre + shift + z * spread
    return Correction(
        value=value,
        error=error,
        delta_low=max(0.0, value - z * error),
        delta_high=min(1.0, value + z * error),
        low=min(value, max(0.0, low)),
        high=max(value, min(1.0, high)),
    )


def label_allocation(
    *, labels: int, rate: float, tpr: float, tnr: float, pilot: int
) -> tuple[int, int]:
    """How to split labels over human-negatives and -positives: (negatives, positives).

    Lee et al.'s rule from a pilot with ``pilot`` labels a side, which is also the least a side.
    """
    q0 = (pilot * tnr + 1) / (pilot + 2)
    q1 = (pilot * tpr + 1) / (pilot + 2)
    ratio = math.sqrt(q0 * (1 - q0) / (q1 * (1 - q1)))
    positives = int(labels / (1 + (1 / rate - 1) * ratio)) if rate > 0 else pilot
    positives = min(labels - pilot, max(pilot, positives))
    return labels - positives, positives


def _delta_error(
    theta: float, rate: float, size: float, tpr: float, ones: float, tnr: float, zeros: float
) -> float:
    variance = rate * (1 - rate) / size
    variance += (1 - theta) ** 2 * tnr * (1 - tnr) / zeros
    variance += theta**2 * tpr * (1 - tpr) / ones
    return math.sqrt(variance) / (tpr + tnr - 1)
