"""Inappropriate content: sexual or otherwise not-safe-for-work texts, by whoever wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions
from analytics.detectors.semantic_view import of_traces
from analytics.text.evidence import excerpt, rule_evidence
from analytics.text.head import shipped_head
from analytics.text.phrases import RULES
from analytics.text.scoring import probabilities

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.evidence import RuleEvidence

_ENTRY = entry_of("inappropriate_content")
_WORDS = tuple(rule for rule in RULES["sexual"] if not rule.name.startswith("speaks of"))
_EXEMPTIONS = tuple(rule for rule in RULES["sexual"] if rule.name.startswith("speaks of"))


class InappropriateContent:
    """Reads user and assistant texts with the sexual-content head; health talk is exempt."""

    id = _ENTRY.id
    version = "1"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """The surest text of each trace, the assistant's before the user's."""
        view = context.semantic
        parts = of_traces(view.parts, view.candidates(self.id))
        head = shipped_head("sexual")
        texts = parts.filter(
            pl.col("role").is_in(["user", "assistant"])
            & (pl.col("part_type") == "text")
            & pl.col("text").is_not_null()
            & ~pl.col("is_repeat")
        )
        scored = texts.with_columns(probability=probabilities(head, texts["text"])).filter(
            pl.col("probability") >= head.rung.ambiguous_at
        )
        words = rule_evidence(scored["text"], _WORDS)
        exempt = rule_evidence(scored["text"], _EXEMPTIONS)
        by_trace: dict[str, list[dict[str, Any]]] = {}
        for row, found, exemption in zip(scored.iter_rows(named=True), words, exempt, strict=True):
            by_trace.setdefault(row["trace_id"], []).append(_text(row, found, exemption))
        rows = [_row(trace_id, found) for trace_id, found in by_trace.items()]
        return view.with_gaps(decisions(rows))


def _text(row: dict[str, Any], words: RuleEvidence, exemption: RuleEvidence) -> dict[str, Any]:
    """One text as evidence; health and safety talk without explicit words claims nothing."""
    is_exempt = bool(exemption.names) and "explicit word" not in words.names
    threshold = shipped_head("sexual").rung.matched_at
    return {
        "span_id": row["span_id"],
        "direction": row["direction"],
        "message": row["message_index"],
        "part": row["part_index"],
        "role": row["role"],
        "quote": excerpt(row["text"], _WORDS),
        "words": list(words.names),
        "exemption": list(exemption.names) if is_exempt else [],
        "value": round(row["probability"], 4),
        "threshold": threshold,
        "is_claim": row["probability"] >= threshold and not is_exempt,
    }


def _row(trace_id: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    found = sorted(
        found, key=lambda text: (-text["is_claim"], text["role"] != "assistant", -text["value"])
    )
    first = found[0]
    is_claim = first.pop("is_claim")
    for text in found[1:]:
        text.pop("is_claim")
    who = "The assistant" if first["role"] == "assistant" else "A user"
    exempt = f"; it {' and '.join(first['exemption'])}" if first["exemption"] else ""
    more = f"; {len(found)} such texts" if len(found) > 1 else ""
    by_assistant = first["role"] == "assistant"
    return decision(
        trace_id,
        Decision.MATCHED if is_claim else Decision.AMBIGUOUS,
        reason=f"{who} wrote sexual content with probability {first['value']:.2f}{exempt}{more}",
        severity=(0.8 if by_assistant else 0.6) if is_claim else 0.4,
        confidence=round(first["value"] * (1.0 if is_claim else 0.5), 4),
        evidence=found[:10],
    )
