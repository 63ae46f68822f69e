"""The human ceiling: how well people agree among themselves, and the evaluator beside them.

Leave-one-out on one yardstick: person j against the other people on j's items, the evaluator
against those same people on those same items. Agreement for classes, minus the mean distance for
numbers. Ties stay in: every rating counts here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.alternative_test import EPSILON, alternative_test
from analytics.alignment.bootstrap import drawn_sums, percentile_interval
from analytics.alignment.dawid_skene import dawid_skene
from analytics.alignment.figure import Figure, missing, share
from analytics.alignment.group_agreement import group_figures
from analytics.alignment.ranks import dense
from analytics.alignment.rater_pairs import every_pair, intraclass_figures, mean_kappa
from analytics.alignment.raters import (
    Metric,
    alpha_from_sums,
    class_counts,
    coincidences,
)
from analytics.alignment.reference import numbers_of
from analytics.alignment.reviewers import reviewers
from analytics.alignment.score_types import ScoreType
from analytics.alignment.yardstick import interval_alpha_sums, interval_alpha_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]

ITEMS_MIN_TRUTH = 20
RATERS_MIN_TRUTH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Items by raters, and the evaluator beside them; nan is a gap."""

    raters: tuple[str, ...]
    values: Floats
    evaluator: Floats
    clusters: NDArray[np.int64] | None
    items: tuple[str, ...]
    numeric: bool


def ceiling(
    sample: Sample, seed: int, skill: str = "skilled", epsilon: float | None = None
) -> dict[str, Any]:
    """Everything about people among themselves; ``null_reason`` says why there is nothing.

    ``epsilon`` is what the alternative annotator test grants the evaluator; None goes by ``skill``.
    """
    table = rating_table(sample)
    if len(table.raters) < 2 or not (np.isfinite(table.values).sum(axis=1) > 1).any():
        reason = "one rater an item: people cannot be compared with each other"
        return {"null_reason": reason, "raters": len(table.raters), "reviewers": reviewers(sample)}
    result: dict[str, Any] = {"null_reason": None, "raters": len(table.raters)}
    result |= leave_one_out(table, seed)
    result |= _reliability(sample, table, seed)
    result["alternative_test"] = _alternative(sample, table, skill, epsilon)
    result["certainty"] = _certainty(sample)
    result["dawid_skene"] = _truth(sample, table)
    result["reviewers"] = reviewers(sample)
    ties = sample.frame.filter(pl.col("kind") == "tie").height
    several = sample.frame.filter(pl.col("raters") > 1).height
    result["tie_rate"] = share(ties, several, "no item has two ratings")
    return result


