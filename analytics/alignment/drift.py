"""Drift: an alert that does not cry wolf, and the evaluator's flag rate over all traffic.

An alert needs a significant drop, corrected for the evaluators looked at in the same week, a drop
of at least 0.05, and two windows in a row; or a lower bound under the gate. Beside it stand the
causes: people's rate moved, the evaluator's flag rate moved, its errors moved, people agree less
with each other. The flag rate of all traffic needs no labels, so it is known at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl
from scipy import stats

from analytics.alignment.comparison import benjamini_hochberg
from analytics.alignment.figure import share
from analytics.alignment.pairs import moments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.alignment.sample import Sample
    from analytics.alignment.windows import Window

DROP_MIN = 0.05
SIGNIFICANT = 0.05
TRAFFIC_MIN = 100
"""Items a week of traffic must have to be compared."""


def alerts(found: Sequence[Window], gate: float | None) -> list[dict[str, Any]]:
    """Windows in which one evaluator fell; see :func:`alerts_of_many`."""
    return alerts_of_many({"": found}, gate)[""]


def alerts_of_many(
    found: Mapping[str, Sequence[Window]], gate: float | None
) -> dict[str, list[dict[str, Any]]]:
    """For each evaluator the windows in which it fell, against its first one as frozen baseline.

    P-values are corrected (Benjamini-Hochberg) over the evaluators whose windows end in one week.
    """
    p_values: dict[tuple[str, int], float] = {}
    weeks: dict[str, list[tuple[str, int]]] = {}
    for name, own in found.items():
        for index, window in enumerate(own[1:], start=1):
            p_value = _p_value(own[0], window)
            if p_value is not None:
                p_values[name, index] = p_value
                weeks.setdefault(_week(window.end), []).append((name, index))
    adjusted: dict[tuple[str, int], float] = {}
    for keys in weeks.values():
        corrected = benjamini_hochberg([p_values[key] for key in keys])
        adjusted |= dict(zip(keys, corrected, strict=True))
    return {
        name: _alerts_of_one(own, [adjusted.get((name, i)) for i in range(len(own))], gate)
        for name, own in found.items()
    }


def _week(day: str) -> str:
    from datetime import date

    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02d}"


def _alerts_of_one(
    found: Sequence[Window], adjusted: Sequence[float | None], gate: float | None
) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    fallen_before = False
    for window, p_value in list(zip(found, adjusted, strict=True))[1:]:
        baseline = found[0]
        drop = _drop(baseline, window)
        fallen = (
            p_value is not None and p_value < SIGNIFICANT and drop is not None and drop >= DROP_MIN
        )
        low = window.figure.ci_low
        under = gate is not None and low is not None and low < gate
        if (fallen and fallen_before) or under:
            result.append(
                {"start": window.start, "end": window.end, "drop": drop, "p_adjusted": p_value,
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
        ("the catch rate", baseline.tpr, window.tpr),
        ("the rate of negatives let through", baseline.tnr, window.tnr),
    ):
        if before is not None and after is not None and abs(after - before) >= DROP_MIN:
            found.append(f"{name} moved from {before:.2f} to {after:.2f}")
    before, after = baseline.people_kappa, window.people_kappa
    if before is not None and after is not None and before - after >= DROP_MIN:
        found.append(
            f"people agree less with each other (kappa {before:.2f} to {after:.2f}): "
            "look at the reviewers first"
        )
    return found or ["neither rates nor errors moved by 0.05: many small things did"]


def traffic(sample: Sample) -> dict[str, Any]:
    """The evaluator's flag rate by week over every item, labelled or not, and where it moved.

    Each week is compared with the first by a z-test, corrected over the weeks.
    """
    if sample.scale.binary_reason is not None:
        return {"null_reason": sample.scale.binary_reason, "weeks": [], "moved": []}
    counts = (
        sample.frame.select(
            day=moments(pl.coalesce("item_time", "time")).dt.date(), flag="e_binary"
        )
        .drop_nulls()
        .with_columns(week=pl.col("day").dt.truncate("1w"))
        .group_by("week")
        .agg(pl.col("flag").sum(), pl.len().alias("items"))
        .sort("week")
    )
    weeks = [row for row in counts.rows() if row[2] >= TRAFFIC_MIN]
    if len(weeks) < 2:
        reason = f"fewer than two weeks of {TRAFFIC_MIN} items with a time and a score"
        return {"null_reason": reason, "weeks": [], "moved": []}
    _, first_flags, first_items = weeks[0]
    tests = [flag_rate_change(first_flags, first_items, row[1], row[2]) for row in weeks[1:]]
    corrected = benjamini_hochberg([test["p_value"] for test in tests])
    moved = [
        {"start": str(row[0]), **test, "p_adjusted": p_value}
        for row, test, p_value in zip(weeks[1:], tests, corrected, strict=True)
        if p_value < SIGNIFICANT and abs(test["after"] - test["before"]) >= DROP_MIN
    ]
    return {
        "null_reason": None,
        "positive": sample.scale.positive,
        "weeks": [
            {"start": str(week), "items": items, "flag_rate": share(flags, items, "")}
            for week, flags, items in weeks
        ],
        "moved": moved,
    }


def traffic_sentences(entry: dict[str, Any]) -> list[str]:
    """What moved in the flag rate of all traffic, in words; from the section's JSON."""
    return [
        f"{change['start']}: the flag rate over all traffic moved from {change['before']:.1%} to "
        f"{change['after']:.1%} (p {change['p_adjusted']:.2g}); no label says yet whether rightly"
        for change in entry["moved"]
    ]


def flag_rate_change(before: int, of_before: int, after: int, of_after: int) -> dict[str, float]:
    """Whether the evaluator's flag rate moved, from all traffic and without labels (z-test)."""
    one, two = before / of_before, after / of_after
    pooled = (before + after) / (of_before + of_after)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of_before + 1 / of_after))
    z = 0.0 if error == 0 else (two - one) / error
    return {"before": one, "after": two, "z": z, "p_value": float(2 * stats.norm.sf(abs(z)))}
