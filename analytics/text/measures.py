"""How good a score is at finding what people labelled: precision, recall, PR-AUC, with intervals.

Precision and recall carry Wilson intervals (95 %); the area under the precision-recall curve
(average precision) carries a percentile bootstrap interval over texts. A figure that is not
defined (no positives, nothing claimed) is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Z = 1.959963984540054
_RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval; all None when it is not defined."""

    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


UNDEFINED = Estimate(value=None, low=None, high=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What a threshold on a score reaches on one labelled set."""

    n: int
    positives: int
    flagged: int
    precision: Estimate
    recall: Estimate
    false_positive_rate: Estimate
    pr_auc: Estimate


def proportion(successes: int, trials: int) -> Estimate:
    """A proportion with its Wilson interval."""
    if trials == 0:
        return UNDEFINED
    share = successes / trials
    centre = (share + _Z**2 / (2 * trials)) / (1 + _Z**2 / trials)
    half = _Z * sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2)) / (1 + _Z**2 / trials)
    return Estimate(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half))


def quality(
    labels: NDArray[np.int64], scores: NDArray[np.float64], threshold: float, seed: int
) -> Quality:
    """Measure a score against labels (1 wanted, 0 not) at a threshold."""
    flagged = scores >= threshold
    wanted = labels == 1
    hits = int((flagged & wanted).sum())
    return Quality(
        n=len(labels),
        positives=int(wanted.sum()),
        flagged=int(flagged.sum()),
        precision=proportion(hits, int(flagged.sum())) if wanted.any() else UNDEFINED,
        recall=proportion(hits, int(wanted.sum())),
        false_positive_rate=proportion(int((flagged & ~wanted).sum()), int((~wanted).sum())),
        pr_auc=_pr_auc(wanted, scores, seed),
    )


def average_precision(wanted: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The area under the precision-recall curve as a sum of steps; tied scores step together."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(wanted[order])
    last = np.concatenate((ordered[1:] != ordered[:-1], [True]))
    hits, ranks = hits[last], np.flatnonzero(last) + 1
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / ranks).sum() / hits[-1])


def _pr_auc(wanted: NDArray[np.bool_], scores: NDArray[np.float64], seed: int) -> Estimate:
    if not wanted.any() or wanted.all():
        return UNDEFINED
    generator = np.random.default_rng(seed)
    positives, negatives = np.flatnonzero(wanted), np.flatnonzero(~wanted)
    values = []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate(
            [generator.choice(part, part.size) for part in (positives, negatives)]
        )
        values.append(average_precision(wanted[chosen], scores[chosen]))
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(value=average_precision(wanted, scores), low=float(low), high=float(high))
