"""Labelled items as 0 and 1 (or as scores), beside every item's score: what rates are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.alignment.design_size import strata_by_weight
from analytics.alignment.figure import Figure
from analytics.alignment.intervals import wald

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """Labelled items that count, and all items, as 0/1 (or as scores)."""

    human: Floats
    scores: Floats
    weights: Floats
    probabilities: Floats
    clusters: Codes | None
    strata: list[str | None]
    strata_codes: Codes
    """The same as codes from 0; by weight where nothing is named."""
    everyone: Floats
    unlabelled: Floats
    unlabelled_strata: list[str | None]
    everyone_strata: list[str | None]
    everyone_human: Floats | None
    """Labels of all items, nan where nobody counts; None unless all probabilities are known."""
    everyone_probabilities: Floats
    designed: bool
    """Whether weights are known and differ; equal weights are a simple sample."""
    share: bool
    """Whether values are 0/1, so that intervals stay within [0, 1]."""


def rated_items(sample: Sample, *, numeric: bool) -> Rated:
    """Items with a score, 1 for the passing value; ``numeric`` takes scores as they are."""
    scale = sample.scale
    reading = "number" if numeric else "binary"
    passing = int(scale.pass_value == scale.positive)
    frame = sample.frame.filter(pl.col(f"e_{reading}").is_not_null())
    value = [pl.col(f"{side}_{reading}").cast(pl.Float64) for side in ("h", "e")]
    if not numeric and passing == 0:
        value = [1 - side for side in value]
    frame = frame.with_columns(y=value[0], f=value[1])
    kept = pl.col("excluded").is_null()
    if not sample.has_design:
        kept |= pl.col("excluded") == "no_probability"
    labels = frame.filter(pl.col("y").is_not_null() & kept)
    rest = frame.filter(~pl.col("labelled"))
    weights = labels["weight"].fill_null(1.0).to_numpy() if sample.has_design else None
    designed = weights is not None and len(weights) > 0 and bool(np.ptp(weights) > 1e-12)
    used = weights if weights is not None and designed else np.ones(labels.height)
    return Rated(
        human=labels["y"].to_numpy(),
        scores=labels["f"].to_numpy(),
        weights=used,
        probabilities=labels["inclusion_probability"].fill_null(math.nan).to_numpy(),
        clusters=labels["cluster_code"].to_numpy() if sample.has_clusters else None,
        strata=labels["stratum"].to_list(),
        strata_codes=_codes(labels["stratum"], used),
        everyone=frame["f"].to_numpy(),
        unlabelled=rest["f"].to_numpy(),
        unlabelled_strata=rest["stratum"].to_list(),
        everyone_strata=frame["stratum"].to_list(),
        everyone_human=_labels_of_all(frame, kept),
        everyone_probabilities=frame["inclusion_probability"].fill_null(math.nan).to_numpy(),
        designed=designed,
        share=not numeric,
    )


def _labels_of_all(frame: pl.DataFrame, kept: pl.Expr) -> Floats | None:
    """People's values of every item in the frame's order; None when a probability is missing."""
    known = frame["inclusion_probability"]
    if known.null_count() or not (known > 0).all() or frame["labelled"].all():
        return None
    if not frame.filter(pl.col("labelled") & ~kept).is_empty():
        return None
    return frame["y"].fill_null(math.nan).to_numpy()


def _codes(named: pl.Series, weights: Floats) -> Codes:
    if named.null_count() == len(named):
        return strata_by_weight(weights)
    return named.fill_null("").rank("dense").to_numpy().astype(np.int64) - 1


def wald_figure(value: float, error: float, n: int, n_eff: float, *, weighted: bool) -> Figure:
    """A figure with the interval of its standard error."""
    low, high = wald(value, error)
    return Figure(
        value=value, ci_low=low, ci_high=high, method="linearised", n=n, n_eff=n_eff,
        weighted=weighted,
    )  # fmt: skip
