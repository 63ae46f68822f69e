"""Rows for the tables: what a run decided, in the columns of ``span_store.schema``."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.routing import floor_selections
from analytics.selection import inclusion_probability
from span_store.schema import BASELINES, FINDINGS, RUNS, TRACES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.selection import SelectionRecord


def digest(*parts: str) -> str:
    """A stable id of 32 hex digits."""
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def finding_rows(
    found: pl.DataFrame, traces: pl.DataFrame, *, project: str, as_of_ns: int
) -> pl.DataFrame:
    """Matched and ambiguous decisions as rows of ``findings``."""
    flagged = found.filter(pl.col("decision").is_in(["matched", "ambiguous"])).join(
        traces.select("trace_id", "revision"), on="trace_id", how="inner", maintain_order="left"
    )
    ids = [
        digest(project, *(str(part) for part in row))
        for row in flagged.select(
            "trace_id", "revision", "detector", "detector_version"
        ).iter_rows()
    ]
    return flagged.with_columns(
        project=pl.lit(project),
        finding_id=pl.Series(ids, dtype=pl.String),
        found_at=pl.lit(as_of_ns, dtype=pl.Int64),
    ).select(pl.col(name).cast(kind) for name, kind in FINDINGS.polars.items())


def told_of(
    found: pl.DataFrame,
    selections: Mapping[str, Sequence[SelectionRecord]],
    priorities: Mapping[str, float],
    detectors: Sequence[Detector],
) -> pl.DataFrame:
    """What a run says of the traces of which it says anything, a row each.

    ``trace_id`` and the columns of ``traces`` that follow from decisions and selections; null where
    the run says nothing.
    """
    matches = (
        found.filter(pl.col("decision") == "matched")
        .group_by("trace_id")
        .agg(detectors=pl.col("detector").sort(), max_severity=pl.col("severity").max())
    )
    kept = pl.DataFrame(
        {
            "trace_id": list(selections),
            "selections": [
                as_json([record.as_json() for record in records]) for records in selections.values()
            ],
            "inclusion_probability": [
                inclusion_probability(record.as_json() for record in records)
                for records in selections.values()
            ],
        },
        schema={
            "trace_id": pl.String,
            "selections": pl.String,
            "inclusion_probability": pl.Float64,
        },
    )
    order = pl.DataFrame(
        {"trace_id": list(priorities), "priority": list(priorities.values())},
        schema={"trace_id": pl.String, "priority": pl.Float64},
    )
    told = decision_texts(found, detectors)
    for frame in (matches, kept, order):
        told = told.join(frame, on="trace_id", how="full", coalesce=True)
    return told


def trace_rows(
    traces: pl.DataFrame,
    told: pl.DataFrame,
    detectors: Sequence[Detector],
    *,
    project: str,
    as_of_ns: int,
    config: AnalysisConfig,
) -> pl.DataFrame:
    """Evaluated traces as rows of ``traces``; ``told`` is that of :func:`told_of`."""
    return (
        traces.join(told, on="trace_id", how="left", maintain_order="left")
        .with_columns(
            project=pl.lit(project),
            evaluated_at=pl.lit(as_of_ns, dtype=pl.Int64),
            max_severity=pl.col("max_severity").fill_null(0.0),
            detectors=pl.col("detectors").fill_null(pl.lit([], dtype=pl.List(pl.String))),
            decisions=pl.col("decisions").fill_null(_decision_text({}, detectors)),
            selections=pl.coalesce("selections", floor_selections(config)),
            inclusion_probability=pl.coalesce(
                "inclusion_probability",
                pl.lit(config.random_floor),
            ),
        )
        .select(pl.col(name).cast(kind) for name, kind in TRACES.polars.items())
    )


def decision_texts(found: pl.DataFrame, detectors: Sequence[Detector]) -> pl.DataFrame:
    """For each trace with any decision but ``no_match``, all decisions as JSON text.

    Few combinations occur, so each is written once and joined.
    """
    combined = (
        found.select(
            "trace_id",
            part=pl.concat_str(
                "detector", "decision", pl.col("skip_reason").fill_null(""), separator="\x1f"
            ),
        )
        .sort("trace_id", "part")
        .group_by("trace_id", maintain_order=True)
        .agg(combination=pl.col("part").str.join("\x1e"))
    )
    combinations = combined["combination"].unique().sort().to_list()
    texts = [
        _decision_text(
            {
                detector: (decision, reason)
                for detector, decision, reason in (
                    part.split("\x1f", 2) for part in combination.split("\x1e")
                )
            },
            detectors,
        )
        for combination in combinations
    ]
    known = pl.DataFrame(
        {"combination": combinations, "decisions": texts},
        schema={"combination": pl.String, "decisions": pl.String},
    )
    return combined.join(known, on="combination", how="left").select("trace_id", "decisions")


def _decision_text(decisions: Mapping[str, tuple[str, str]], detectors: Sequence[Detector]) -> str:
    document: dict[str, Any] = {}
    for detector in detectors:
        kind, reason = decisions.get(detector.id, ("no_match", ""))
        document[detector.id] = {"decision": kind, "version": detector.version}
        if reason:
            document[detector.id]["reason"] = reason
    return as_json(document)


def baseline_rows(  # One argument a column.
    summary: pl.DataFrame,
    *,
    project: str,
    run_id: str,
    as_of_ns: int,
    window_start: int,
    window_end: int,
) -> pl.DataFrame:
    """The baselines of a run as rows of ``baselines``."""
    return summary.with_columns(
        project=pl.lit(project),
        run_id=pl.lit(run_id),
        computed_at=pl.lit(as_of_ns, dtype=pl.Int64),
        window_start=pl.lit(window_start, dtype=pl.Int64),
        window_end=pl.lit(window_end, dtype=pl.Int64),
    ).select(pl.col(name).cast(kind) for name, kind in BASELINES.polars.items())


def run_row(values: Mapping[str, Any]) -> pl.DataFrame:
    """One row of ``runs``."""
    return pl.DataFrame([dict(values)], schema=RUNS.polars, orient="row")


def as_json(value: Any) -> str:
    """JSON text with the same bytes everywhere."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
