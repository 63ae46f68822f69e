"""Which score should count as high: a sweep, and a choice that is tested on other sessions.

The threshold is chosen by grouped cross-validation, so that the figure shown is one that the
chosen threshold reaches on sessions it did not see; the gap to the in-sample figure is optimism.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.calibration import (
    area_under_roc,
    average_precision,
    curves,
    probability_figures,
    reliability,
)
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import variance_size, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample, Selected

    Floats = NDArray[np.float64]

FOLDS = 5
REPEATS = 20
CANDIDATES_MAX = 200
CLASS_MIN = 50
"""With fewer of either class the threshold is a suggestion only."""


def thresholds(sample: Sample, seed: int) -> dict[str, Any]:
    """Sweep, suggestion, curves and calibration; ``null_reason`` when they do not apply."""
    reason = _reason(sample)
    if reason:
        return {"null_reason": reason}
    weighted = sample.has_design
    selected = sample.select("number", weighted=weighted)
    if weighted and len(selected) < 2:
        weighted = False
        selected = sample.select("number", weighted=False)
    high = _high(sample, selected)
    if len(selected) < 2 or not 0 < high.mean() < 1:
        return {"null_reason": "values of both classes are needed"}
    positive_high = _positive_is_high(sample)
    scores, weights = selected.evaluator, selected.weights
    result: dict[str, Any] = {
        "null_reason": None,
        "objective": "mcc",
        "current": sample.scale.threshold,
        "weighted": weighted,
        "sweep": sweep(high, scores, weights, positive_high=positive_high),
        "auc": area_under_roc(high, scores, weights, selected.clusters, weighted=weighted),
        "prevalence": _prevalence(high, weights, selected.clusters, weighted=weighted),
        "pr_auc": average_precision(
            high, scores, weights, selected.clusters, weighted=weighted, seed=seed
        ),
        **curves(high, scores, weights),
        **probability_figures(
            high, scores, weights, selected.clusters, weighted=weighted, seed=seed
        ),
    }
    if ((scores >= 0) & (scores <= 1)).all():
        result["reliability"] = reliability(high, scores, weights)
    result |= _suggestion(high, scores, weights, selected.clusters, seed)
    return result


def _reason(sample: Sample) -> str | None:
    scale = sample.scale
    if not scale.evaluator_numbers or len(scale.evaluator_numbers) < 3:
        return "the evaluator gives classes, not scores"
    if not _has_high(sample):
        return "people's values are numbers: give a human threshold"
    return None


def _has_high(sample: Sample) -> bool:
    return sample.scale.score_type is ScoreType.BOOLEAN or bool(sample.scale.human_binary)


def _high(sample: Sample, selected: Selected) -> Floats:
    """1 where people gave the high value."""
    if sample.scale.score_type is ScoreType.BOOLEAN and set(np.unique(selected.human)) <= {
        0.0,
        1.0,
    }:
        return selected.human
    binary = sample.frame["h_binary"].cast(pl.Float64).to_numpy()[selected.rows]
    return np.asarray(binary if _positive_is_high(sample) else 1 - binary, dtype=np.float64)


def _positive_is_high(sample: Sample) -> bool:
    """Whether the class people should look at has the high scores."""
    scale = sample.scale
    texts = [text for text in scale.human_binary if text in scale.human_numbers]
    top = max(texts, key=lambda text: scale.human_numbers[text], default=None)
    return top is None or scale.human_binary[top] == 1


def _cells(high: Floats, scores: Floats, weights: Floats, cuts: Floats) -> Floats:
    """Weighted tp, fn, fp, tn (of the high class) for scores >= cut; cuts by four."""
    order = np.argsort(scores, kind="stable")
    up = np.concatenate(([0.0], np.cumsum((weights * high)[order])))
    down = np.concatenate(([0.0], np.cumsum((weights * (1 - high))[order])))
    at = np.searchsorted(scores[order], cuts, side="left")
    tp, fp = up[-1] - up[at], down[-1] - down[at]
    return np.column_stack((tp, up[at], fp, down[at]))


def _matthews(cells: Floats) -> Floats:
    """MCC of each row; nan where it is undefined."""
    tp, fn, fp, tn = cells.T
    root = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.divide(tp * tn - fp * fn, root, out=np.full(len(cells), np.nan), where=root > 0)


def _candidates(scores: Floats) -> Floats:
    """Distinct scores, thinned to quantiles when there are very many."""
    distinct = np.unique(scores)
    if len(distinct) <= CANDIDATES_MAX:
        return distinct
    keep = np.linspace(0, len(distinct) - 1, CANDIDATES_MAX).astype(int)
    return distinct[np.unique(keep)]


def best_threshold(high: Floats, scores: Floats, weights: Floats) -> tuple[float, float]:
    """The candidate with the highest MCC, and that MCC; the lowest one among equals."""
    cuts = _candidates(scores)
    found = _matthews(_cells(high, scores, weights, cuts))
    if not np.isfinite(found).any():
        return float("nan"), float("nan")
    best = int(np.nanargmax(found))
    return float(cuts[best]), float(found[best])


def sweep(
    high: Floats, scores: Floats, weights: Floats, *, positive_high: bool
) -> list[dict[str, Any]]:
    """For each candidate threshold the rates of the positive class and the MCC."""
    cuts = _candidates(scores)
    cells = _cells(high, scores, weights, cuts)
    worth = weights.sum() ** 2 / (weights**2).sum() / weights.sum()
    rows = []
    for cut, (tp, fn, fp, tn), mcc in zip(cuts, cells, _matthews(cells), strict=True):
        caught, missed, false, passed = (tp, fn, fp, tn) if positive_high else (tn, fp, fn, tp)
        tpr = caught / (caught + missed) if caught + missed > 0 else None
        low = None if tpr is None else wilson(tpr, (caught + missed) * worth)[0]
        rows.append(
            {
                "threshold": float(cut),
                "tpr": tpr,
                "tpr_low": low,
                "tnr": passed / (passed + false) if passed + false > 0 else None,
                "ppv": caught / (caught + false) if caught + false > 0 else None,
                "f1": 2 * caught / (2 * caught + missed + false)
                if caught + missed + false > 0
                else None,
                "mcc": float(mcc) if np.isfinite(mcc) else None,
            }
        )
    return rows


def folds(
    high: Floats, clusters: NDArray[np.int64] | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A fold for each observation: whole clusters, those with a high value spread evenly."""
    groups = np.arange(len(high)) if clusters is None else clusters
    names, position = np.unique(groups, return_inverse=True)
    holds = np.bincount(position, weights=high, minlength=len(names)) > 0
    fold = np.empty(len(names), dtype=np.int64)
    for kind in (True, False):
        members = np.flatnonzero(holds == kind)
        fold[rng.permutation(members)] = np.arange(len(members)) % FOLDS
    return fold[position]


