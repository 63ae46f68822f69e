"""Learned classifiers at work: they decide again what the offline rung flagged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.learning.texts import trace_texts

if TYPE_CHECKING:
    from analytics.detectors.context import DetectorContext
    from analytics.learning.classifier import LearnedClassifier

_FLAGGED = ("matched", "ambiguous")


class LearnedRung:
    """The classifiers in use, by detector, and by queue those that put items in order."""

    def __init__(
        self,
        classifiers: dict[str, LearnedClassifier],
        queues: dict[str, LearnedClassifier] | None = None,
    ) -> None:
        self.classifiers = classifiers
        self.queues = queues or {}

    def apply(self, found: pl.DataFrame, context: DetectorContext) -> pl.DataFrame:
        """The decisions of one chunk after the learned classifiers.

        ``found`` holds :data:`analytics.detectors.evaluation.FOUND`. A detector whose version does
        not tell its classifier is left alone: people judged another one.
        """
        for detector, classifier in self.classifiers.items():
            mine = (
                (pl.col("detector") == detector)
                & (pl.col("detector_version") == classifier.decides_as)
                & pl.col("decision").is_in(_FLAGGED)
            )
            flagged = found.filter(mine)
            if not flagged.is_empty():
                decided = _decided(flagged, classifier, context)
                found = pl.concat([found.filter(~mine), decided])
        return found.filter(pl.col("decision") != "no_match")


def evidence_of(found: pl.DataFrame) -> pl.DataFrame:
    """Add the numbers of :data:`analytics.learning.classifier.EVIDENCE` to decisions."""
    return found.with_columns(
        pl.col("confidence").fill_null(0.0),
        is_matched=(pl.col("decision") == "matched").cast(pl.Float64).fill_null(0.0),
        is_ambiguous=(pl.col("decision") == "ambiguous").cast(pl.Float64).fill_null(0.0),
    )


def _decided(
    flagged: pl.DataFrame, classifier: LearnedClassifier, context: DetectorContext
) -> pl.DataFrame:
    texts = trace_texts(context.messages_of(flagged["trace_id"]), classifier.detector)
    read = flagged.join(texts, on="trace_id", how="left", maintain_order="left")
    chances = classifier.probabilities(read["text"], evidence_of(flagged))
    rows = [
        _row(row, float(chance), classifier)
        for row, chance in zip(flagged.iter_rows(named=True), chances, strict=True)
    ]
    return pl.DataFrame(rows, schema=flagged.schema, orient="row")


def _row(row: dict[str, Any], chance: float, classifier: LearnedClassifier) -> dict[str, Any]:
    rung = classifier.head.rung
    if chance >= rung.matched_at:
        kind = "matched"
    else:
        kind = "ambiguous" if chance >= rung.ambiguous_at else "no_match"
    evidence = json.loads(row["evidence"] or "[]")
    evidence.append(
        {
            "span_id": row["span_id"],
            "learned": classifier.version,
            "value": round(chance, 4),
            "threshold": rung.matched_at,
        }
    )
    sentence = f"people would confirm it with probability {chance:.2f} (learned from "
    return row | {
        "decision": kind,
        "confidence": round(chance, 4),
        "reason": f"{row['reason']}; {sentence}{classifier.report['verdicts']} verdicts)",
        "evidence": json.dumps(evidence, ensure_ascii=False, separators=(",", ":")),
    }
