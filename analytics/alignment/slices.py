"""Slices: agreement in each part of the items, and which parts stand out after correction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import stats

from analytics.alignment.comparison import benjamini_hochberg
from analytics.alignment.figure import Figure
from analytics.alignment.intervals import variance_size, wald, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.linearised import worth as worth_of
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from analytics.alignment.sample import Sample

SLICE_MIN = 20
VALUES_MAX = 12
"""Values of one column that are looked at: those that most items have."""


def slices(sample: Sample) -> dict[str, Any]:
    """Agreement by stratum, reviewer and columns named ``slice_...``; small parts only counted."""
    if sample.scale.score_type is ScoreType.NUMERIC:
        return {"null_reason": "slices compare classes; scores are numbers", "rows": []}
    reading = "binary" if sample.scale.score_type is ScoreType.BOOLEAN else "code"
    weighted = sample.has_design
    frame = sample.frame.filter(
        pl.col(f"h_{reading}").is_not_null() & pl.col(f"e_{reading}").is_not_null()
    )
    if weighted:
        frame = frame.filter(pl.col("excluded").is_null())
    frame = _with_reviewers(frame, sample)
    names = ["stratum", *sorted(name for name in frame.columns if name.startswith("slice_"))]
    rows: list[dict[str, Any]] = []
    for name in names:
        values = _commonest(frame[name])
        if len(values) > 1:
            rows += [_slice(frame, name, value, reading, sample) for value in values]
    tested = [row for row in rows if row["p_value"] is not None]
    adjusted = benjamini_hochberg([row["p_value"] for row in tested])
    for row, p_value in zip(tested, adjusted, strict=True):
        row["p_adjusted"] = p_value
    reason = None if rows else "no stratum and no slice column with two values"
    return {"null_reason": reason, "minimum": SLICE_MIN, "rows": rows}


def _with_reviewers(frame: pl.DataFrame, sample: Sample) -> pl.DataFrame:
    """Items with the one person who labelled them; null where several did."""
    votes = sample.ratings.filter(~pl.col("adjudicated") & (pl.col("rater") != ""))
    alone = votes.filter(pl.len().over("item") == 1).select("item", slice_reviewer="rater")
    if "slice_reviewer" in frame.columns or alone.is_empty():
        return frame
    return frame.join(alone, on="item", how="left", maintain_order="left")


def _commonest(values: pl.Series) -> list[str]:
    """The values of a column that most items have, in alphabetical order."""
    counts = values.drop_nulls().value_counts(sort=True, name="times")
    return sorted(counts.sort(["times", values.name], descending=[True, False])
                  .head(VALUES_MAX)[values.name])  # fmt: skip


def _slice(
    frame: pl.DataFrame, name: str, value: str, reading: str, sample: Sample
) -> dict[str, Any]:
    right = (frame[f"h_{reading}"] == frame[f"e_{reading}"]).to_numpy().astype(np.float64)
    inside = (frame[name] == value).fill_null(value=False).to_numpy()
    weights = frame["weight"].to_numpy() if sample.has_design else np.ones(len(right))
    clusters = None
    if sample.has_clusters:
        codes = frame["cluster_code"].to_numpy()
        clusters = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    row: dict[str, Any] = {
        "column": name.removeprefix("slice_"), "value": value, "n": int(inside.sum()),
        "agreement": None, "difference": None, "p_value": None, "p_adjusted": None,
    }  # fmt: skip
    if inside.sum() < SLICE_MIN:
        return row
    share, influence = _share(right, inside, weights)
    error = standard_error(influence, weights, clusters)
    worth = kish(weights[inside])
    size = variance_size(share, error, worth)
    low, high = wilson(share, size)
    row["agreement"] = Figure(
        value=share, ci_low=low, ci_high=high, method="wilson_n_eff", n=int(inside.sum()),
        n_eff=size, weighted=sample.has_design,
    )  # fmt: skip
    if (~inside).sum() >= SLICE_MIN:
        rest, moved = _share(right, ~inside, weights)
        spread = standard_error(influence - moved, weights, clusters)
        low, high = wald(share - rest, spread, low=-1.0, high=1.0)
        known = not math.isnan(spread)
        row["difference"] = Figure(
            value=share - rest, ci_low=low if known else None, ci_high=high if known else None,
            method="linearised", n=len(right), n_eff=worth_of(influence - moved, weights, clusters),
            weighted=sample.has_design,
        )  # fmt: skip
        if spread > 0 and not math.isnan(spread):
            row["p_value"] = float(2 * stats.norm.sf(abs(share - rest) / spread))
    return row


def _share(
    right: np.ndarray[Any, np.dtype[np.float64]],
    inside: np.ndarray[Any, np.dtype[np.bool_]],
    weights: np.ndarray[Any, np.dtype[np.float64]],
) -> tuple[float, np.ndarray[Any, np.dtype[np.float64]]]:
    share = float(np.average(right[inside], weights=weights[inside]))
    part = weights[inside].sum() / weights.sum()
    return share, np.where(inside, (right - share) / part, 0.0)
