"""Changes to design weights that somebody asked for: known strata, and a cap on heavy labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.design import post_stratified, trimmed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighting:
    """What to do with the weights beside 1 / p."""

    post_stratify: bool = False
    """Scale each stratum's weights to the number of its items, which the data show."""
    trim_medians: float | None = None
    """Cut weights at so many times their median; None leaves them."""


def weighted_anew(
    frame: pl.DataFrame, weighting: Weighting
) -> tuple[pl.DataFrame, dict[str, Any] | None]:
    """The items with changed weights, and what was changed; None for nothing asked.

    Only labelled items that count have weights that matter. Trimming comes first, so that the
    strata still add up to their items.
    """
    if not weighting.post_stratify and weighting.trim_medians is None:
        return frame, None
    counted = pl.col("labelled") & pl.col("excluded").is_null() & pl.col("weight").is_not_null()
    inside = frame.select(counted.alias("counted"))["counted"].to_numpy()
    weights = frame["weight"].to_numpy().astype(np.float64).copy()
    told: dict[str, Any] = {"trimmed": None, "post_stratified": None}
    if weighting.trim_medians is not None and inside.any():
        weights[inside], cut = trimmed(weights[inside], weighting.trim_medians)
        told["trimmed"] = {
            "medians": weighting.trim_medians, "count": cut,
            "limit": float(weights[inside].max()),
        }  # fmt: skip
    if weighting.post_stratify and inside.any():
        told["post_stratified"] = _by_strata(frame, inside, weights)
    # Items that do not count keep what they had: nobody reads their weights.
    changed = pl.Series("weight", np.where(inside, weights, np.nan)).fill_nan(None)
    return frame.with_columns(weight=pl.coalesce(changed, "weight")), told


def _by_strata(
    frame: pl.DataFrame, inside: NDArray[np.bool_], weights: Floats
) -> list[dict[str, Any]]:
    """Scale ``weights`` in place; an item without a stratum belongs to one of its own."""
    names = frame["stratum"].fill_null("").to_list()
    order = sorted(set(names))
    codes = np.array([order.index(name) for name in order], dtype=np.int64)
    place = dict(zip(order, codes, strict=True))
    strata = np.array([place[name] for name in names], dtype=np.int64)
    sizes = np.bincount(strata, minlength=len(order))
    before = np.bincount(strata[inside], weights=weights[inside], minlength=len(order))
    population = {int(code): int(sizes[code]) for code in codes}
    weights[inside] = post_stratified(weights[inside], strata[inside], population)
    return [
        {"stratum": name or None, "items": int(sizes[code]), "weight_before": float(before[code])}
        for name, code in zip(order, codes, strict=True)
    ]


def notices(told: dict[str, Any] | None) -> list[str]:
    """What a reader must know about changed weights."""
    if told is None:
        return []
    found = []
    if told["trimmed"] is not None:
        cut = told["trimmed"]
        found.append(
            f"weights are cut at {cut['limit']:.1f}, {cut['medians']:g} times their median: "
            f"{cut['count']} labels count for less than they stand for, which adds bias"
        )
    if told["post_stratified"] is not None:
        unseen = [
            s["stratum"] or "(none)" for s in told["post_stratified"] if not s["weight_before"]
        ]
        found.append("weights are scaled so that each stratum adds up to its items")
        if unseen:
            found.append(f"no label stands for stratum {', '.join(unseen)}")
    return found
