"""Scorecards: how often a detector is right, and how much it misses, from people's verdicts.

Reviewers take the top of a queue and stop, so the reviewed flags are no plain sample. The queue is
ordered by ``s / u``; with ``tau`` the highest priority that nobody reviewed, a flag of importance
``s`` had the chance ``min(1, s / tau)`` of being reviewed (priority sampling), and its verdict is
weighted by the inverse. What a detector misses is estimated from the random floor: traces that no
detector flagged, kept with one known probability, with people's word on what is wrong with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

REVIEWED_MIN = 20
"""Verdicts below which no precision is claimed."""

FLOOR_MIN = 50
"""Labelled traces of the random floor below which no recall and no prevalence is claimed."""

_Z = 1.959964
_DRAWS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag in a detector's queue."""

    importance: float
    priority: float
    is_right: bool | None
    """A person's verdict; None when nobody reviewed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An estimated share with a 95 % interval, or the reason why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """One detector, as people's verdicts see it."""

    detector: str
    version: str
    flags: int
    reviewed: int
    confirmed: int
    precision: Share
    recall: Share
    prevalence: Share


def precision_of(flags: Sequence[Flag]) -> Share:
    """The share of right flags, weighted for the order in which they were reviewed."""
    reviewed = [flag for flag in flags if flag.is_right is not None]
    if len(reviewed) < REVIEWED_MIN:
        return Share(n=len(reviewed), reason=f"not enough data: {len(reviewed)} of {REVIEWED_MIN}")
    tau = max((flag.priority for flag in flags if flag.is_right is None), default=0.0)
    weights = np.array(
        [1.0 if tau <= 0 else 1.0 / min(1.0, flag.importance / tau) for flag in reviewed]
    )
    right = np.array([bool(flag.is_right) for flag in reviewed], dtype=np.float64)
    share = float(np.average(right, weights=weights))
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    low, high = wilson(share, effective)
    return Share(value=share, low=low, high=high, n=len(reviewed))


def missed(
    *, flags: int, precision: Share, unflagged: int, floor_labelled: int, floor_bad: int, seed: int
) -> tuple[Share, Share]:
    """Recall and prevalence, from the precision of the flags and the random floor.

    ``unflagged`` traces stand behind the floor; ``floor_bad`` of its ``floor_labelled`` traces have
    what the detector looks for. Intervals by drawing from both posteriors (Jeffreys).
    """
    if precision.value is None:
        return (Share(reason="no precision yet"), Share(reason="no precision yet"))
    if floor_labelled < FLOOR_MIN:
        reason = f"not enough data: {floor_labelled} of {FLOOR_MIN} labelled in the random floor"
        return Share(n=floor_labelled, reason=reason), Share(n=floor_labelled, reason=reason)
    rng = np.random.default_rng(seed)
    right = precision.value * precision.n
    hits = flags * rng.beta(right + 0.5, precision.n - right + 0.5, _DRAWS)
    misses = unflagged * rng.beta(floor_bad + 0.5, floor_labelled - floor_bad + 0.5, _DRAWS)
    found = flags * precision.value
    lost = unflagged * floor_bad / floor_labelled
    total = flags + unflagged
    recall = None if found + lost == 0 else found / (found + lost)
    return (
        _share(recall, hits / (hits + misses), floor_labelled),
        _share((found + lost) / total, (hits + misses) / total, floor_labelled),
    )


def _share(value: float | None, draws: np.ndarray, n: int) -> Share:
    if value is None:
        return Share(n=n, reason="nothing to find was found")
    low, high = np.quantile(draws, (0.025, 0.975))
    return Share(value=value, low=min(float(low), value), high=max(float(high), value), n=n)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of ``n`` (effective) samples."""
    middle = share + _Z**2 / (2 * n)
    spread = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
