"""How many traces each detector flags now: earlier runs and this one together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.job.report import DetectorCount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from span_store.store import SpanStore


def detector_counts(
    store: SpanStore,
    project: str,
    detectors: Sequence[Any],
    found: pl.DataFrame,
    findings: pl.DataFrame,
    evaluated: pl.DataFrame,
) -> list[DetectorCount]:
    """Standing and new counts by detector; a newer revision replaces an older one's findings."""
    columns = ["trace_id", "revision", "detector", "decision"]
    stored = store.scan_raw("findings", project=project).select(columns).collect()
    # Of a trace that was never evaluated again the first findings stand.
    again = pl.col("revision") > 1
    flagged = pl.concat([stored["trace_id"], findings["trace_id"]]).unique().to_frame()
    revisions = (
        store.scan_raw("traces", project=project)
        .filter(again)
        .join(flagged.lazy(), on="trace_id", how="semi")
    )
    newest = (
        pl.concat(
            [
                revisions.select("trace_id", "revision").collect(),
                evaluated.filter(again).select("trace_id", "revision"),
            ]
        )
        .group_by("trace_id")
        .agg(newest=pl.col("revision").max())
    )
    standing = (
        pl.concat([stored, findings.select(columns)])
        .unique()
        .join(newest, on="trace_id", how="left")
        .filter(pl.col("revision") == pl.coalesce("newest", "revision"))
    )
    totals = _by_detector(standing)
    new = _by_detector(found)
    reasons: dict[str, dict[str, int]] = {}
    skips = found.filter(pl.col("decision") == "skipped")
    grouped = skips.group_by("detector", "skip_reason").len().sort("detector", "skip_reason")
    for detector, reason, count in grouped.iter_rows():
        reasons.setdefault(detector, {})[str(reason)[:200]] = count
    return [
        DetectorCount(
            detector=detector.id,
            version=detector.version,
            matched=totals.get((detector.id, "matched"), 0),
            ambiguous=totals.get((detector.id, "ambiguous"), 0),
            matched_new=new.get((detector.id, "matched"), 0),
            ambiguous_new=new.get((detector.id, "ambiguous"), 0),
            skipped_new=new.get((detector.id, "skipped"), 0),
            skip_reasons=reasons.get(detector.id, {}),
        )
        for detector in detectors
    ]


def _by_detector(frame: pl.DataFrame) -> dict[tuple[str, str], int]:
    counted = frame.group_by("detector", "decision").len()
    return {(detector, decision): count for detector, decision, count in counted.iter_rows()}
