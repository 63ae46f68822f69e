"""Refusal: the assistant declines a request that it should handle.

Whether an answer declines can be read off its words; whether it should have, only in plain cases.
Claimed is an answer that declines a request without anything sensitive. Requests that ask for harm,
and answers that say what is missing, are declined rightly. What lies between is ambiguous.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.detectors.semantic_view import of_traces
from analytics.text.declining import declines, is_unable
from analytics.text.evidence import excerpt
from analytics.text.head import shipped_head
from analytics.text.phrases import RULES
from analytics.text.quoted import without_quotes
from analytics.text.requests import Kind, asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.scoring import Scores

_ENTRY = entry_of("refusal")

SAYS_SO_CONFIDENCE = 0.9
"""How sure it is that an answer declines that says so in words."""

HEAD_CHARACTERS_MIN = 200
"""In shorter answers the head, which learned from whole ones, is not asked for its doubts."""


class Refusal:
    """Reads answers with the refusal head and rules, and what was asked with others."""

    id = _ENTRY.id
    version = "3"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """The surest refusal of each trace."""
        view = context.semantic
        wanted = view.candidates(self.id)
        if wanted.is_empty():
            return view.with_gaps(decisions([]))
        parts = of_traces(view.parts, wanted)
        head = shipped_head("refusal")
        answers = parts.filter(
            (pl.col("direction") == "output")
            & pl.col("part_type").is_in(["text", "refusal"])
            & pl.col("text").is_not_null()
        )
        # A provider's own refusal part says that the model declined; nothing is to be guessed.
        is_said = pl.col("part_type") == "refusal"
        says_so = pl.Series([declines(text) for text in answers["text"]], dtype=pl.Boolean)
        declining = (
            answers.with_columns(
                probability=view.scores.probabilities(head, answers["text"]), says_so=says_so
            )
            .with_columns(
                probability=pl.when(is_said).then(1.0).otherwise("probability"),
                says_so=pl.col("says_so") | is_said,
            )
            .filter(
                pl.col("says_so")
                | (pl.col("probability") >= head.rung.matched_at)
                | (
                    (pl.col("probability") >= head.rung.ambiguous_at)
                    & (pl.col("text").str.len_bytes() >= HEAD_CHARACTERS_MIN)
                )
            )
            .join(_requests(parts), on=["trace_id", "span_id"], how="left", maintain_order="left")
        )
        declining = _without_examples(declining, view.scores)
        by_trace: dict[str, list[dict[str, Any]]] = {}
        for row in declining.iter_rows(named=True):
            if (found := _row(row)) is not None:
                by_trace.setdefault(row["trace_id"], []).append(found)
        return view.with_gaps(decisions([max(rows, key=_surety) for rows in by_trace.values()]))


def _without_examples(declining: pl.DataFrame, scores: Scores) -> pl.DataFrame:
    """Leave out answers that only quote somebody who declines, or an answer that does."""
    own = pl.Series([without_quotes(text) for text in declining["text"]], dtype=pl.String)
    # An answer that begins with a quotation mark may stand in them as a whole.
    begins = declining["text"].str.contains("^\\s*[\"'\u201c]")
    quotes = ~declining["says_so"] & (own != declining["text"]) & ~begins
    if not quotes.any():
        return declining
    head = shipped_head("refusal")
    plain = scores.probabilities(head, own.filter(quotes)) < head.rung.ambiguous_at
    return declining.filter(~quotes.scatter(quotes.arg_true(), plain))


def _requests(parts: pl.DataFrame) -> pl.DataFrame:
    """The last thing a user asked in each model call."""
    return (
        parts.filter(
            (pl.col("direction") == "input")
            & (pl.col("role") == "user")
            & (pl.col("part_type") == "text")
        )
        .unique(["trace_id", "span_id"], keep="last", maintain_order=True)
        .select("trace_id", "span_id", request="text")
    )


def _surety(row: Mapping[str, Any]) -> tuple[bool, float]:
    return row["decision"] == Decision.MATCHED, row["confidence"]


def _row(row: dict[str, Any]) -> dict[str, Any] | None:
    """The decision on one answer; None for one that declines rightly."""
    head = shipped_head("refusal")
    probability, text = row["probability"], row["text"]
    request = row["request"] or ""
    wanted = asked(request)
    if wanted.kind is Kind.UNSAFE or is_unable(text):
        return None
    is_sure = row["says_so"] or probability >= head.rung.matched_at
    if not is_sure:
        doubt = "whether it declines is unsure"
    elif not request:
        doubt = "what was asked is not in the trace"
    elif wanted.kind is Kind.UNSURE:
        doubt = f"the request {wanted.sign}, so declining may be right"
    else:
        doubt = None
    reason = f"The answer declines with probability {probability:.2f}"
    if row["says_so"]:
        reason = f"The answer says in so many words that it declines (classifier {probability:.2f})"
    evidence: dict[str, Any] = {
        "span_id": row["span_id"],
        "direction": "output",
        "message": row["message_index"],
        "part": row["part_index"],
        "quote": excerpt(text, (*RULES["declining"], *RULES["refusal"])),
        "request": quote(request),
        "says_so": row["says_so"],
        "value": round(probability, 4),
        "threshold": head.rung.matched_at,
    }
    sure = max(probability, SAYS_SO_CONFIDENCE) if row["says_so"] else probability
    if doubt is None:
        return decision(
            row["trace_id"],
            Decision.MATCHED,
            reason=f"{reason}, and nothing in the request explains why",
            severity=0.6,
            confidence=round(0.8 * sure, 4),
            evidence=[evidence],
        )
    return decision(
        row["trace_id"],
        Decision.AMBIGUOUS,
        reason=f"{reason}; {doubt}",
        severity=0.4,
        confidence=round((0.3 if wanted.kind is Kind.UNSURE else 0.5) * sure, 4),
        evidence=[{**evidence, "doubt": doubt}],
    )
