"""The confusion matrix: raw counts, weighted shares, and the cases behind each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import variance_size, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from analytics.alignment.sample import Sample

CASES_MAX = 200
"""Cases listed a cell; the rest is counted."""


def confusion(sample: Sample) -> dict[str, Any]:
    """Labels, counts and weighted totals as matrices (rows people, columns the evaluator), cells.

    Numeric scores without thresholds have no matrix; the reason stands in ``null_reason``.
    """
    scale = sample.scale
    classes = scale.score_type in (ScoreType.CATEGORICAL, ScoreType.ORDINAL)
    reading = "code" if classes else "binary"
    labels = list(scale.labels)
    if not classes and scale.binary_reason is not None:
        return {"labels": [], "counts": [], "weighted_totals": [], "cells": [],
                "null_reason": scale.binary_reason}  # fmt: skip
    if not labels:
        labels = ["pass", "fail"] if scale.positive == "fail" else ["fail", "pass"]
    size = len(labels)
    human, evaluator = f"h_{reading}", f"e_{reading}"
    frame = sample.frame.filter(pl.col(human).is_not_null() & pl.col(evaluator).is_not_null())
    counts = np.zeros((size, size), dtype=int)
    totals = np.zeros((size, size))
    cells = []
    grouped = frame.group_by(human, evaluator).agg(
        pl.len().alias("count"),
        pl.col("weight").filter(pl.col("excluded").is_null()).sum().alias("total"),
        pl.col("item").sort_by("row").head(CASES_MAX).alias("items"),
    )
    for h, e, count, total, items in grouped.sort(human, evaluator).iter_rows():
        counts[h, e] = count
        totals[h, e] = total or 0.0
        cells.append(
            {"human": labels[h], "evaluator": labels[e], "count": count,
             "weighted_total": (total or 0.0) if sample.has_design else None,
             "items": items, "items_omitted": count - len(items)}
        )  # fmt: skip
    result: dict[str, Any] = {
        "labels": labels,
        "positive": scale.positive,
        "counts": counts.tolist(),
        "weighted_totals": totals.tolist() if sample.has_design else None,
        "weighted_shares": _shares(totals) if sample.has_design else None,
        "cells": _dangerous_first(cells, labels),
        "human_positive_rate": positive_rate(sample, "h"),
        "evaluator_positive_rate": positive_rate(sample, "e"),
        "null_reason": None,
    }
    if size == 2 and not (classes and scale.positive is None):
        result |= {"tp": int(counts[1, 1]), "fn": int(counts[1, 0]),
                   "fp": int(counts[0, 1]), "tn": int(counts[0, 0])}  # fmt: skip
    return result


def _shares(totals: np.ndarray[Any, Any]) -> list[list[float]] | None:
    total = totals.sum()
    return (totals / total).tolist() if total > 0 else None


def _dangerous_first(cells: list[dict[str, Any]], labels: list[str]) -> list[dict[str, Any]]:
    """Missed bad cases first, then other disagreements, then agreement."""
    order = {label: index for index, label in enumerate(labels)}

    def danger(cell: dict[str, Any]) -> tuple[int, int, int]:
        human, evaluator = order[cell["human"]], order[cell["evaluator"]]
        return (human == evaluator, -human if human > evaluator else 0, evaluator)

    return sorted(cells, key=danger)


def positive_rate(sample: Sample, side: str) -> dict[str, Figure]:
    """How often one side says the positive class, among pairs: raw and weighted."""
    result = {}
    for name, weighted in (("raw", False), ("weighted", True)):
        if weighted and not sample.has_design:
            result[name] = missing("no inclusion probabilities were recorded", weighted=True)
            continue
        selected = sample.select("binary", weighted=weighted)
        if len(selected) == 0:
            reason = sample.scale.binary_reason or "no item has both values"
            result[name] = missing(reason, weighted=weighted)
            continue
        values = selected.human if side == "h" else selected.evaluator
        value = float(np.average(values, weights=selected.weights))
        error = standard_error(values - value, selected.weights, selected.clusters)
        ceiling = kish(selected.weights)
        plain = not weighted and selected.clusters is None
        size = ceiling if plain else variance_size(value, error, ceiling)
        low, high = wilson(value, size)
        result[name] = Figure(
            value=value, ci_low=low, ci_high=high, method="wilson" if plain else "wilson_n_eff",
            n=len(selected), n_eff=size, weighted=weighted,
        )  # fmt: skip
    return result
