"""Reliability of many raters with gaps: Krippendorff's alpha, Gwet's AC1 and AC2, Fleiss, ICC.

Sources: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"; Gwet 2014, "Handbook of
Inter-Rater Reliability"; Shrout and Fleiss 1979; McGraw and Wong 1996.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.tables import ordinal_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Metric(StrEnum):
    """How far two values of a scale are apart, for alpha."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


def class_counts(codes: NDArray[np.int64], size: int) -> Floats:
    """How many raters put each item into each class; ``codes`` is items by raters, -1 a gap."""
    counts = np.zeros((len(codes), size))
    for column in codes.T:
        seen = column >= 0
        np.add.at(counts, (np.flatnonzero(seen), column[seen]), 1)
    return counts


def distances(metric: Metric, levels: Floats, totals: Floats) -> Floats:
    """Squared distances between classes; the ordinal ones depend on how often classes are used."""
    gap = levels[:, None] - levels[None, :]
    match metric:
        case Metric.NOMINAL:
            return 1.0 - np.eye(len(levels))
        case Metric.ORDINAL:
            return np.asarray(ordinal_distance(totals[None])[0], dtype=np.float64)
        case Metric.INTERVAL:
            return np.asarray(gap**2, dtype=np.float64)
        case Metric.RATIO:
            total = levels[:, None] + levels[None, :]
            ratio = np.divide(gap, total, out=np.zeros_like(gap), where=total != 0)
            return np.asarray(ratio**2, dtype=np.float64)


def coincidences(counts: Floats) -> Floats:
    """Each item's coincidence matrix, flattened: items by classes squared."""
    raters = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(counts.shape[1])
    pairs[:, diagonal, diagonal] -= counts
    scale = np.divide(1.0, raters - 1, out=np.zeros_like(raters), where=raters > 1)
    return np.asarray((pairs * scale[:, None, None]).reshape(len(counts), -1))


def alpha_from_sums(sums: Floats, metric: Metric, levels: Floats) -> float:
    """Alpha from summed coincidences (classes squared); nan when every value is the same."""
    size = len(levels)
    seen = sums.reshape(size, size)
    totals = seen.sum(axis=1)
    n = totals.sum()
    apart = distances(metric, levels, totals)
    expected = float(totals @ apart @ totals)
    if n < 2 or expected <= 0:
        return float("nan")
    return float(1 - (n - 1) * (seen * apart).sum() / expected)


def krippendorff_alpha(
    counts: Floats, metric: Metric, levels: Floats, weights: Floats | None = None
) -> float:
    """Alpha of items by classes counts; a whole weight stands for that many equal items."""
    each = coincidences(counts)
    factor = np.ones(len(counts)) if weights is None else weights
    return alpha_from_sums(factor @ each, metric, levels)


def agreement_pairs(counts: Floats, similarity: Floats) -> Floats:
    """For each item with two raters or more, its mean similarity of rater pairs; nan else."""
    raters = counts.sum(axis=1)
    near = (counts * (counts @ similarity - 1)).sum(axis=1)
    scale = raters * (raters - 1)
    return np.divide(near, scale, out=np.full(len(counts), np.nan), where=raters > 1)


def chance_corrected(counts: Floats, similarity: Floats, kind: str) -> float:
    """``ac`` (AC1, AC2), ``fleiss`` or ``bp`` (Brennan-Prediger) with class similarities."""
    rated = counts[counts.sum(axis=1) > 0]
    seen = float(np.nanmean(agreement_pairs(rated, similarity)))
    expected = _by_chance(rated, similarity, kind)
    return (seen - expected) / (1 - expected)


def _by_chance(counts: Floats, similarity: Floats, kind: str) -> float:
    size = len(similarity)
    used = (counts / counts.sum(axis=1, keepdims=True)).mean(axis=0)
    if kind == "ac":
        scale = similarity.sum() / (size * (size - 1))
        return float(scale * (used * (1 - used)).sum())
    if kind == "fleiss":
        return float(used @ similarity @ used)
    return float(similarity.sum() / size**2)


def gwet_error(counts: Floats, similarity: Floats) -> float:
    """The standard error of AC1 or AC2 over items (Gwet 2014, equation 5.21)."""
    rated = counts[counts.sum(axis=1) > 0]
    size, n = len(similarity), len(rated)
    pairs = agreement_pairs(rated, similarity)
    several = np.isfinite(pairs)
    share = n / int(several.sum())
    value = chance_corrected(rated, similarity, "ac")
    shares = rated / rated.sum(axis=1, keepdims=True)
    used = shares.mean(axis=0)
    scale = similarity.sum() / (size * (size - 1))
    expected = _by_chance(rated, similarity, "ac")
    each = scale * (shares * (1 - used)).sum(axis=1)
    item = share * (np.nan_to_num(pairs) - expected * several) / (1 - expected)
    item = item - 2 * (1 - value) * (each - expected) / (1 - expected)
    return float(np.sqrt(((item - value) ** 2).sum() / (n * (n - 1))))


def conger_kappa(codes: NDArray[np.int64], size: int) -> float:
    """Cohen's kappa for several raters, each with habits of their own."""
    counts = class_counts(codes, size)
    rated = counts[counts.sum(axis=1) > 0]
    seen = float(np.nanmean(agreement_pairs(rated, np.eye(size))))
    habits = np.stack(
        [np.bincount(column[column >= 0], minlength=size) / max(1, (column >= 0).sum())
         for column in codes.T]
    )  # fmt: skip
    raters = len(habits)
    mean = habits.mean(axis=0)
    spread = (habits.T @ habits - raters * np.outer(mean, mean)) / (raters - 1)
    expected = float(np.trace(np.outer(mean, mean) - spread / raters))
    return (seen - expected) / (1 - expected)


def intraclass(scores: Floats) -> dict[str, float]:
    """ICC(1,1), (A,1), (C,1), (A,k), (C,k) of complete items by raters; nan without spread."""
    n, k = scores.shape
    grand = scores.mean()
    rows, columns = scores.mean(axis=1), scores.mean(axis=0)
    between_rows = k * float(((rows - grand) ** 2).sum())
    between_columns = n * float(((columns - grand) ** 2).sum())
    total = float(((scores - grand) ** 2).sum())
    row_ms = between_rows / (n - 1)
    column_ms = between_columns / (k - 1)
    error_ms = (total - between_rows - between_columns) / ((n - 1) * (k - 1))
    within_ms = (total - between_rows) / (n * (k - 1))
    gap = column_ms - error_ms
    named = {
        "1,1": (row_ms - within_ms, row_ms + (k - 1) * within_ms),
        "A,1": (row_ms - error_ms, row_ms + (k - 1) * error_ms + k * gap / n),
        "C,1": (row_ms - error_ms, row_ms + (k - 1) * error_ms),
        "A,k": (row_ms - error_ms, row_ms + gap / n),
        "C,k": (row_ms - error_ms, row_ms),
    }
    return {
        name: above / below if below > 0 else float("nan") for name, (above, below) in named.items()
    }
