"""How good each reviewer is: against the others, against known answers, against themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.figure import Figure, share
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]


def reviewers(sample: Sample) -> list[dict[str, Any]]:
    """Each reviewer's labels, agreement with the others, with adjudications and gold items."""
    if sample.scale.score_type is ScoreType.NUMERIC:
        return []
    votes = sample.ratings.filter(~pl.col("adjudicated"))
    decided = sample.ratings.filter(pl.col("adjudicated")).select("item", settled="code")
    settled = votes.join(decided.unique("item", keep="last"), on="item", how="left")
    gold_codes = sample.scale.human_codes | sample.scale.evaluator_codes
    gold = sample.frame.select(
        "item",
        known=pl.col("gold").replace_strict(gold_codes, default=None, return_dtype=pl.Int64)
        if gold_codes
        else pl.lit(None, dtype=pl.Int64),
    )
    joined = settled.join(gold, on="item", how="left")
    pairs = votes.select("item", "rater", "code").join(
        votes.select("item", other="rater", theirs="code"), on="item"
    )
    pairs = pairs.filter(pl.col("rater") != pl.col("other"))
    result = []
    for rater in sorted(votes["rater"].unique()):
        mine = joined.filter(pl.col("rater") == rater)
        beside = pairs.filter(pl.col("rater") == rater)
        result.append(
            {
                "rater": rater,
                "labels": mine.height,
                "agreement_with_others": share_of(
                    (beside["code"] == beside["theirs"]), "no item is shared with another reviewer"
                ),
                "agreement_with_adjudication": share_of(
                    mine.filter(pl.col("settled").is_not_null())
                    .select(pl.col("code") == pl.col("settled"))
                    .to_series(),
                    "none of these items was adjudicated",
                ),
                "gold_accuracy": share_of(
                    mine.filter(pl.col("known").is_not_null())
                    .select(pl.col("code") == pl.col("known"))
                    .to_series(),
                    "no item with a known answer was labelled",
                ),
            }
        )
    return result


def share_of(hits: pl.Series, reason: str) -> Figure:
    """The share of true values with Wilson's interval; the reason when there is none."""
    known = hits.drop_nulls()
    return share(int(known.sum()), len(known), reason)


def repeat_consistency(
    first: NDArray[np.int64], second: NDArray[np.int64], size: int
) -> dict[str, Any]:
    """How often the same person answered the same item alike twice: share and kappa."""
    same = pl.Series(first == second)
    table = np.column_stack((first, second)).astype(np.float64)
    return {
        "agreement": share_of(same, "nothing was labelled twice"),
        "kappa": pairwise_kappa(table, size),
    }


def pairwise_kappa(values: Floats, size: int) -> float | None:
    """The mean of Cohen's kappa over pairs of raters (columns; nan a gap); order is irrelevant."""
    found = []
    for one in range(values.shape[1]):
        for two in range(one + 1, values.shape[1]):
            both = np.isfinite(values[:, one]) & np.isfinite(values[:, two])
            kappa = _kappa(values[both, one].astype(int), values[both, two].astype(int), size)
            if kappa is not None:
                found.append(kappa)
    return float(np.mean(found)) if found else None


def _kappa(one: NDArray[np.int64], two: NDArray[np.int64], size: int) -> float | None:
    if len(one) == 0:
        return None
    table = np.bincount(one * size + two, minlength=size * size).reshape(size, size) / len(one)
    expected = float(table.sum(axis=1) @ table.sum(axis=0))
    return None if expected >= 1 else float((np.trace(table) - expected) / (1 - expected))
