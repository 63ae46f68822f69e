"""The sample behind a report: items of one evaluator version, their reference and design.

Left out of weighted figures and shown in raw ones: items without a probability, added by hand,
re-opened after a disagreement, used for tuning the evaluator, or rated with its verdict in view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from analytics.alignment.acceptable import with_accepted
from analytics.alignment.design_size import strata_by_weight
from analytics.alignment.reference import coded_ratings, references
from analytics.alignment.weighting import Weighting, weighted_anew

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.pairs import Pairs
    from analytics.alignment.score_types import Scale

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

Reading = Literal["code", "binary", "number"]

EXCLUSIONS = {
    "no_probability": "no inclusion probability was recorded",
    "manual": "added by hand",
    "reopened": "re-opened because of a disagreement",
    "used_for_tuning": "the evaluator was tuned on it",
    "out_of_order": "reviewed out of its queue's order",
    "not_blind": "rated with the evaluator's verdict in view",
}
"""Why an item is left out of weighted figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """Matching arrays of the items that have both sides in one reading."""

    human: NDArray[np.float64]
    evaluator: NDArray[np.float64]
    weights: Floats
    """Ones when not weighted."""
    clusters: Codes | None
    rows: Codes
    """Positions in the sample's frame."""
    weighted: bool

    def __len__(self) -> int:
        return len(self.human)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Every item of one evaluator version, labelled or not."""

    frame: pl.DataFrame
    """item, row, h_*, e_* (code, number, binary), weight, inclusion_probability, cluster code,
    stratum, excluded (a key of EXCLUSIONS or null), raters, unanimous, kind, labelled, accepted."""
    ratings: pl.DataFrame
    """Coded ratings of these items."""
    repeats: pl.DataFrame
    """Coded second answers of raters about these items; they count nowhere else."""
    scale: Scale
    has_design: bool
    has_clusters: bool
    weights_changed: dict[str, Any] | None = None
    """What was done to the weights beside 1 / p; see :mod:`.weighting`."""

    def select(self, reading: Reading, *, weighted: bool) -> Selected:
        """The items with both sides in this reading; weighted leaves excluded items out."""
        kept = (pl.col(f"h_{reading}").is_not_null()) & (pl.col(f"e_{reading}").is_not_null())
        if weighted:
            kept &= pl.col("excluded").is_null()
        part = self.frame.with_row_index("position").filter(kept)
        weights = part["weight"].to_numpy() if weighted else np.ones(part.height)
        return Selected(
            human=part[f"h_{reading}"].cast(pl.Float64).to_numpy(),
            evaluator=part[f"e_{reading}"].cast(pl.Float64).to_numpy(),
            weights=weights.astype(np.float64),
            clusters=part["cluster_code"].to_numpy() if self.has_clusters else None,
            rows=part["position"].to_numpy().astype(np.int64),
            weighted=weighted,
        )


def make_sample(
    pairs: Pairs, scale: Scale, version: str | None, weighting: Weighting | None = None
) -> Sample:
    """Join items of one evaluator version with their references and design.

    ``version`` None means items without a version.
    """
    same = pl.col("version").eq_missing(pl.lit(version, dtype=pl.String))
    items = pairs.items.filter(same)
    ratings = coded_ratings(pairs, scale)
    ratings = ratings.join(items.select("item"), on="item", how="semi")
    repeats = coded_ratings(replace(pairs, ratings=pairs.repeats), scale)
    repeats = repeats.join(items.select("item"), on="item", how="semi")
    frame = items.join(references(ratings, scale), on="item", how="left", maintain_order="left")
    frame = frame.with_columns(
        *[
            pl.lit(None, dtype=kind).alias(f"e_{reading}")
            if not table
            else pl.col("evaluator")
            .replace_strict(table, default=None, return_dtype=kind)
            .alias(f"e_{reading}")
            for reading, table, kind in (
                ("code", scale.evaluator_codes, pl.Int64()),
                ("number", scale.evaluator_numbers, pl.Float64()),
                ("binary", scale.evaluator_binary, pl.Int64()),
            )
        ],
        labelled=pl.col("kind").is_not_null(),
        weight=pl.coalesce("weight", 1 / pl.col("inclusion_probability")),
    )
    frame = frame.with_columns(excluded=_excluded(), cluster_code=_cluster_code())
    frame = with_accepted(frame, ratings, scale)
    frame, changed = weighted_anew(frame, weighting or Weighting())
    return Sample(
        frame=frame,
        ratings=ratings,
        repeats=repeats,
        scale=scale,
        has_design=pairs.has_design,
        has_clusters=pairs.has_clusters,
        weights_changed=changed,
    )


def _excluded() -> pl.Expr:
    return (
        pl.when(~pl.col("labelled"))
        .then(None)
        .when(pl.col("manual").fill_null(value=False))
        .then(pl.lit("manual"))
        .when(pl.col("reopened").fill_null(value=False))
        .then(pl.lit("reopened"))
        .when(pl.col("used_for_tuning").fill_null(value=False))
        .then(pl.lit("used_for_tuning"))
        .when(pl.col("out_of_order").fill_null(value=False))
        .then(pl.lit("out_of_order"))
        .when(~pl.col("all_blind").fill_null(value=True))
        .then(pl.lit("not_blind"))
        .when(pl.col("weight").is_null() | pl.col("weight").is_infinite())
        .then(pl.lit("no_probability"))
        .otherwise(None)
    )


def _cluster_code() -> pl.Expr:
    """Codes from 0; an item without a cluster is one of its own."""
    name = pl.coalesce(pl.concat_str(pl.lit("c:"), "cluster"), pl.concat_str(pl.lit("i:"), "item"))
    return (name.rank("dense") - 1).cast(pl.Int64)


def strata_of(sample: Sample, selected: Selected) -> Codes:
    """The stratum of each selected item: as named, else by weight.

    Without names, equal weights are one stratum; more than twenty weights are cut into fifths.
    """
    part = sample.frame[selected.rows.tolist()] if len(selected) else sample.frame.head(0)
    named = part["stratum"]
    if named.null_count() < len(named):
        return named.fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
    return strata_by_weight(selected.weights)
