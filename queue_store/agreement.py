"""How far reviewers agree: percent, Cohen's kappa by pair, Krippendorff's alpha. Pure.

Ratings are ``{unit: {rater: value}}``; units with fewer than two ratings tell nothing. What is
undefined is None. Nothing depends on the order of units or raters.
Alpha: K. Krippendorff, Content Analysis (4th ed.), ch. 12; nominal, or interval for numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Ratings = dict[Any, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far the ratings of one field agree."""

    units: int
    """Units with two ratings or more."""
    percent: float | None
    """Agreeing pairs of all pairs within units, 0 to 100."""
    kappa: float | None
    """Mean Cohen's kappa over pairs of raters, weighted by the units they share."""
    alpha: float | None
    """Krippendorff's alpha."""
    pairs: dict[tuple[str, str], float | None]
    """Cohen's kappa of each pair of raters that share a unit."""


def agreement(ratings: Mapping[Any, Mapping[str, Any]], *, interval: bool = False) -> Agreement:
    """Agreement of the ratings; ``interval`` measures distances between numbers for alpha."""
    paired = {unit: dict(given) for unit, given in ratings.items() if len(given) >= 2}
    same = total = 0
    for given in paired.values():
        for one, other in combinations(given.values(), 2):
            same += one == other
            total += 1
    pairs, shared = _pairs(paired)
    known = [(kappa, shared[pair]) for pair, kappa in pairs.items() if kappa is not None]
    weight = sum(count for _, count in known)
    return Agreement(
        units=len(paired),
        percent=100.0 * same / total if total else None,
        kappa=sum(kappa * count for kappa, count in known) / weight if weight else None,
        alpha=_alpha(paired, interval=interval),
        pairs=pairs,
    )


def _pairs(
    paired: Ratings,
) -> tuple[dict[tuple[str, str], float | None], dict[tuple[str, str], int]]:
    """Cohen's kappa of each pair of raters, and the units they share."""
    together: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for given in paired.values():
        for one, other in combinations(sorted(given), 2):
            together.setdefault((one, other), []).append((given[one], given[other]))
    kappas = {pair: _kappa(values) for pair, values in sorted(together.items())}
    return kappas, {pair: len(values) for pair, values in together.items()}


def _kappa(values: list[tuple[Any, Any]]) -> float | None:
    """Cohen's kappa; None when both used one and the same class throughout."""
    count = len(values)
    observed = sum(one == other for one, other in values) / count
    first, second = Counter(one for one, _ in values), Counter(other for _, other in values)
    expected = sum(first[value] * second[value] for value in first) / count**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def _alpha(paired: Ratings, *, interval: bool) -> float | None:
    """Krippendorff's alpha over every pairable value."""
    values = [value for given in paired.values() for value in given.values()]
    total = len(values)
    if total < 2:
        return None
    observed = sum(
        2 * _differences(list(given.values()), interval=interval) / (len(given) - 1)
        for given in paired.values()
    )
    expected = 2 * _differences(values, interval=interval) / (total - 1)
    return None if expected == 0 else 1 - observed / expected


def _differences(values: list[Any], *, interval: bool) -> float:
    """Summed difference of every pair of values."""
    if interval:
        mean_square = sum(value * value for value in values)
        return float(len(values) * mean_square - sum(values) ** 2)
    counts = Counter(values)
    return (len(values) ** 2 - sum(count * count for count in counts.values())) / 2