def _advice(fewest: int, out_of_fold: float | None) -> str:
    """Whether the threshold may be applied, in words."""
    if fewest < CLASS_MIN:
        return f"a suggestion only: {fewest} labels of the rarer class, {CLASS_MIN} are needed"
    if out_of_fold is None or out_of_fold <= 0:
        return "not to be applied: on other sessions it does no better than chance"
    return "ready to be applied"


def _tested(value: float | None, n: int, seed: int) -> Figure:
    """A figure of cross-validation, whose folds overlap: it has no interval of its own."""
    if value is None:
        return missing("no fold held both classes", n=n)
    method = f"grouped_cross_validation {FOLDS}x{REPEATS}"
    return Figure(value=value, method=method, n=n, seed=seed)


def _prevalence(
    high: Floats, weights: Floats, clusters: NDArray[np.int64] | None, *, weighted: bool
) -> Figure:
    """The share of high values: what precision is at no skill."""
    value = float(np.average(high, weights=weights))
    error = standard_error(high - value, weights, clusters)
    size = variance_size(value, error, kish(weights))
    low, top = wilson(value, size)
    return Figure(value=value, ci_low=low, ci_high=top, method="wilson_n_eff", n=len(high),
                  n_eff=size, weighted=weighted)  # fmt: skip


def _suggestion(
    high: Floats, scores: Floats, weights: Floats, clusters: NDArray[np.int64] | None, seed: int
) -> dict[str, Any]:
    """The threshold, what it reaches in and out of sample, and how steady the choice is."""
    chosen, reached = best_threshold(high, scores, weights)
    rng = np.random.default_rng(seed)
    outside, picked = [], []
    for _ in range(REPEATS):
        fold = folds(high, clusters, rng)
        cells = np.zeros(4)
        for number in range(FOLDS):
            test = fold == number
            cut, _ = best_threshold(high[~test], scores[~test], weights[~test])
            if not np.isfinite(cut) or not test.any():
                continue
            picked.append(cut)
            cells += _cells(high[test], scores[test], weights[test], np.array([cut]))[0]
        value = _matthews(cells[None])[0]
        if np.isfinite(value):
            outside.append(float(value))
    out_of_fold = float(np.mean(outside)) if outside else None
    fewest = int(min(high.sum(), (1 - high).sum()))
    return {
        "suggested": chosen,
        "in_sample": Figure(value=reached, n=len(high), seed=seed, method="in_sample"),
        "out_of_fold": _tested(out_of_fold, len(high), seed),
        "optimism": _tested(
            None if out_of_fold is None else reached - out_of_fold, len(high), seed
        ),
        "chosen_spread": {
            "low": float(np.quantile(picked, 0.1)),
            "median": float(np.median(picked)),
            "high": float(np.quantile(picked, 0.9)),
        }
        if picked
        else None,
        "ready": fewest >= CLASS_MIN and (out_of_fold or 0.0) > 0,
        "advice": _advice(fewest, out_of_fold),
        "folds": FOLDS,
        "repeats": REPEATS,
    }
