"""Versions: one segment a version, never merged, each against the one before; and their drift."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analytics.alignment.comparison import compare
from analytics.alignment.drift import DROP_MIN, alerts, traffic
from analytics.alignment.verdict import deciding_figure
from analytics.alignment.windows import measured, windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.alignment.sample import Sample

COMMON_MIN = 10


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
        "traffic": traffic(samples[reported]),
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
