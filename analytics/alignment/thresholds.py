"""Which score should count as high: a sweep, and a choice that is tested on other sessions.

The threshold is chosen by grouped cross-validation, so that the figure shown is one that the
chosen threshold reaches on sessions it did not see; the gap to the in-sample figure is optimism.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from analytics.alignment.intervals import variance_size, wilson, z_quantile
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample, Selected
    from analytics.alignment.score_types import Scale

    Floats = NDArray[np.float64]

OBJECTIVES = ("mcc", "f1", "tnr")
FOLDS = 5
REPEATS = 20
CANDIDATES_MAX = 200
CLASS_MIN = 50
"""With fewer of either class the threshold is a suggestion only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What the suggested threshold is the best for."""

    name: str = "mcc"
    """mcc, f1 of the positive class, or tnr: the fewest false alarms at a safe catch rate."""
    catch_rate_min: float = 0.8
    """For tnr: what the lower bound of the catch rate must reach."""

    def of(self, cells: Floats, worth: float, *, positive_high: bool) -> Floats:
        """The objective of each row of cells (of the high class); nan where it is undefined.

        ``worth`` is how many equal observations a unit of weight is.
        """
        tp, fn, fp, tn = cells.T if positive_high else cells[:, [3, 2, 1, 0]].T
        if self.name == "mcc":
            return _matthews(cells)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.name == "f1":
                return np.asarray(2 * tp / (2 * tp + fn + fp))
            low = _lower_bounds(tp / (tp + fn), (tp + fn) * worth)
            return np.where(low >= self.catch_rate_min, tn / (tn + fp), np.nan)

    @property
    def sentence(self) -> str:
        """The objective in words."""
        if self.name == "tnr":
            return f"the highest TNR with the catch rate's lower bound at {self.catch_rate_min:g}"
        return {"mcc": "the highest MCC", "f1": "the highest F1"}[self.name]


def _lower_bounds(shares: Floats, sizes: Floats) -> Floats:
    """Wilson's lower bound of many shares at once; 0 where nothing was seen."""
    z2 = z_quantile() ** 2
    centre = shares + z2 / (2 * sizes)
    half = np.sqrt(z2 * (shares * (1 - shares) / sizes + z2 / (4 * sizes**2)))
    low = (centre - half) / (1 + z2 / sizes)
    return np.where((sizes > 0) & (shares > 0), low, 0.0)


def thresholds(sample: Sample, seed: int, objective: Objective | None = None) -> dict[str, Any]:
    """Sweep, suggestion, curves and calibration; ``null_reason`` when they do not apply."""
    objective = objective or Objective()
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
        "objective": objective.name,
        "objective_sentence": objective.sentence,
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
    result["warning"] = _backwards(result["auc"], sample.scale)
    if ((scores >= 0) & (scores <= 1)).all():
        result["reliability"] = reliability(high, scores, weights)
    # In order once, so that every fold of it is in order too.
    order = np.argsort(scores, kind="stable")
    pairs = _Scored(high=high, scores=scores, weights=weights, positive_high=positive_high)
    clusters = None if selected.clusters is None else selected.clusters[order]
    result |= _suggestion(pairs.part(order), clusters, seed, objective)
    return result


def _backwards(area: Figure, scale: Scale) -> str | None:
    """A word when the scores clearly rank items the wrong way round; None when they do not."""
    if area.ci_high is None or area.ci_high >= 0.5:
        return None
    low = next((text for text, number in scale.human_numbers.items() if number == 0), None)
    return "high scores go with what is read as low" + (
        f": if they mean {low}, say --high {low}" if low else ""
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """Scores beside 1 where people gave the high value, and whether that is the positive one."""

    high: Floats
    scores: Floats
    weights: Floats
    positive_high: bool

    def part(self, inside: NDArray[np.bool_] | NDArray[np.int64]) -> _Scored:
        return replace(
            self,
            high=self.high[inside],
            scores=self.scores[inside],
            weights=self.weights[inside],
        )


def best_threshold(
    high: Floats,
    scores: Floats,
    weights: Floats,
    objective: Objective | None = None,
    *,
    positive_high: bool = True,
) -> tuple[float, float]:
    """The candidate with the best objective, and its value; the lowest one among equals."""
    cuts = _candidates(scores)
    worth = float(weights.sum() / (weights**2).sum())
    found = (objective or Objective()).of(
        _cells(high, scores, weights, cuts), worth, positive_high=positive_high
    )
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


def _best(pairs: _Scored, objective: Objective) -> tuple[float, float]:
    return best_threshold(
        pairs.high, pairs.scores, pairs.weights, objective, positive_high=pairs.positive_high
    )


def _no_threshold(objective: Objective, n: int, seed: int) -> dict[str, Any]:
    """What is said when no candidate meets the objective."""
    reason = f"no threshold reaches {objective.sentence}"
    nothing = missing(reason, n=n)
    return {
        "suggested": None, "in_sample": nothing, "out_of_fold": nothing, "optimism": nothing,
        "chosen_spread": None, "ready": False, "advice": f"not to be applied: {reason}",
        "folds": FOLDS, "repeats": REPEATS, "seed": seed,
    }  # fmt: skip


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
    pairs: _Scored, clusters: NDArray[np.int64] | None, seed: int, objective: Objective
) -> dict[str, Any]:
    """The threshold, what it reaches in and out of sample, and how steady the choice is."""
    high, scores, weights = pairs.high, pairs.scores, pairs.weights
    chosen, reached = _best(pairs, objective)
    if not np.isfinite(chosen):
        return _no_threshold(objective, len(high), seed)
    rng = np.random.default_rng(seed)
    outside, picked = [], []
    for _ in range(REPEATS):
        fold = folds(high, clusters, rng)
        cells = np.zeros(4)
        for number in range(FOLDS):
            test = fold == number
            cut, _ = _best(pairs.part(~test), objective)
            if not np.isfinite(cut) or not test.any():
                continue
            picked.append(cut)
            cells += _cells(high[test], scores[test], weights[test], np.array([cut]))[0]
        # Out of fold the chosen thresholds are what they are: the catch rate is not asked again.
        asked = replace(objective, catch_rate_min=0.0)
        value = asked.of(cells[None], 1.0, positive_high=pairs.positive_high)[0]
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