def rating_table(sample: Sample) -> Ratings:
    """Votes (adjudications are no votes) as a matrix of the items that have them."""
    numeric = sample.scale.score_type is ScoreType.NUMERIC
    reading = "number" if numeric else "code"
    votes = sample.ratings.filter(~pl.col("adjudicated") & pl.col(reading).is_not_null())
    items = votes.select("item").unique(maintain_order=True).with_row_index("i")
    raters = votes.select("rater").unique().sort("rater").with_row_index("r")
    joined = votes.join(items, on="item").join(raters, on="rater")
    values = np.full((items.height, max(1, raters.height)), math.nan)
    values[joined["i"].to_numpy(), joined["r"].to_numpy()] = joined[reading].to_numpy()
    facts = items.join(sample.frame, on="item", how="left", maintain_order="left")
    evaluator = facts[f"e_{reading}"].cast(pl.Float64).fill_null(math.nan).to_numpy()
    clusters = None
    if sample.has_clusters:
        clusters = facts["cluster_code"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return Ratings(
        raters=tuple(raters["rater"]),
        values=values,
        evaluator=evaluator,
        clusters=clusters,
        items=tuple(items["item"]),
        numeric=numeric,
    )


def leave_one_out(table: Ratings, seed: int) -> dict[str, Any]:
    """Mean human figure, mean evaluator figure, their difference, and each person's bar."""
    parts, names = _loo_parts(table)
    totals = parts.sum(axis=0)
    draws = drawn_sums(parts, table.clusters, seed)
    people, machine, gap = _loo_means(totals[None])
    drawn = _loo_means(draws)
    n = int(np.isfinite(table.values).sum())
    items = len(table.items)

    def made(value: float, values: Floats) -> Figure:
        low, high = percentile_interval(values)
        return Figure(
            value=value, ci_low=low, ci_high=high, method="percentile_bootstrap", n=n,
            n_eff=float(items), seed=seed,
        )  # fmt: skip

    if not np.isfinite(people[0]):
        nothing = missing("no item has two people and an evaluator score")
        return {"human_loo": nothing, "evaluator_loo": nothing, "evaluator_minus_human": nothing,
                "by_rater": []}  # fmt: skip
    scored = bool(np.isfinite(table.evaluator).any())
    unscored = missing("no evaluator was compared")
    by_rater = []
    for index, name in enumerate(names):
        if totals[3 * index + 2] > 0:
            mine, its = _bars(totals, draws, index, seed)
            by_rater.append({"rater": name, "human": mine, "evaluator": its if scored else unscored,
                             "items": mine.n})  # fmt: skip
    return {
        "measure": "minus mean distance" if table.numeric else "agreement",
        "human_loo": made(float(people[0]), drawn[0]),
        "evaluator_loo": made(float(machine[0]), drawn[1]) if scored else unscored,
        "evaluator_minus_human": made(float(gap[0]), drawn[2]) if scored else unscored,
        "by_rater": by_rater,
    }


def _bars(totals: Floats, draws: Floats, person: int, seed: int) -> tuple[Figure, Figure]:
    """How near one person, and the evaluator, come to the others on this person's items."""
    count, drawn_count = totals[3 * person + 2], draws[:, 3 * person + 2]
    figures = []
    for side in (3 * person, 3 * person + 1):
        drawn = np.divide(
            draws[:, side], drawn_count, out=np.full(len(draws), math.nan), where=drawn_count > 0
        )
        low, high = percentile_interval(drawn)
        figures.append(
            Figure(value=float(totals[side] / count), ci_low=low, ci_high=high, n=round(count),
                   n_eff=float(count), method="percentile_bootstrap", seed=seed)
        )  # fmt: skip
    return figures[0], figures[1]


def _loo_parts(table: Ratings) -> tuple[Floats, list[str]]:
    """For each item three columns a person: closeness of the person, of the evaluator, count."""
    columns = []
    scored = bool(np.isfinite(table.evaluator).any())
    for person in range(len(table.raters)):
        others = np.delete(table.values, person, axis=1)
        there = np.isfinite(others)
        mine, its = table.values[:, person], table.evaluator
        used = np.isfinite(mine) & there.any(axis=1)
        if scored:
            used &= np.isfinite(its)
        count = np.maximum(there.sum(axis=1), 1)
        for value in (mine, its):
            gap = np.where(there, others - value[:, None], math.inf)
            near = -np.where(there, np.abs(gap), 0) if table.numeric else (gap == 0) * 1.0
            columns.append(np.where(used, near.sum(axis=1) / count, 0.0))
        columns.append(used * 1.0)
    return np.column_stack(columns), list(table.raters)


def _loo_means(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Means over people of sums of shape (draws, 3 x people)."""
    by_person = sums.reshape(len(sums), -1, 3)
    count = by_person[:, :, 2]
    share = np.divide(
        by_person[:, :, :2], count[:, :, None], out=np.full_like(by_person[:, :, :2], math.nan),
        where=count[:, :, None] > 0,
    )  # fmt: skip
    known = np.isfinite(share[:, :, 0])
    size = known.sum(axis=1)
    total = np.where(known[:, :, None], share, 0).sum(axis=1)
    means = np.divide(total, size[:, None], out=np.full_like(total, math.nan),
                      where=size[:, None] > 0)  # fmt: skip
    return means[:, 0], means[:, 1], means[:, 1] - means[:, 0]


def _reliability(sample: Sample, table: Ratings, seed: int) -> dict[str, Any]:
    """Alpha of people, alpha with the evaluator as one more rater, kappa by pairs, ICC."""
    with_evaluator = np.column_stack((table.values, table.evaluator))
    result: dict[str, Any] = {
        "alpha_humans": _alpha(sample, table.values, table.clusters, seed),
        "alpha_with_evaluator": _alpha(sample, with_evaluator, table.clusters, seed)
        if np.isfinite(table.evaluator).any()
        else missing("no evaluator was compared"),
    }
    if sample.scale.score_type in (ScoreType.NUMERIC, ScoreType.ORDINAL):
        whole = np.isfinite(table.values).all(axis=1)
        clusters = None if table.clusters is None else dense(table.clusters[whole])
        result["icc"] = intraclass_figures(table.values[whole], clusters, seed)
    if not table.numeric:
        size, people = len(sample.scale.labels), len(table.raters)
        pairs = every_pair(people)
        result["kappa_human_human"] = mean_kappa(table.values, size, pairs, table.clusters)
        ordinal = sample.scale.score_type is ScoreType.ORDINAL
        levels = np.array(numbers_of(sample.scale)) if ordinal else None
        result |= group_figures(table.values, size, levels, table.clusters, seed)
        beside = [(person, people) for person in range(people)]
        result["kappa_human_evaluator"] = mean_kappa(with_evaluator, size, beside, table.clusters)
    return result


def _alpha(sample: Sample, values: Floats, clusters: NDArray[np.int64] | None, seed: int) -> Figure:
    kind = sample.scale.score_type
    if kind is ScoreType.NUMERIC:
        parts = interval_alpha_sums(values)
        value = float(interval_alpha_value(parts.sum(axis=0)[None])[0])
        drawn = interval_alpha_value(drawn_sums(parts, clusters, seed))
    else:
        metric = Metric.ORDINAL if kind is ScoreType.ORDINAL else Metric.NOMINAL
        levels = (
            np.array(numbers_of(sample.scale))
            if kind is ScoreType.ORDINAL
            else np.arange(float(len(sample.scale.labels)))
        )
        codes = np.where(np.isfinite(values), values, -1).astype(np.int64)
        parts = coincidences(class_counts(codes, len(levels)))
        value = alpha_from_sums(parts.sum(axis=0), metric, levels)
        drawn = np.array(
            [alpha_from_sums(sums, metric, levels) for sums in drawn_sums(parts, clusters, seed)]
        )
    items = int((np.isfinite(values).sum(axis=1) > 1).sum())
    if not math.isfinite(value):
        return missing("every rating is the same", n=items)
    low, high = percentile_interval(drawn)
    return Figure(
        value=value, ci_low=low, ci_high=high, method="percentile_bootstrap", n=items,
        n_eff=float(items), seed=seed,
    )  # fmt: skip


def _places(codes: Floats, gap: int) -> NDArray[np.int64]:
    return np.where(np.isfinite(codes), codes, gap).astype(np.int64)


def _alternative(
    sample: Sample, table: Ratings, skill: str, granted: float | None
) -> dict[str, Any]:
    """The alternative annotator test; it wants three people."""
    if len(table.raters) < 2:
        return {"null_reason": "two people are needed, three to rely on it"}
    if not np.isfinite(table.evaluator).any():
        return {"null_reason": "no evaluator was compared"}
    epsilon = EPSILON[skill] if granted is None else granted
    values, evaluator = table.values, table.evaluator
    ordinal = sample.scale.score_type is ScoreType.ORDINAL
    if ordinal:
        levels = np.array([*numbers_of(sample.scale), math.nan])
        values, evaluator = (levels[_places(side, len(levels) - 1)] for side in (values, evaluator))
    found = alternative_test(values, evaluator, epsilon, numeric=table.numeric or ordinal)
    return {
        "null_reason": None,
        "epsilon": epsilon,
        "people_are": skill,
        "winning_rate": Figure(
            value=found.winning_rate, method="benjamini_yekutieli", n=len(table.raters)
        ),
        "advantage": found.advantage_figure(len(table.items)),
        "passed": found.passed,
        "p_values": dict(zip(table.raters, found.p_values, strict=True)),
        "reliable": len(table.raters) >= RATERS_MIN_TRUTH and len(table.items) >= 50,
    }


def _certainty(sample: Sample) -> dict[str, Any]:
    """The evaluator's agreement where people were unanimous and where they were not."""
    reading = "number" if sample.scale.score_type is ScoreType.NUMERIC else "code"
    frame = sample.frame.filter(
        pl.col("unanimous").is_not_null()
        & pl.col(f"h_{reading}").is_not_null()
        & pl.col(f"e_{reading}").is_not_null()
    )
    result = {}
    for name, kept in (("unanimous", True), ("contested", False)):
        part = frame.filter(pl.col("unanimous") == kept)
        if part.is_empty():
            result[name] = missing(f"no {name} item has a reference and an evaluator score")
            continue
        if reading == "number":
            distance = (part["h_number"] - part["e_number"]).abs().mean()
            assert isinstance(distance, float)
            result[name] = Figure(value=distance, method="mean_distance", n=part.height)
            continue
        same = int((part["h_code"] == part["e_code"]).sum())
        result[name] = share(same, part.height, "")
    return result


def _truth(sample: Sample, table: Ratings) -> dict[str, Any]:
    """Dawid and Skene's view of the raters; the evaluator is not among them."""
    if table.numeric:
        return {"null_reason": "scores are numbers, not classes"}
    busy = np.isfinite(table.values).sum(axis=0) >= ITEMS_MIN_TRUTH
    if busy.sum() < RATERS_MIN_TRUTH:
        return {"null_reason": f"three people with {ITEMS_MIN_TRUTH} items each are needed"}
    size = len(sample.scale.labels)
    values = table.values[:, busy]
    counts = np.zeros((len(values), values.shape[1], size))
    rows, people = np.nonzero(np.isfinite(values))
    counts[rows, people, values[rows, people].astype(int)] = 1
    found = dawid_skene(counts)
    best = found.posterior.argmax(axis=1)
    scored = np.isfinite(table.evaluator) & (counts.sum(axis=(1, 2)) > 0)
    agreement = share(
        int((best[scored] == table.evaluator[scored]).sum()), int(scored.sum()),
        "no item has an evaluator score",
    )  # fmt: skip
    names = [name for name, used in zip(table.raters, busy, strict=True) if used]
    return {
        "null_reason": None,
        "prior": dict(zip(sample.scale.labels, found.prior.tolist(), strict=True)),
        "raters": {name: found.habits[index].tolist() for index, name in enumerate(names)},
        "labels": list(sample.scale.labels),
        "log_likelihood": found.log_likelihood,
        "passes": found.passes,
        "evaluator_agreement": agreement,
    }
