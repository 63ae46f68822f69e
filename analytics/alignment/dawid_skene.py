"""Dawid and Skene's model: the likely truth and each rater's habits, from ratings alone.

Source: Dawid and Skene 1979, "Maximum likelihood estimation of observer error-rates".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CHANGE_MAX = 1e-8
PASSES_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthEstimate:
    """What expectation-maximisation found."""

    posterior: Floats
    """Items by classes: how likely each class is the true one."""
    prior: Floats
    """The share of each class."""
    habits: Floats
    """Raters by true class by given class; rows sum to 1."""
    log_likelihood: float
    passes: int


def dawid_skene(counts: NDArray[np.float64]) -> TruthEstimate:
    """Estimate truth and habits from counts (items by raters by classes; 0 where not rated).

    Starts from vote shares and goes on until no posterior moves by more than 1e-8.
    """
    votes = counts.sum(axis=1)
    posterior = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    passes = 0
    while True:
        passes += 1
        prior = posterior.mean(axis=0)
        habits = np.einsum("it,irc->rtc", posterior, counts)
        total = habits.sum(axis=2, keepdims=True)
        size = counts.shape[2]
        habits = np.divide(habits, total, out=np.full_like(habits, 1 / size), where=total > 0)
        with np.errstate(divide="ignore"):
            logs = np.log(habits)
            # An impossible answer that nobody gave must not turn 0 times minus infinity into nan.
            logs = np.where(np.isneginf(logs), -1e300, logs)
            joint = np.log(np.maximum(prior, 1e-300)) + np.einsum("irc,rtc->it", counts, logs)
        top = joint.max(axis=1, keepdims=True)
        weight = np.exp(joint - top)
        fresh = weight / weight.sum(axis=1, keepdims=True)
        moved = float(np.abs(fresh - posterior).max())
        posterior = fresh
        if moved < CHANGE_MAX or passes >= PASSES_MAX:
            break
    likelihood = float((top[:, 0] + np.log(weight.sum(axis=1))).sum())
    return TruthEstimate(
        posterior=posterior, prior=prior, habits=habits, log_likelihood=likelihood, passes=passes
    )
