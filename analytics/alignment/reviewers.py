"""How good each reviewer is: against the others, against known answers, against themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.figure import Figure, missing, share
from analytics.alignment.rater_pairs import mean_kappa
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]


def reviewers(sample: Sample) -> list[dict[str, Any]]:
    """Each reviewer's labels, agreement with the others, with adjudications, gold and themselves.

    Numeric values have no classes: their reviewers are compared by leave-one-out alone.
    """
    if sample.scale.score_type is ScoreType.NUMERIC:
        return []
    votes = sample.ratings.filter(~pl.col("adjudicated"))
    joined = _with_known(sample, votes)
    pairs = votes.select("item", "rater", "code").join(
        votes.select("item", other="rater", theirs="code"), on="item"
    )
    pairs = pairs.filter(pl.col("rater") != pl.col("other"))
    again = votes.join(
        sample.repeats.select("item", "rater", second="code"), on=["item", "rater"]
    ).drop_nulls(["code", "second"])
    result = []
    for rater in sorted(votes["rater"].unique()):
        mine = joined.filter(pl.col("rater") == rater)
        beside = pairs.filter(pl.col("rater") == rater)
        twice = again.filter(pl.col("rater") == rater)
        result.append(
            {
                "rater": rater,
                "labels": mine.height,
                "agreement_with_others": share_of(
                    (beside["code"] == beside["theirs"]), "no item is shared with another reviewer"
                ),
                "agreement_with_adjudication": _same(
                    mine, "settled", "none of these items was adjudicated"
                ),
                "gold_accuracy": _same(mine, "known", "no item with a known answer was labelled"),
                "repeat_consistency": repeat_consistency(
                    twice["code"].to_numpy(), twice["second"].to_numpy(), len(sample.scale.labels)
                ),
            }
        )
    return result


def _with_known(sample: Sample, votes: pl.DataFrame) -> pl.DataFrame:
    """Votes with ``settled``, the adjudicated code, and ``known``, the gold one."""
    decided = sample.ratings.filter(pl.col("adjudicated")).select("item", settled="code")
    settled = votes.join(decided.unique("item", keep="last"), on="item", how="left")
    codes = sample.scale.human_codes | sample.scale.evaluator_codes
    gold = sample.frame.select(
        "item",
        known=pl.col("gold").replace_strict(codes, default=None, return_dtype=pl.Int64)
        if codes
        else pl.lit(None, dtype=pl.Int64),
    )
    return settled.join(gold, on="item", how="left")


def _same(mine: pl.DataFrame, column: str, reason: str) -> Figure:
    """How often a reviewer's code is the one in ``column``, where there is one."""
    known = mine.filter(pl.col(column).is_not_null())
    return share_of(known["code"] == known[column], reason)


def share_of(hits: pl.Series, reason: str) -> Figure:
    """The share of true values with Wilson's interval; the reason when there is none."""
    known = hits.drop_nulls()
    return share(int(known.sum()), len(known), reason)


def repeat_consistency(
    first: NDArray[np.int64], second: NDArray[np.int64], size: int
) -> dict[str, Figure]:
    """How often the same person answered the same item alike twice: share and kappa."""
    both = np.column_stack((first, second)).astype(np.float64)
    reason = "nothing was labelled twice"
    return {
        "agreement": share(int((first == second).sum()), len(first), reason),
        "kappa": mean_kappa(both, size, [(0, 1)], None) if len(first) else missing(reason),
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
