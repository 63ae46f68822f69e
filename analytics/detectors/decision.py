"""What a detector returns: one row a trace, with its reason and its evidence."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Decision(StrEnum):
    """The four things a detector can say about a trace."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    NO_MATCH = "no_match"
    SKIPPED = "skipped"


DECISIONS = pl.Schema(
    {
        "trace_id": pl.String(),
        "decision": pl.String(),
        "skip_reason": pl.String(),
        "severity": pl.Float64(),
        "confidence": pl.Float64(),
        "reason": pl.String(),
        "span_id": pl.String(),
        "evidence": pl.String(),
    }
)
"""The columns of a detector's answer.

A trace that a detector leaves out of its answer counts as ``no_match``.
``severity`` and ``confidence`` are 0 to 1; ``reason`` is one sentence with the numbers in it;
``span_id`` is the span the evidence points at first; ``evidence`` is JSON text: a list of
``{span_id, message, part, quote, value, threshold, ...}``. Where the span itself does not hold the
quote, ``quoted_from`` says what does: ``{span_id, message, part}``, or the id alone.
"""

QUOTE_LENGTH_MAX = 300
"""Characters of content that one piece of evidence quotes."""


def decision(  # One argument a column.
    trace_id: str,
    kind: Decision,
    *,
    reason: str | None = None,
    severity: float | None = None,
    confidence: float | None = None,
    span_id: str | None = None,
    evidence: list[dict[str, Any]] | None = None,
    skip_reason: str | None = None,
) -> dict[str, Any]:
    """One row of :data:`DECISIONS`; the evidence's first span is the row's span by default."""
    if span_id is None and evidence:
        span_id = evidence[0].get("span_id")
    return {
        "trace_id": trace_id,
        "decision": kind.value,
        "skip_reason": skip_reason,
        "severity": severity,
        "confidence": confidence,
        "reason": reason,
        "span_id": span_id,
        "evidence": None if evidence is None else as_json(evidence),
    }


def decisions(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A frame of :data:`DECISIONS`, in the order of the trace ids."""
    return pl.DataFrame(list(rows), schema=DECISIONS, orient="row").sort("trace_id")


def skipped(trace_ids: pl.Series, reason: str) -> pl.DataFrame:
    """The same skip for many traces."""
    blank = {name: pl.lit(None, dtype=kind) for name, kind in DECISIONS.items()}
    blank |= {"decision": pl.lit(Decision.SKIPPED.value), "skip_reason": pl.lit(reason)}
    return (
        pl.DataFrame({"trace_id": trace_ids})
        .with_columns(**{name: value for name, value in blank.items() if name != "trace_id"})
        .select(list(DECISIONS))
    )


def quote(text: str | None) -> str | None:
    """Content as evidence quotes it: cut at a length that a person reads at a glance."""
    if text is None or len(text) <= QUOTE_LENGTH_MAX:
        return text
    return text[: QUOTE_LENGTH_MAX - 1] + "…"


def as_json(value: Any) -> str:
    """Evidence as JSON text, keys in the order given, the same bytes everywhere."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
