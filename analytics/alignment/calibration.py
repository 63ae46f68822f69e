"""Scores as probabilities and as rankings: AUC, Brier, reliability, calibration error.

Ranking figures take any numeric score; Brier and calibration only scores between 0 and 1, read as
the probability of the high value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics

from analytics.alignment.bootstrap import DRAWS, drawn_sums, percentile_interval
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import fisher_z, wald
from analytics.alignment.linearised import kish, moment_influence, standard_error, worth
from analytics.alignment.ranks import dense, weight_below

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PAIRS_MIN_CALIBRATION = 200
CURVE_POINTS_MAX = 200
STEPS_MAX = 2000


def area_under_roc(
    high: Floats, scores: Floats, weights: Floats, clusters: NDArray[np.int64] | None, *,
    weighted: bool,
) -> Figure:  # fmt: skip
    """The chance that a high item scores above a low one, ties half; linearised (DeLong)."""
    up = high == 1
    if not up.any() or up.all():
        return missing("people used one class only", weighted=weighted, n=len(high))
    codes = dense(scores)
    low_below, low_tied = weight_below(codes, weights * ~up)
    high_below, high_tied = weight_below(codes, weights * up)
    beats = (low_below + low_tied / 2) / weights[~up].sum()
    beaten = 1 - (high_below + high_tied / 2) / weights[up].sum()
    value = float(np.average(beats[up], weights=weights[up]))
    share = weights[up].sum() / weights.sum()
    influence = np.where(up, (beats - value) / share, (beaten - value) / (1 - share))
    error = standard_error(influence, weights, clusters)
    # Somers' D = 2 AUC - 1 lives in [-1, 1], where Fisher's z keeps the interval inside.
    low, high_bound = fisher_z(2 * value - 1, 2 * error)
    return Figure(
        value=value, ci_low=(low + 1) / 2, ci_high=(high_bound + 1) / 2, method="fisher_z",
        n=len(high), n_eff=worth(influence, weights, clusters), weighted=weighted,
    )  # fmt: skip


def calibration_error(high: Floats, scores: Floats, weights: Floats, bins: int) -> float:
    """Expected calibration error with equal bins, bin = floor(score x bins)."""
    return float(_calibration_error(_bin_sums(high, scores, weights, bins).sum(axis=0)[None])[0])


def _bin_sums(high: Floats, scores: Floats, weights: Floats, bins: int) -> Floats:
    """Each observation's weight and weighted residual in its bin: observations by 2 x bins."""
    which = np.minimum((scores * bins).astype(np.int64), bins - 1)
    sums = np.zeros((len(scores), 2 * bins))
    rows = np.arange(len(scores))
    sums[rows, which] = weights
    sums[rows, bins + which] = weights * (high - scores)
    return sums


def _calibration_error(sums: Floats) -> Floats:
    bins = sums.shape[1] // 2
    return np.asarray(np.abs(sums[:, bins:]).sum(axis=1) / sums[:, :bins].sum(axis=1))


def reliability(
    high: Floats, scores: Floats, weights: Floats, bins: int = 10
) -> list[dict[str, Any]]:
    """For each bin with observations: mean score, share of high values, observations."""
    which = np.minimum((scores * bins).astype(np.int64), bins - 1)
    rows = []
    for index in np.unique(which):
        inside = which == index
        rows.append(
            {"score": float(np.average(scores[inside], weights=weights[inside])),
             "share": float(np.average(high[inside], weights=weights[inside])),
             "n": int(inside.sum())}
        )  # fmt: skip
    return rows


