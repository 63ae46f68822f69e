"""Versions and drift: one segment a version, weekly windows, an alert that does not cry wolf.

An alert needs a significant drop, a drop of at least 0.05, and two windows in a row; or a lower
bound under the gate. Beside it stand the three causes: people's rate moved, the evaluator's flag
rate moved (known without labels), its errors moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import stats

from analytics.alignment import correlation, tables
from analytics.alignment.comparison import benjamini_hochberg, compare
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import fisher_z
from analytics.alignment.linearised import cell_influence, kish, standard_error
from analytics.alignment.score_types import ScoreType
from analytics.alignment.verdict import deciding_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.alignment.sample import Reading, Sample

WINDOW_DAYS = 7
WINDOW_LABELS_MIN = 30
DROP_MIN = 0.05
SIGNIFICANT = 0.05
COMMON_MIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The labels of some whole weeks."""

    start: str
    end: str
    """Last day, inclusive."""
    figure: Figure
    error: float
    human_rate: float | None
    evaluator_rate: float | None
    """Over every item of the window, labelled or not, when items carry times."""

    def to_json(self) -> dict[str, Any]:
        """The window as JSON values."""
        return {
            "start": self.start, "end": self.end, "figure": self.figure.to_json(),
            "human_positive_rate": self.human_rate, "evaluator_positive_rate": self.evaluator_rate,
        }  # fmt: skip


def versions(
    samples: Mapping[str | None, Sample], reported: str | None, gate: float | None = None
) -> dict[str, Any]:
    """Every segment, the windows of the reported one, its alerts, and version against version."""
    names = list(samples)
    segments = [_segment(name, sample) for name, sample in samples.items()]
    found = windows(samples[reported])
    pairs = [
        {"first": one, "second": two, **compare(samples[one], samples[two])}
        for one, two in pairwise(names)
        if _shared(samples[one], samples[two]) >= COMMON_MIN
    ]
    return {
        "reported": reported,
        "segments": segments,
        "windows": [window.to_json() for window in found],
        "window_reason": None if found else "labels carry no times, or fewer than thirty of them",
        "alerts": alerts(found, gate),
        "rule": f"significant, a drop of {DROP_MIN} or more, two windows in a row",
        "comparisons": pairs,
    }


def _shared(one: Sample, two: Sample) -> int:
    return one.frame.filter("labelled").join(two.frame, on="item", how="semi").height


def _segment(name: str | None, sample: Sample) -> dict[str, Any]:
    deciding = deciding_figure(sample.scale.score_type)
    value, _ = measured(sample, sample.frame, weighted=False)
    best, _ = measured(sample, sample.frame, weighted=True)
    times = sample.frame["rated_at"].drop_nulls()
    return {
        "version": name,
        "items": sample.frame.height,
        "labelled": sample.frame["labelled"].sum(),
        "first_label": times.min() if len(times) else None,
        "last_label": times.max() if len(times) else None,
        "figure": deciding,
        "raw": value,
        "weighted": best,
    }


def measured(sample: Sample, frame: pl.DataFrame, *, weighted: bool) -> tuple[Figure, float]:
    """The deciding figure on some of the items, and its standard error."""
    kind = sample.scale.score_type
    reading: Reading = "number" if kind is ScoreType.NUMERIC else "code"
    part = frame.filter(pl.col(f"h_{reading}").is_not_null() & pl.col(f"e_{reading}").is_not_null())
    if weighted:
        if not sample.has_design:
            return missing("no inclusion probabilities were recorded", weighted=True), math.nan
        part = part.filter(pl.col("excluded").is_null())
    if part.height < 2:
        return missing("fewer than two pairs", weighted=weighted, n=part.height), math.nan
    human = part[f"h_{reading}"].cast(pl.Float64).to_numpy()
    evaluator = part[f"e_{reading}"].cast(pl.Float64).to_numpy()
    weights = part["weight"].to_numpy() if weighted else np.ones(part.height)
    clusters = None
    if sample.has_clusters:
        clusters = np.unique(part["cluster_code"].to_numpy(), return_inverse=True)[1].astype(
            np.int64
        )
    if np.ptp(human) == 0 or np.ptp(evaluator) == 0:
        reason = "people or the evaluator gave one value only"
        return missing(reason, weighted=weighted, n=part.height), math.nan
    if kind is ScoreType.NUMERIC:
        value, influence = correlation.concordance(human, evaluator, weights)
    else:
        value, influence = _of_classes(sample, human, evaluator, weights)
    error = standard_error(influence, weights, clusters)
    low, high = fisher_z(value, error) if error > 0 and abs(value) < 1 else (None, None)
    figure = Figure(
        value=value, ci_low=low, ci_high=high, method="fisher_z", n=part.height,
        n_eff=kish(weights), weighted=weighted,
    )  # fmt: skip
    return figure, error


