"""Two evaluators, or two versions, on the same items: who was right more often, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import stats

from analytics.alignment import correlation, tables
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import wald
from analytics.alignment.linearised import cell_influence, standard_error, worth
from analytics.alignment.paired_draws import (
    drawn_figure,
    drawn_number_differences,
    drawn_table_differences,
)
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]

FLIPPED_MAX = 200
DISCORDANT_EXACT_MAX = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Four answers to one question; the mid-p value is the one to read."""

    first_only: int
    """Items that only the first got right."""
    second_only: int
    exact: float
    mid_p: float
    chi_squared: float
    p_value: float
    """Of the uncorrected chi-squared."""
    chi_squared_corrected: float
    p_value_corrected: float


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """McNemar's test from the discordant counts."""
    total = first_only + second_only
    low = min(first_only, second_only)
    if total == 0:
        return McNemar(
            first_only=0, second_only=0, exact=1.0, mid_p=1.0, chi_squared=0.0, p_value=1.0,
            chi_squared_corrected=0.0, p_value_corrected=1.0,
        )  # fmt: skip
    exact = float(stats.binomtest(low, total).pvalue)
    plain = (first_only - second_only) ** 2 / total
    corrected = max(0, abs(first_only - second_only) - 1) ** 2 / total
    return McNemar(
        first_only=first_only,
        second_only=second_only,
        exact=exact,
        mid_p=min(1.0, exact - float(stats.binom.pmf(low, total, 0.5))),
        chi_squared=plain,
        p_value=float(stats.chi2.sf(plain, 1)),
        chi_squared_corrected=corrected,
        p_value_corrected=float(stats.chi2.sf(corrected, 1)),
    )


def benjamini_hochberg(p_values: list[float]) -> list[float]:
    """Adjusted p-values for many comparisons at once."""
    if not p_values:
        return []
    return [float(p) for p in stats.false_discovery_control(np.array(p_values), method="bh")]


def compare(first: Sample, second: Sample, seed: int | None = None) -> dict[str, Any]:
    """Compare two evaluators on the items that people labelled and both scored.

    Differences are second minus first, linearised over clusters and weights; with a ``seed`` also
    by a paired cluster bootstrap.
    """
    numeric = first.scale.score_type is ScoreType.NUMERIC
    reading = "number" if numeric else "binary" if first.scale.human_binary else "code"
    if not numeric and first.scale.score_type in (ScoreType.CATEGORICAL, ScoreType.ORDINAL):
        reading = "code"
    frame = _common(first, second, reading)
    result: dict[str, Any] = {"n": frame.height, "reading": reading}
    if frame.is_empty():
        return result | {"null_reason": "no labelled item was scored by both"}
    result["null_reason"] = None
    human = frame["h"].to_numpy()
    one, two = frame["a"].to_numpy(), frame["b"].to_numpy()
    clusters = frame["cluster"].to_numpy() if first.has_clusters else None
    weights = np.ones(len(human))
    result["raw"] = _differences(reading, human, one, two, weights, clusters, False, seed)
    if first.has_design:
        known = frame.filter(pl.col("excluded").is_null())
        if known.height:
            result["weighted"] = _differences(
                reading, known["h"].to_numpy(), known["a"].to_numpy(), known["b"].to_numpy(),
                known["weight"].to_numpy(),
                known["cluster"].to_numpy() if first.has_clusters else None, True, seed,
            )  # fmt: skip
    if not numeric:
        right, wins = one == human, two == human
        result["mcnemar"] = _mcnemar_json(int((right & ~wins).sum()), int((wins & ~right).sum()))
    result["flipped"] = _flipped(frame, first, reading)
    result["flipped_count"] = int((one != two).sum())
    return result


def _mcnemar_json(first_only: int, second_only: int) -> dict[str, Any]:
    found = mcnemar(first_only, second_only)
    return {
        "first_only_right": first_only,
        "second_only_right": second_only,
        "mid_p": found.mid_p,
        "exact_p": found.exact,
        "chi_squared": found.chi_squared,
        "chi_squared_p": found.p_value,
        "chi_squared_corrected": found.chi_squared_corrected,
        "chi_squared_corrected_p": found.p_value_corrected,
        "rule": "mid-p",
    }


def _common(first: Sample, second: Sample, reading: str) -> pl.DataFrame:
    human, evaluator = f"h_{reading}", f"e_{reading}"
    left = first.frame.select(
        "item", "excluded", "weight", h=pl.col(human).cast(pl.Float64),
        a=pl.col(evaluator).cast(pl.Float64), cluster="cluster_code",
    )  # fmt: skip
    right = second.frame.select("item", b=pl.col(evaluator).cast(pl.Float64))
    return left.join(right, on="item", how="inner", maintain_order="left").drop_nulls(
        ["h", "a", "b"]
    )