def probability_figures(
    high: Floats, scores: Floats, weights: Floats, clusters: NDArray[np.int64] | None, *,
    weighted: bool, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Brier, D2-Brier, log loss and calibration error of scores between 0 and 1."""
    if ((scores < 0) | (scores > 1)).any():
        reason = "scores are not between 0 and 1"
        names = ("brier", "d2_brier", "log_loss", "ece")
        return {name: missing(reason, weighted=weighted) for name in names}
    n = len(high)

    def made(value: float, influence: Floats, low: float, top: float) -> Figure:
        error = standard_error(influence, weights, clusters)
        bounds = wald(value, error, low=low, high=top) if math.isfinite(error) else (None, None)
        return Figure(
            value=value, ci_low=bounds[0], ci_high=bounds[1], method="linearised", n=n,
            n_eff=worth(influence, weights, clusters), weighted=weighted,
        )  # fmt: skip

    square = (high - scores) ** 2
    value = float(np.average(square, weights=weights))
    result: dict[str, Any] = {"brier": made(value, square - value, 0.0, 1.0)}
    if 0 < high.mean() < 1:
        gain, influence = moment_influence(
            lambda means: 1 - means[:, 0] / (means[:, 1] - means[:, 1] ** 2),
            np.column_stack((square, high)), weights,
        )  # fmt: skip
        result["d2_brier"] = made(gain, influence, -math.inf, 1.0)
        given = np.clip(np.where(high == 1, scores, 1 - scores), np.finfo(np.float64).eps, 1.0)
        loss = -np.log(given)
        mean = float(np.average(loss, weights=weights))
        result["log_loss"] = made(mean, loss - mean, 0.0, math.inf)
    if n < PAIRS_MIN_CALIBRATION:
        reason = f"calibration error needs {PAIRS_MIN_CALIBRATION} pairs, there are {n}"
        result["ece"] = missing(reason, weighted=weighted, n=n)
        return result
    parts = _bin_sums(high, scores, weights, 10)
    low, high_bound = percentile_interval(_calibration_error(drawn_sums(parts, clusters, seed)))
    ece = calibration_error(high, scores, weights, 10)
    result["ece"] = Figure(
        value=ece, ci_low=None if low is None else min(low, ece), ci_high=high_bound,
        method="percentile_bootstrap", n=n, n_eff=kish(weights), weighted=weighted, seed=seed,
    )  # fmt: skip
    return result


def average_precision(
    high: Floats, scores: Floats, weights: Floats, clusters: NDArray[np.int64] | None, *,
    weighted: bool, seed: int,
) -> Figure:  # fmt: skip
    """The area under the precision-recall curve, with a percentile cluster bootstrap."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=math.nan) != 0)
    hits = (weights * high)[order]
    total = weights[order]
    value = _average_precision(hits, total, ends)
    rng = np.random.default_rng(seed)
    codes = np.arange(len(high)) if clusters is None else dense(clusters)
    groups = int(codes.max()) + 1
    codes = codes[order]
    # Draws are measured on at most two thousand steps of the curve: the finest add nothing.
    starts = _steps(ends)
    last = np.arange(len(starts))
    coarse = np.add.reduceat(hits, starts), np.add.reduceat(total, starts)
    shift = value - _average_precision(coarse[0], coarse[1], last)
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        times = np.bincount(rng.integers(0, groups, groups), minlength=groups)[codes]
        up, every = np.add.reduceat(hits * times, starts), np.add.reduceat(total * times, starts)
        drawn[draw] = _average_precision(up, every, last) + shift
    drawn = np.clip(drawn, 0.0, 1.0)
    low, top = percentile_interval(drawn)
    return Figure(
        value=value, ci_low=None if low is None else min(low, value),
        ci_high=None if top is None else max(top, value), method="percentile_bootstrap",
        n=len(high), n_eff=kish(weights), weighted=weighted, seed=seed,
    )  # fmt: skip


def _steps(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the steps of a curve begin, thinned when there are very many; ties stay together."""
    kept = np.unique(np.linspace(0, len(ends) - 1, min(len(ends), STEPS_MAX)).astype(np.int64))
    return np.concatenate(([0], ends[kept][:-1] + 1))


def _average_precision(hits: Floats, total: Floats, ends: NDArray[np.int64]) -> float:
    """Sum of precision times gain of recall over falling thresholds; nan without high values."""
    up, all_up = np.cumsum(hits)[ends], np.cumsum(total)[ends]
    if up[-1] <= 0:
        return math.nan
    gain = np.diff(up, prepend=0.0)
    precision = np.divide(up, all_up, out=np.zeros(len(up)), where=all_up > 0)
    return float((gain * precision).sum() / up[-1])


def curves(high: Floats, scores: Floats, weights: Floats) -> dict[str, list[dict[str, float]]]:
    """Points of the ROC and the precision-recall curve, thinned to at most two hundred."""
    false_rate, true_rate, _ = metrics.roc_curve(high, scores, sample_weight=weights)
    precision, recall, _ = metrics.precision_recall_curve(high, scores, sample_weight=weights)
    return {
        "roc": _thinned(false_rate, true_rate),
        "precision_recall": _thinned(recall[::-1], precision[::-1]),
    }


def _thinned(x: Floats, y: Floats) -> list[dict[str, float]]:
    keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS_MAX)).astype(int))
    return [{"x": float(x[i]), "y": float(y[i])} for i in keep]
