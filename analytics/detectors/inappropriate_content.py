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

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.evidence import RuleEvidence

_ENTRY = entry_of("inappropriate_content")

CLAIM_STRENGTH = 0.85
"""Rules this strong claim a match alone: an act, a wish or an advance in words."""

AMBIGUOUS_STRENGTH = 0.5

HEAD_CHARACTERS_MIN = 200
"""The head learned from whole texts: shorter ones need a rule beside it."""

_PHRASES = RULES["explicit"]
_WORDS = tuple(rule for rule in RULES["sexual"] if not rule.name.startswith("speaks of"))
_EXEMPTIONS = (
    *(rule for rule in RULES["sexual"] if rule.name.startswith("speaks of")),
    *RULES["explicit_exempt"],
)
_ACTS = frozenset({"tells of a sexual act", "makes an advance"})
"""What no talk of health or safety needs."""


class InappropriateContent:
    """Reads user and assistant texts with the sexual-content head and rules; health is exempt."""

    id = _ENTRY.id
    version = "2"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """The surest text of each trace, the assistant's before the user's."""
        view = context.semantic
        wanted = view.candidates(self.id)
        if wanted.is_empty():
            return view.with_gaps(decisions([]))
        parts = of_traces(view.parts, wanted)
        head = shipped_head("sexual")
        texts = parts.filter(
            pl.col("role").is_in(["user", "assistant"])
            & (pl.col("part_type") == "text")
            & pl.col("text").is_not_null()
            & ~pl.col("is_repeat")
        )
        scored = texts.with_columns(probability=view.scores.probabilities(head, texts["text"]))
        phrases = rule_evidence(scored["text"], _PHRASES)
        strengths = pl.Series([said.strength for said in phrases], dtype=pl.Float64)
        scored = scored.with_columns(place=pl.int_range(pl.len()), strength=strengths).filter(
            (pl.col("probability") >= head.rung.ambiguous_at)
            | (pl.col("strength") >= AMBIGUOUS_STRENGTH)
        )
        words = rule_evidence(scored["text"], _WORDS)
        exempt = rule_evidence(scored["text"], _EXEMPTIONS)
        by_trace: dict[str, list[dict[str, Any]]] = {}
        for row, found, exemption in zip(scored.iter_rows(named=True), words, exempt, strict=True):
            text = _text(row, phrases[row["place"]], found, exemption)
            if text is not None:
                by_trace.setdefault(row["trace_id"], []).append(text)
        rows = [_row(trace_id, found) for trace_id, found in by_trace.items()]
        return view.with_gaps(decisions(rows))


def _text(
    row: dict[str, Any], phrases: RuleEvidence, words: RuleEvidence, exemption: RuleEvidence
) -> dict[str, Any] | None:
    """One text as evidence; None when it is too little, or talk of health, safety or art."""
    threshold = shipped_head("sexual").rung.matched_at
    is_sure = row["probability"] >= threshold
    is_act = not _ACTS.isdisjoint(phrases.names)
    is_exempt = bool(exemption.names) and not is_act and "explicit word" not in words.names
    is_read = len(row["text"]) >= HEAD_CHARACTERS_MIN
    if (bool(exemption.names) and not is_act and not is_sure) or not (
        is_sure or is_read or phrases.strength >= AMBIGUOUS_STRENGTH
    ):
        return None
    is_said = phrases.strength >= CLAIM_STRENGTH
    return {
        "span_id": row["span_id"],
        "direction": row["direction"],
        "message": row["message_index"],
        "part": row["part_index"],
        "role": row["role"],
        "quote": excerpt(row["text"], (*_PHRASES, *_WORDS)),
        "phrases": list(phrases.names),
        "words": list(words.names),
        "exemption": list(exemption.names) if is_exempt else [],
        "strength": phrases.strength,
        "value": round(row["probability"], 4),
        "threshold": threshold,
        "is_claim": (is_said or is_sure) and not is_exempt,
    }


def _row(trace_id: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    found = sorted(
        found, key=lambda text: (-text["is_claim"], text["role"] != "assistant", -_surety(text))
    )
    first = found[0]
    is_claim = first.pop("is_claim")
    for text in found[1:]:
        text.pop("is_claim")
    who = "The assistant" if first["role"] == "assistant" else "A user"
    said = f": {', '.join(first['phrases'])} (rules {first['strength']:.2f})"
    exempt = f"; it {' and '.join(first['exemption'])}" if first["exemption"] else ""
    more = f"; {len(found)} such texts" if len(found) > 1 else ""
    by_assistant = first["role"] == "assistant"
    return decision(
        trace_id,
        Decision.MATCHED if is_claim else Decision.AMBIGUOUS,
        reason=f"{who} wrote sexual content with probability {first['value']:.2f}"
        f"{said if first['phrases'] else ''}{exempt}{more}",
        severity=(0.8 if by_assistant else 0.6) if is_claim else 0.4,
        confidence=round(_surety(first) * (1.0 if is_claim else 0.5), 4),
        evidence=found[:10],
    )


def _surety(text: dict[str, Any]) -> float:
    return max(float(text["value"]), float(text["strength"]))
