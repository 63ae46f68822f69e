"""Scorecards: how often a detector is right, and how much it misses, from people's verdicts.

Reviewers take the top of a queue and stop, so the reviewed flags are no plain sample: each verdict
is weighted by the inverse of its chance of having been drawn and reviewed (:mod:`analytics.reach`).
What a detector misses is estimated from the random floor: of the traces it did not flag, those that
the floor drew, with people's word on what is wrong with them.
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
_DRAWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An estimated share with a 95 % interval, or the reason why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Answers behind it."""
    effective_n: float = 0.0
    """How many answers of a plain sample they are worth (Kish)."""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """One version of one detector, as people's verdicts see it."""

    detector: str
    version: str
    is_current: bool
    looked_at: int
    """Traces it decided on."""
    flags: int
    """Traces, or sessions, that it matched or was unsure about."""
    reviewed: int
    confirmed: int
    precision: Share
    recall: Share
    """Of the cases among the traces it decided on, the share that it flagged."""
    prevalence: Share
    """The share of cases among the traces it decided on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One answer of a person, with the chance that it was asked for."""

    is_case: bool
    chance: float


def share_of(verdicts: Sequence[Verdict], *, needed: int, of: str) -> Share:
    """The share of cases, each verdict weighted by the inverse of its chance (Hajek)."""
    if len(verdicts) < needed:
        reason = f"not enough data: {len(verdicts)} of {needed} {of}"
        return Share(n=len(verdicts), reason=reason)
    weights = np.array([1.0 / verdict.chance for verdict in verdicts])
    value = float(np.average([float(verdict.is_case) for verdict in verdicts], weights=weights))
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    low, high = wilson(value, effective)
    return Share(value=value, low=low, high=high, n=len(verdicts), effective_n=effective)


def precision_of(verdicts: Sequence[Verdict]) -> Share:
    """The share of right flags; nothing is claimed below :data:`REVIEWED_MIN` verdicts."""
    return share_of(verdicts, needed=REVIEWED_MIN, of="verdicts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Flagged or unflagged traces: how many there are, and how many cases people saw."""

    size: int
    share: Share
    seen: float
    """The part of it that people answered about, 0 to 1: what was seen is not in doubt."""


def missed(flagged: Stratum, unflagged: Stratum, *, seed: int) -> tuple[Share, Share]:
    """Recall and prevalence over both strata, with intervals by drawing from both posteriors.

    Prevalence is the weighted share itself, which is right on average. Recall divides by what a
    small floor may have seen none of, and would be too high on average: told is the median of the
    draws, above and below which the truth lies about equally often.
    """
    total = flagged.size + unflagged.size
    n = unflagged.share.n
    for stratum in (unflagged, flagged):
        if stratum.size and stratum.share.value is None:
            nothing = Share(n=n, reason=stratum.share.reason)
            return nothing, nothing
    if total == 0:
        nothing = Share(reason="not enough data: no trace was looked at")
        return nothing, nothing
    rng = np.random.default_rng(seed)
    found, lost = (stratum.size * (stratum.share.value or 0.0) for stratum in (flagged, unflagged))
    hits, misses = _cases(flagged, rng), _cases(unflagged, rng)
    cases = hits + misses
    prevalence = _share((found + lost) / total, cases / total, unflagged.share)
    if found + lost == 0:
        return Share(n=n, reason="not enough data: no case was seen"), prevalence
    shares = hits / cases
    return _share(float(np.median(shares)), shares, unflagged.share), prevalence


def _cases(stratum: Stratum, rng: np.random.Generator) -> np.ndarray:
    """Draws of the number of cases: Jeffreys' posterior, narrower the more of it was seen."""
    value, n = stratum.share.value or 0.0, stratum.share.effective_n
    posterior = rng.beta(value * n + 0.5, (1.0 - value) * n + 0.5, _DRAWS)
    return stratum.size * (value + (posterior - value) * sqrt(1.0 - min(1.0, stratum.seen)))


def _share(value: float, draws: np.ndarray, floor: Share) -> Share:
    low, high = np.quantile(draws, (0.025, 0.975))
    return Share(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        n=floor.n,
        effective_n=floor.effective_n,
    )


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of ``n`` (effective) samples."""
    middle = share + _Z**2 / (2 * n)
    spread = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
