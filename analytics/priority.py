"""Priority: one number a person can take apart.

``importance s = severity x confidence x precision x novelty x business weight``; the queue is
ordered by ``s / u`` with the trace's shared draw ``u``. Dividing by the draw is what keeps
estimates unbiased although the top is reviewed first: when reviewers stop, every item above the
line was kept with a known probability, ``min(1, s / tau)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

SMALLEST_DRAW = 2.0**-64


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How often people confirmed a detector: a Beta posterior over a flat prior."""

    confirmed: int = 0
    """Verdicts that agreed with the flag."""
    reviewed: int = 0
    """All verdicts on its flags."""

    @property
    def mean(self) -> float:
        """The posterior mean, (confirmed + 1) / (reviewed + 2): one half before any verdict."""
        return (self.confirmed + 1) / (self.reviewed + 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The factors of one item's priority."""

    severity: float
    confidence: float
    precision: float
    """Posterior mean of the detector's precision; 1 where no detector is involved."""
    precision_reviewed: int
    """Verdicts behind the precision."""
    novelty: float
    """1 for the first of its kind, falling with the root of how many like it are queued."""
    similar_queued: int
    business_weight: float
    u: float
    """The trace's shared draw."""

    @property
    def importance(self) -> float:
        """The product of the factors."""
        factors = self.severity * self.confidence * self.precision * self.novelty
        return factors * self.business_weight

    @property
    def priority(self) -> float:
        """Importance over the draw: what the queue is ordered by."""
        return self.importance / max(self.u, SMALLEST_DRAW)

    def as_json(self) -> dict[str, float | int]:
        """The terms as the item shows them."""
        return {
            "severity": self.severity,
            "confidence": self.confidence,
            "precision": round(self.precision, 6),
            "precision_reviewed": self.precision_reviewed,
            "novelty": round(self.novelty, 6),
            "similar_queued": self.similar_queued,
            "business_weight": self.business_weight,
            "importance": self.importance,
            "u": self.u,
        }


def novelty(similar_queued: int) -> float:
    """How new a finding is when this many like it are queued already."""
    return 1.0 / sqrt(1 + similar_queued)
