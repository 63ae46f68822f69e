"""The sampling panel: what was chosen with which probability, what was left out, what is unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.alignment.linearised import kish
from analytics.alignment.sample import EXCLUSIONS
from analytics.alignment.weighting import notices

if TYPE_CHECKING:
    from analytics.alignment.sample import Sample

NAMED_MAX = 20
_WEIGHT_SPREAD_MAX = 20.0
_SHARE_GAP_MAX = 0.05


def sampling(sample: Sample) -> dict[str, Any]:
    """Population, labels, their effective sizes, exclusions by reason, strata, unseen regions."""
    frame = sample.frame
    labelled = frame.filter(pl.col("labelled"))
    counted = labelled.filter(pl.col("excluded").is_null())
    strata = _parts(frame, "stratum")
    return {
        "population": frame.height,
        "labelled": labelled.height,
        "unlabelled": frame.height - labelled.height,
        "weighted": counted.height if sample.has_design else 0,
        "kish_n_eff": _worth(counted, sample),
        "kish_n_eff_positive": _worth(counted.filter(pl.col("h_binary") == 1), sample),
        "kish_n_eff_negative": _worth(counted.filter(pl.col("h_binary") == 0), sample),
        "excluded_from_weighted": _excluded(labelled) if sample.has_design else [],
        "excluded_share": 1 - counted.height / labelled.height
        if sample.has_design and labelled.height
        else None,
        "strata": strata,
        "rules": _parts(frame, "rule"),
        "zero_probability": _zero(frame, strata),
        "weights_changed": sample.weights_changed,
        "warnings": _warnings(sample, counted)
        + notices(sample.weights_changed)
        + _off(sample, strata),
    }


def _off(sample: Sample, strata: list[dict[str, Any]]) -> list[str]:
    """A notice when labels stand for clearly more or fewer items than their stratum has."""
    changed = sample.weights_changed
    if changed is not None and changed["post_stratified"] is not None:
        return []
    off = [
        entry["stratum"]
        for entry in strata
        if entry["weight_share"] is not None
        and entry["labelled"]
        and abs(entry["weight_share"] - entry["items_share"]) > _SHARE_GAP_MAX
    ]
    if not off or all(entry["labelled"] == entry["items"] for entry in strata):
        return []
    sentence = (
        f"the labels of stratum {', '.join(off)} stand for another share of the items than it "
        "has: post-stratify when the items here are all there are"
    )
    return [sentence]


def _worth(frame: pl.DataFrame, sample: Sample) -> float | None:
    if not sample.has_design:
        return None
    return kish(frame["weight"].to_numpy()) if frame.height else 0.0


def _excluded(labelled: pl.DataFrame) -> list[dict[str, Any]]:
    grouped = (
        labelled.filter(pl.col("excluded").is_not_null())
        .group_by("excluded")
        .agg(pl.len().alias("count"), pl.col("item").sort_by("row").head(NAMED_MAX).alias("items"))
        .sort("excluded")
    )
    return [
        {"reason": reason, "sentence": EXCLUSIONS[reason], "count": count, "items": items}
        for reason, count, items in grouped.iter_rows()
    ]


def _parts(frame: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Each named stratum, or rule: items, labels, mean probability, share of the weight."""
    named = frame.filter(pl.col(column).is_not_null())
    if named.is_empty():
        return []
    counted = pl.col("labelled") & pl.col("excluded").is_null()
    grouped = named.group_by(column).agg(
        pl.len().alias("items"),
        pl.col("labelled").sum(),
        pl.col("inclusion_probability").mean().alias("mean_probability"),
        pl.col("weight").filter(counted).sum().alias("weight"),
    )
    total = grouped["weight"].sum()
    return [
        {column: name, "items": items, "items_share": items / named.height,
         "labelled": labels, "reviewed_share": labels / items, "mean_probability": p,
         "weight_share": weight / total if total else None}
        for name, items, labels, p, weight in grouped.sort(column).iter_rows()
    ]  # fmt: skip


def _zero(frame: pl.DataFrame, strata: list[dict[str, Any]]) -> dict[str, Any]:
    """Items that could never be chosen, and strata in which nobody looked at anything."""
    zero = frame.filter(pl.col("inclusion_probability") == 0)
    unseen = [entry["stratum"] for entry in strata if entry["labelled"] == 0]
    names = sorted({name for name in zero["stratum"] if name} | set(unseen))
    return {
        "items": zero.height,
        "share": zero.height / frame.height if frame.height else None,
        "strata": names,
        "sentence": None
        if not zero.height and not names
        else f"figures do not cover {', '.join(names) or f'{zero.height} items'}: "
        "nothing there was or could be looked at",
    }


def _warnings(sample: Sample, counted: pl.DataFrame) -> list[str]:
    warnings = []
    if not sample.has_design:
        warnings.append(
            "no inclusion probabilities: raw figures describe the labelled items only, "
            "which are rarely a fair sample"
        )
    elif counted.height:
        weights = counted["weight"]
        middle, top = weights.median(), weights.max()
        assert isinstance(middle, float)
        assert isinstance(top, float)
        if top > _WEIGHT_SPREAD_MAX * middle:
            warnings.append(
                f"the heaviest label counts {top / middle:.0f} times the median one: "
                "intervals lean on few items"
            )
    return warnings
