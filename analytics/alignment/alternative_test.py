"""The alternative annotator test, which asks whether an evaluator may stand in for a person.

Source: Calderon, Reichart and Dror, ACL 2025 (arXiv 2501.10970). It needs items chosen without
regard to their difficulty; on weighted samples it is experimental.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import variance_size, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EPSILON = {"expert": 0.2, "skilled": 0.15, "crowd": 0.1}
"""How much advantage a person is granted, by what the people are."""
Q = 0.05
ITEMS_MIN = 30
WINNING_MIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeTest:
    """The test's outcome."""

    winning_rate: float
    """Omega: the share of people whom the evaluator matches or beats, within epsilon."""
    advantage: float
    """Rho: the mean probability that the evaluator is at least as close to the others."""
    passed: bool
    p_values: tuple[float, ...]
    """One a rater, in the order given; nan where a rater has too few items."""
    epsilon: float
    advantage_error: float = float("nan")
    """Standard error of rho, over items."""

    def advantage_figure(self, items: int) -> Figure:
        """Rho with Wilson's interval around its error."""
        if not math.isfinite(self.advantage):
            return missing("nobody has two items with another person")
        size = variance_size(self.advantage, self.advantage_error, float(items))
        low, high = wilson(self.advantage, size)
        return Figure(value=self.advantage, ci_low=low, ci_high=high, method="wilson_n_eff",
                      n=items, n_eff=size)  # fmt: skip


def alternative_test(
    ratings: Floats, evaluator: Floats, epsilon: float, *, numeric: bool = False
) -> AlternativeTest:
    """Test the evaluator against each person; ``ratings`` is items by raters, nan a gap.

    Closeness is agreement with the others, or minus the root mean squared distance when numeric.
    """
    p_values, advantages = [], []
    wins = np.zeros(len(ratings))
    for person in range(ratings.shape[1]):
        others = np.delete(ratings, person, axis=1)
        used = np.isfinite(ratings[:, person]) & np.isfinite(evaluator)
        used &= np.isfinite(others).any(axis=1)
        if used.sum() < 2:
            p_values.append(float("nan"))
            continue
        mine = _closeness(ratings[used, person], others[used], numeric=numeric)
        its = _closeness(evaluator[used], others[used], numeric=numeric)
        evaluator_wins, person_wins = (its >= mine) * 1.0, (mine >= its) * 1.0
        advantages.append(float(evaluator_wins.mean()))
        wins[used] += (evaluator_wins - advantages[-1]) / used.sum()
        p_values.append(_p_value(person_wins - evaluator_wins, epsilon))
    winning = _rejected(np.array(p_values))
    rate = float(winning.mean()) if len(winning) else 0.0
    return AlternativeTest(
        winning_rate=rate,
        advantage=float(np.mean(advantages)) if advantages else float("nan"),
        passed=rate >= WINNING_MIN,
        p_values=tuple(p_values),
        epsilon=epsilon,
        advantage_error=math.sqrt(float((wins**2).sum())) / max(1, len(advantages)),
    )


def _closeness(mine: Floats, others: Floats, *, numeric: bool) -> Floats:
    there = np.isfinite(others)
    gap = others - mine[:, None]
    count = there.sum(axis=1)
    if numeric:
        return np.asarray(-np.sqrt(np.where(there, gap**2, 0).sum(axis=1) / count))
    return np.asarray((there & (gap == 0)).sum(axis=1) / count)


def _p_value(difference: Floats, epsilon: float) -> float:
    """One-sided: the person's advantage is below epsilon. Wilcoxon below thirty items."""
    shifted = difference - epsilon
    if len(difference) < ITEMS_MIN:
        return float(stats.wilcoxon(shifted, alternative="less").pvalue)
    if np.ptp(difference) == 0:
        return 0.0 if difference[0] < epsilon else 1.0
    return float(stats.ttest_1samp(difference, epsilon, alternative="less").pvalue)


def _rejected(p_values: Floats) -> NDArray[np.bool_]:
    """Benjamini and Yekutieli's procedure at q = 0.05; a nan is never rejected."""
    known = np.where(np.isfinite(p_values), p_values, 1.0)
    count = len(known)
    order = np.argsort(known, kind="stable")
    harmonic = (1 / np.arange(1, count + 1)).sum()
    limit = Q * np.arange(1, count + 1) / (count * harmonic)
    passed = np.flatnonzero(known[order] <= limit)
    rejected = np.zeros(count, dtype=bool)
    if len(passed):
        rejected[order[: passed[-1] + 1]] = True
    return rejected
