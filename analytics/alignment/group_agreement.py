"""Chance-corrected agreement of all people at once: Fleiss, Conger, Gwet, Brennan-Prediger.

Every coefficient is a function of sums over items, so that items (or clusters) can be drawn again.
Sources: Gwet 2014, "Handbook of Inter-Rater Reliability"; Conger 1980.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.bootstrap import drawn_sums, percentile_interval
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import wald
from analytics.alignment.raters import agreement_pairs, class_counts, gwet_error
from analytics.alignment.tables import scale_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

NAMES = (
    "fleiss_kappa_humans", "conger_kappa_humans", "gwet_ac1_humans", "brennan_prediger_humans",
)  # fmt: skip


def group_figures(
    values: Floats, size: int, levels: Floats | None, clusters: Codes | None, seed: int
) -> dict[str, Figure]:
    """Each coefficient of items by raters (codes from 0, nan a gap) under its key in the ceiling.

    ``levels`` are the numbers of an ordinal scale, whose AC2 takes quadratic weights.
    """
    names = [*NAMES, *(["gwet_ac2_humans"] if levels is not None else [])]
    codes = np.where(np.isfinite(values), values, -1).astype(np.int64)
    counts = class_counts(codes, size)
    several = int((counts.sum(axis=1) > 1).sum())
    if size < 2 or several == 0:
        reason = "only one class exists" if size < 2 else "no item has two ratings"
        return dict.fromkeys(names, missing(reason, n=several))
    near = None if levels is None else 1 - scale_distance(levels, 2)
    parts = _parts(codes, counts, near)
    found = _coefficients(parts.sum(axis=0)[None], size, near)
    drawn = _coefficients(drawn_sums(parts, clusters, seed), size, near)
    similarity = {"gwet_ac1_humans": np.eye(size), "gwet_ac2_humans": near}
    figures = {}
    for name in names:
        value = float(found[name][0])
        if not math.isfinite(value):
            figures[name] = missing("every rating is the same", n=several)
            continue
        alike = similarity.get(name)
        if alike is not None and clusters is None and several > 1:
            low, high = wald(value, gwet_error(counts, alike), low=-1.0, high=1.0)
            figures[name] = Figure(value=value, ci_low=low, ci_high=high, method="gwet_2014",
                                   n=several, n_eff=float(several))  # fmt: skip
            continue
        bounds = percentile_interval(drawn[name])
        figures[name] = Figure(
            value=value, ci_low=bounds[0], ci_high=bounds[1], method="percentile_bootstrap",
            n=several, n_eff=float(several), seed=seed,
        )  # fmt: skip
    return figures


def _parts(codes: Codes, counts: Floats, near: Floats | None) -> Floats:
    """By item: rated, has pairs, agreeing pairs, near pairs, class shares, each rater's class."""
    raters = counts.sum(axis=1)
    size = counts.shape[1]
    same = np.nan_to_num(agreement_pairs(counts, np.eye(size)))
    close = same if near is None else np.nan_to_num(agreement_pairs(counts, near))
    shares = counts / np.maximum(raters, 1)[:, None]
    habits = (codes[:, :, None] == np.arange(size)).reshape(len(codes), -1)
    return np.column_stack((raters > 0, raters > 1, same, close, shares, habits)).astype(np.float64)


def _coefficients(sums: Floats, size: int, near: Floats | None) -> dict[str, Floats]:
    """Coefficients of sums of shape (draws, columns of :func:`_parts`); nan where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        same, close = sums[:, 2] / sums[:, 1], sums[:, 3] / sums[:, 1]
        used = sums[:, 4 : 4 + size] / sums[:, :1]
        habits = sums[:, 4 + size :].reshape(len(sums), -1, size)
        habits = habits / habits.sum(axis=2, keepdims=True)
        raters = habits.shape[1]
        mean = habits.mean(axis=1)
        spread = ((habits**2).sum(axis=1) - raters * mean**2) / (raters - 1)
        by_chance = {
            "fleiss_kappa_humans": (used**2).sum(axis=1),
            "conger_kappa_humans": (mean**2 - spread / raters).sum(axis=1),
            "gwet_ac1_humans": (used * (1 - used)).sum(axis=1) / (size - 1),
            "brennan_prediger_humans": np.full(len(sums), 1 / size),
        }
        result = {name: (same - chance) / (1 - chance) for name, chance in by_chance.items()}
        if near is not None:
            chance = near.sum() * (used * (1 - used)).sum(axis=1) / (size * (size - 1))
            result["gwet_ac2_humans"] = (close - chance) / (1 - chance)
    return result