def _differences(
    reading: str,
    human: Floats,
    one: Floats,
    two: Floats,
    weights: Floats,
    clusters: NDArray[np.int64] | None,
    weighted: bool,
    seed: int | None,
) -> dict[str, dict[str, Figure]]:
    """For each measure the value of the first, of the second, and the difference."""
    if clusters is not None:
        clusters = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    result: dict[str, dict[str, Figure]] = {}
    drawn = {} if seed is None else _drawn(reading, (human, one, two), weights, clusters, seed)
    for name, measure in _measures(reading, human, one, two).items():
        before, after = measure(human, one, weights), measure(human, two, weights)
        if before is None or after is None:
            reason = "undefined on these items for one of the two"
            nothing = missing(reason, weighted=weighted, n=len(human))
            result[name] = {"first": nothing, "second": nothing, "difference": nothing}
            continue
        error = standard_error(after[1] - before[1], weights, clusters)
        gap = after[0] - before[0]
        low, high = wald(gap, error) if not math.isnan(error) else (None, None)
        empty = Figure(value=gap, n=len(human), weighted=weighted)
        sizes = [worth(moved, weights, clusters) for _, moved in (before, after)]
        result[name] = {
            "first": replace(empty, value=before[0], n_eff=sizes[0]),
            "second": replace(empty, value=after[0], n_eff=sizes[1]),
            "difference": replace(empty, ci_low=low, ci_high=high, method="linearised",
                                  n_eff=worth(after[1] - before[1], weights, clusters)),
        }  # fmt: skip
        if seed is not None and name in drawn:
            result[name]["difference_drawn"] = drawn_figure(
                result[name]["difference"], drawn[name], seed
            )
    return result


def _drawn(
    reading: str,
    sides: tuple[Floats, Floats, Floats],
    weights: Floats,
    clusters: NDArray[np.int64] | None,
    seed: int,
) -> dict[str, tuple[float | None, float | None]]:
    if reading == "number":
        return drawn_number_differences(sides, weights, clusters, seed)
    size = int(max(2, *(side.max() + 1 for side in sides)))
    return drawn_table_differences(sides, weights, clusters, _of_classes(reading, size), seed)


def _measures(reading: str, human: Floats, one: Floats, two: Floats) -> dict[str, Any]:
    if reading == "number":
        named = {
            "mae": correlation.mean_absolute_error,
            "bias": correlation.bias,
            "ccc": correlation.concordance,
            "spearman": correlation.spearman,
        }
        if any(np.ptp(side) == 0 for side in (human, one, two)):
            named = {name: named[name] for name in ("mae", "bias")}
        return named
    size = max(int(max(human.max(), one.max(), two.max())) + 1, 2)
    return {name: _of_table(measure, size) for name, measure in _of_classes(reading, size).items()}


def _of_classes(reading: str, size: int) -> dict[str, tables.Measure]:
    wanted: dict[str, tables.Measure] = {
        "accuracy": tables.accuracy,
        "cohen_kappa": tables.kappa(tables.nominal_distance(size)),
        "mcc": tables.matthews,
    }
    if reading == "binary":
        wanted |= {"tpr": tables.recall(1), "tnr": tables.recall(0)}
    return wanted


def _of_table(measure: tables.Measure, size: int) -> Any:
    def made(human: Floats, evaluator: Floats, weights: Floats) -> tuple[float, Floats] | None:
        cell = (human * size + evaluator).astype(np.int64)
        total = np.bincount(cell, weights=weights, minlength=size * size)
        shares = (total / total.sum()).reshape(size, size)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(measure(shares[None].astype(np.complex128)).real[0])
            if not math.isfinite(value):
                return None
            influence = cell_influence(measure, shares)
        return value, influence.ravel()[cell]

    return made


def _flipped(frame: pl.DataFrame, sample: Sample, reading: str) -> list[dict[str, Any]]:
    """Items on which the two differ, those that turned wrong first."""
    flipped = frame.filter(pl.col("a") != pl.col("b")).with_columns(
        order=pl.when(pl.col("a") == pl.col("h"))
        .then(0)
        .when(pl.col("b") == pl.col("h"))
        .then(1)
        .otherwise(2)
    )
    labels = sample.scale.labels

    def shown(value: float) -> Any:
        return value if reading == "number" or not labels else labels[int(value)]

    return [
        {"item": item, "human": shown(h), "first": shown(a), "second": shown(b)}
        for item, h, a, b in flipped.sort("order", maintain_order=True)
        .head(FLIPPED_MAX).select("item", "h", "a", "b").iter_rows()
    ]  # fmt: skip