def _of_classes(sample: Sample, human: Any, evaluator: Any, weights: Any) -> tuple[float, Any]:
    size = len(sample.scale.labels)
    measure: tables.Measure
    match sample.scale.score_type:
        case ScoreType.BOOLEAN:
            measure = tables.matthews
        case ScoreType.ORDINAL:
            measure = tables.kappa(tables.scale_distance(np.arange(float(size)), 2))
        case _:
            measure = tables.kappa(tables.nominal_distance(size))
    cell = (human * size + evaluator).astype(np.int64)
    total = np.bincount(cell, weights=weights, minlength=size * size)
    shares = (total / total.sum()).reshape(size, size)
    value = float(measure(shares[None].astype(np.complex128)).real[0])
    return value, cell_influence(measure, shares).ravel()[cell]


def windows(sample: Sample) -> list[Window]:
    """Weeks of at least thirty labels each, grown until they have them."""
    frame = sample.frame.with_columns(
        day=pl.coalesce("rated_at", "time")
        .str.to_datetime(strict=False, time_zone="UTC", format=None)
        .dt.date()
    )
    dated = frame.filter(pl.col("labelled") & pl.col("day").is_not_null())
    if dated.height < WINDOW_LABELS_MIN:
        return []
    first = dated["day"].min()
    frame = frame.with_columns(week=(pl.col("day") - pl.lit(first)).dt.total_days() // WINDOW_DAYS)
    counts = frame.filter("labelled").group_by("week").len().drop_nulls().sort("week")
    groups: list[tuple[int, int]] = []
    start, held = None, 0
    for week, count in counts.iter_rows():
        start = week if start is None else start
        held += count
        if held >= WINDOW_LABELS_MIN:
            groups.append((start, week))
            start, held = None, 0
    if start is not None and groups:
        groups[-1] = (groups[-1][0], counts["week"].to_list()[-1])
    return [_window(sample, frame, first, *group) for group in groups]


def _window(sample: Sample, frame: pl.DataFrame, first: Any, start: int, end: int) -> Window:
    from datetime import timedelta

    part = frame.filter(pl.col("week").is_between(start, end))
    figure, error = measured(sample, part, weighted=sample.has_design)
    if figure.value is None:
        figure, error = measured(sample, part, weighted=False)

    def rate(column: str) -> float | None:
        mean = part[column].cast(pl.Float64).mean()
        return float(mean) if isinstance(mean, float) else None

    return Window(
        start=str(first + timedelta(days=WINDOW_DAYS * start)),
        end=str(first + timedelta(days=WINDOW_DAYS * (end + 1) - 1)),
        figure=figure,
        error=error,
        human_rate=rate("h_binary"),
        evaluator_rate=rate("e_binary"),
    )


def alerts(found: Sequence[Window], gate: float | None) -> list[dict[str, Any]]:
    """Windows in which the evaluator fell, against the first window as the frozen baseline."""
    if not found:
        return []
    baseline = found[0]
    result: list[dict[str, Any]] = []
    p_values = [_p_value(baseline, window) for window in found[1:]]
    known = [p for p in p_values if p is not None]
    adjusted = iter(benjamini_hochberg(known))
    fallen_before = False
    for window, p_value in zip(found[1:], p_values, strict=True):
        corrected = next(adjusted) if p_value is not None else None
        drop = _drop(baseline, window)
        fallen = (
            corrected is not None
            and corrected < SIGNIFICANT
            and drop is not None
            and drop >= DROP_MIN
        )
        low = window.figure.ci_low
        under = gate is not None and low is not None and low < gate
        if (fallen and fallen_before) or under:
            result.append(
                {"start": window.start, "end": window.end, "drop": drop, "p_adjusted": corrected,
                 "because": "two windows in a row below the baseline" if fallen and fallen_before
                 else f"the lower bound is under the gate {gate}",
                 "causes": causes(baseline, window)}
            )  # fmt: skip
        fallen_before = fallen
    return result


def _drop(baseline: Window, window: Window) -> float | None:
    if baseline.figure.value is None or window.figure.value is None:
        return None
    return baseline.figure.value - window.figure.value


def _p_value(baseline: Window, window: Window) -> float | None:
    drop = _drop(baseline, window)
    spread = math.hypot(baseline.error, window.error)
    if drop is None or not math.isfinite(spread) or spread <= 0:
        return None
    return float(stats.norm.sf(drop / spread))


def causes(baseline: Window, window: Window) -> list[str]:
    """What moved between two windows, in words."""
    found = []
    for name, before, after in (
        ("people's rate", baseline.human_rate, window.human_rate),
        ("the evaluator's flag rate", baseline.evaluator_rate, window.evaluator_rate),
    ):
        if before is not None and after is not None and abs(after - before) >= DROP_MIN:
            found.append(f"{name} moved from {before:.2f} to {after:.2f}")
    return found or ["the evaluator's errors moved, not the rates"]


def flag_rate_change(before: int, of_before: int, after: int, of_after: int) -> dict[str, float]:
    """Whether the evaluator's flag rate moved, from all traffic and without labels (z-test)."""
    one, two = before / of_before, after / of_after
    pooled = (before + after) / (of_before + of_after)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of_before + 1 / of_after))
    z = 0.0 if error == 0 else (two - one) / error
    return {"before": one, "after": two, "z": z, "p_value": float(2 * stats.norm.sf(abs(z)))}
