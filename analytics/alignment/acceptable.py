"""Verdicts within what people would accept: several answers may be right.

Scoring against one forced choice can prefer the worse evaluator (Guerdan et al. 2025,
arXiv 2503.05965). Where raters named further acceptable values, an evaluator's verdict is accepted
when it is the reference, or lies within the sets of more than half of the raters that count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import variance_size, wilson
from analytics.alignment.linearised import kish, standard_error
from analytics.alignment.reference import counting_ratings
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from analytics.alignment.sample import Sample
    from analytics.alignment.score_types import Scale


def with_accepted(frame: pl.DataFrame, ratings: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    """Items with ``accepted``: whether people accept the verdict; null without recorded sets."""
    known = ratings["also_acceptable"].null_count() < ratings.height
    if scale.score_type is ScoreType.NUMERIC or not known:
        return frame.with_columns(accepted=pl.lit(None, dtype=pl.Boolean))
    codes = scale.human_codes | scale.evaluator_codes
    further = ratings["also_acceptable"].map_elements(
        lambda text: [codes[value] for value in values_of(text) if value in codes],
        return_dtype=pl.List(pl.Int64),
    )
    votes = (
        counting_ratings(ratings.with_columns(further.alias("further")))
        .join(frame.select("item", "e_code"), on="item")
        .with_columns(
            fits=(pl.col("code") == pl.col("e_code"))
            | pl.col("further").list.contains(pl.col("e_code")).fill_null(value=False)
        )
    )
    shares = votes.group_by("item").agg(pl.col("fits").mean().alias("fitting"))
    same = (pl.col("h_code") == pl.col("e_code")).fill_null(value=False)
    return (
        frame.join(shares, on="item", how="left", maintain_order="left")
        .with_columns(
            accepted=pl.when(pl.col("e_code").is_not_null() & pl.col("labelled")).then(
                same | (pl.col("fitting") > 0.5)
            )
        )
        .drop("fitting")
    )


def values_of(text: str | None) -> list[str]:
    """The values of a cell: a JSON list, or values with | between them."""
    import orjson

    from analytics.alignment.pairs import as_text

    if text is None:
        return []
    if text.startswith("["):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, list):
            return [str(as_text(pl.Series([value]))[0]) for value in found if value is not None]
    return [part.strip() for part in text.split("|") if part.strip()]


def acceptable(sample: Sample, *, weighted: bool) -> Figure:
    """The share of verdicts that people accept, with Wilson's interval."""
    part = sample.frame.filter(pl.col("accepted").is_not_null())
    if part.is_empty():
        return missing("does not apply: nobody named further acceptable values", weighted=weighted)
    if weighted:
        part = part.filter(pl.col("excluded").is_null())
    if part.is_empty():
        return missing("no item has a weight and an evaluator score", weighted=weighted)
    hits = part["accepted"].cast(pl.Float64).to_numpy()
    weights = part["weight"].to_numpy() if weighted else np.ones(len(hits))
    clusters = part["cluster_code"].to_numpy() if sample.has_clusters else None
    if clusters is not None:
        clusters = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    value = float(np.average(hits, weights=weights))
    worth = kish(weights)
    plain = not weighted and clusters is None
    error = standard_error(hits - value, weights, clusters)
    size = worth if plain else variance_size(value, error, worth)
    low, high = wilson(value, size)
    return Figure(
        value=value, ci_low=low, ci_high=high, method="wilson" if plain else "wilson_n_eff",
        n=len(hits), n_eff=size, weighted=weighted,
    )  # fmt: skip
