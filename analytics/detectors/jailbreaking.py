"""Jailbreaking: users, or texts from outside, that try to talk a model out of its constraints.

What a user wrote and what a tool returned are different evidence: a user who asks for an
unrestricted persona is an attempt; a document that gives orders to its reader is an injection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions
from analytics.detectors.semantic_view import of_traces
from analytics.text.attempts import attempts, is_about
from analytics.text.evidence import excerpt, rule_evidence
from analytics.text.head import shipped_head
from analytics.text.phrases import RULES
from analytics.text.quoted import without_quotes
from analytics.text.suffix import adversarial_suffix

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.evidence import RuleEvidence
    from analytics.text.head import Rung
    from analytics.text.scoring import Scores

_ENTRY = entry_of("jailbreaking")

RULES_CLAIM = 0.95
"""Rules on long prompts this strong claim a match alone: two different attempts in one text."""

INJECTION_CLAIM = 0.9
"""Orders in text from outside this strong claim a match."""

INJECTION_AMBIGUOUS = 0.4
"""Weaker ones are not mentioned."""

RULES_WITH_HEAD = 0.9
"""Rules this strong claim a match when the classifier does not contradict them."""

RULES_AMBIGUOUS = 0.6
"""Rules this strong are worth a second look."""

ATTEMPT_CLAIM = 0.85
"""Rules on short attempts this strong claim a match alone..."""

ATTEMPT_AMBIGUOUS = 0.5
"""... and this strong they are worth a second look."""

HEAD_CHARACTERS_MIN = 250
"""The head learned from whole prompts: of shorter texts only what rules support is claimed."""

SHORT_CHARACTERS_MAX = 1000
"""In longer texts the rules on short attempts claim nothing without the head."""


OWN_WORDS_MIN = 3
"""With fewer words around it a quotation is the message."""

_FOLLOWS = re.compile(
    r"\b(?:follow|obey|execute|comply|apply|do (?:what|as)|act (?:on|upon|according)|carry out|"
    r"(?:answer|respond|reply|begin|start) (?:to|with|as))\b",
    re.IGNORECASE,
)
"""Words by which a quotation is an order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    trace_id: str
    is_claim: bool
    confidence: float
    severity: float
    reason: str
    evidence: dict[str, Any]


class Jailbreaking:
    """Reads user turns with the jailbreak head and rules, tool results with injection rules."""

    id = _ENTRY.id
    version = "5"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """The strongest attempt of each trace, with every attempt as evidence."""
        view = context.semantic
        wanted = view.candidates(self.id)
        if wanted.is_empty():
            return view.with_gaps(decisions([]))
        parts = of_traces(view.parts, wanted)
        found = self._by_users(parts, view.scores) + self._from_outside(
            _outside(context, wanted, parts)
        )
        by_trace: dict[str, list[_Attempt]] = {}
        for attempt in found:
            by_trace.setdefault(attempt.trace_id, []).append(attempt)
        refused = _refusing_traces(parts, list(by_trace), view.scores)
        rows = [_row(trace_id, tries, refused) for trace_id, tries in by_trace.items()]
        return view.with_gaps(decisions(rows))

    def _by_users(self, parts: pl.DataFrame, heads: Scores) -> list[_Attempt]:
        """What users wrote."""
        said = parts.filter(
            (pl.col("direction") == "input")
            & (pl.col("role") == "user")
            & (pl.col("part_type") == "text")
            & pl.col("text").is_not_null()
            & ~pl.col("is_repeat")
        )
        head = shipped_head("jailbreak")
        rules = rule_evidence(said["text"], RULES["jailbreak"])
        scores = heads.probabilities(head, said["text"])
        short = attempts(said["text"])
        found = []
        for row, in_prompt, in_short, score in zip(
            said.iter_rows(named=True), rules, short, scores, strict=True
        ):
            is_claim, is_unsure = _judged(row["text"], in_prompt, in_short, score, head.rung)
            suffix = adversarial_suffix(row["text"])
            if not (is_claim or is_unsure or suffix):
                continue
            evidence = max(in_short, in_prompt, key=lambda said: said.strength)
            strength = evidence.strength
            why = _why(evidence, score, suffix=suffix)
            found.append(
                _Attempt(
                    trace_id=row["trace_id"],
                    is_claim=is_claim,
                    confidence=round(max(score, strength if is_claim else 0.5 * strength), 4),
                    severity=0.8 if is_claim else 0.4,
                    reason=f"A user's message {why}",
                    evidence=_evidence(row, "user", evidence, score),
                )
            )
        return found

    def _from_outside(self, outside: pl.DataFrame) -> list[_Attempt]:
        """What tools returned."""
        rules = rule_evidence(outside["text"], RULES["injection"])
        found = []
        for row, evidence in zip(outside.iter_rows(named=True), rules, strict=True):
            if evidence.strength < INJECTION_AMBIGUOUS:
                continue
            is_claim = evidence.strength >= INJECTION_CLAIM and not _only_tells(row["text"])
            name = f" of tool {row['tool_name']}" if row["tool_name"] else ""
            why = _why(evidence, None, suffix=None)
            found.append(
                _Attempt(
                    trace_id=row["trace_id"],
                    is_claim=is_claim,
                    confidence=evidence.strength if is_claim else round(0.5 * evidence.strength, 4),
                    severity=0.9 if is_claim else 0.5,
                    reason=f"A result{name} {why} (text from outside gives orders)",
                    evidence=_evidence(row, "outside", evidence, None),
                )
            )
        return found


def _judged(
    text: str, in_prompt: RuleEvidence, in_short: RuleEvidence, score: float, rung: Rung
) -> tuple[bool, bool]:
    """Whether a user's text is claimed, and whether it is worth a second look."""
    strongest = max(in_prompt.strength, in_short.strength)
    is_read = len(text) >= HEAD_CHARACTERS_MIN
    is_supported = is_read or strongest >= ATTEMPT_AMBIGUOUS
    # A long text says many things, some of which look like an attempt.
    is_short = len(text) < SHORT_CHARACTERS_MAX or score >= rung.ambiguous_at
    is_claim = (
        (score >= rung.matched_at and is_supported)
        or (in_short.strength >= ATTEMPT_CLAIM and is_short)
        or (in_prompt.strength >= RULES_CLAIM and is_read)
        or (strongest >= RULES_WITH_HEAD and score >= rung.ambiguous_at)
    )
    is_unsure = (
        (score >= rung.ambiguous_at and is_read)
        or (
            in_short.strength >= ATTEMPT_AMBIGUOUS
            and (is_short or in_short.strength >= ATTEMPT_CLAIM)
        )
        or (in_prompt.strength >= RULES_AMBIGUOUS and is_read)
    )
    # What the head claims it read as a whole, quotations and all.
    is_by_rules = is_claim and not (is_read and score >= rung.matched_at)
    if len(text) < SHORT_CHARACTERS_MAX and (
        is_about(text) or (is_by_rules and _only_quotes(text))
    ):
        return False, is_claim or is_unsure
    return is_claim, is_unsure


def _only_quotes(text: str) -> bool:
    """Whether an attempt stands in a quotation alone, to be translated, classified or explained."""
    own = without_quotes(text)
    if own == text or len(own.split()) < OWN_WORDS_MIN or _FOLLOWS.search(own):
        return False
    texts = pl.Series([own])
    said = (*rule_evidence(texts, RULES["jailbreak"]), *attempts(texts))
    return max(found.strength for found in said) < ATTEMPT_AMBIGUOUS


def _only_tells(text: str) -> bool:
    """Whether a page or a mail quotes orders, as texts about injections do, and gives none."""
    if text.lstrip()[:1] in ("{", "["):
        # There quotation marks are those of the format.
        return False
    own = without_quotes(text)
    if own == text:
        return False
    return rule_evidence(pl.Series([own]), RULES["injection"])[0].strength < INJECTION_AMBIGUOUS


def _outside(context: DetectorContext, wanted: pl.Series, parts: pl.DataFrame) -> pl.DataFrame:
    """Tool results in messages and on tool spans, each text once a trace."""
    columns = [
        "trace_id",
        "span_id",
        "direction",
        "message_index",
        "part_index",
        "tool_name",
        "text",
    ]
    in_messages = parts.filter(
        pl.col("part_type").str.ends_with("tool_call_response") & ~pl.col("is_repeat")
    ).select(columns)
    on_spans = (
        context.spans_of(wanted)
        .filter(pl.col("tool_result").is_not_null())
        .sort("trace_id", "start_time", "span_id")
        .select(
            "trace_id",
            "span_id",
            direction=pl.lit("tool_result"),
            message_index=pl.lit(None, pl.Int64),
            part_index=pl.lit(None, pl.Int64),
            tool_name=pl.col("tool_name"),
            text=pl.col("tool_result"),
        )
    )
    both = pl.concat([on_spans, in_messages]).drop_nulls("text")
    # A result is JSON text; what it says begins after its escapes.
    plain = pl.col("text").str.replace_all(r"\\[nrt]", " ").str.replace_all(r"\\(.)", "$1")
    # The same text, told by a tool's span in quotation marks and by a message without, is one.
    plain = plain.str.replace(r'(?s)^"(.*)"$', "$1")
    both = both.with_columns(text=plain)
    return both.unique(["trace_id", "text"], keep="first", maintain_order=True)


def _refusing_traces(parts: pl.DataFrame, trace_ids: list[str], heads: Scores) -> set[str]:
    """The traces whose last answer declines: the attempt did not succeed."""
    head = shipped_head("refusal")
    last = (
        of_traces(parts, trace_ids)
        .filter(
            (pl.col("direction") == "output")
            & (pl.col("part_type") == "text")
            & pl.col("text").is_not_null()
        )
        .unique("trace_id", keep="last", maintain_order=True)
    )
    refused = heads.probabilities(head, last["text"]) >= head.rung.ambiguous_at
    return set(last.filter(refused)["trace_id"])


def _row(trace_id: str, found: list[_Attempt], refused: set[str]) -> dict[str, Any]:
    found = sorted(found, key=lambda attempt: (-attempt.is_claim, -attempt.confidence))
    first = found[0]
    severity, note = first.severity, ""
    if trace_id in refused:
        severity, note = round(severity * 0.6, 4), "; the assistant's last answer declines"
    more = f"; {len(found)} such texts" if len(found) > 1 else ""
    return decision(
        trace_id,
        Decision.MATCHED if first.is_claim else Decision.AMBIGUOUS,
        reason=f"{first.reason}{more}{note}",
        severity=severity,
        confidence=first.confidence,
        evidence=[attempt.evidence for attempt in found[:10]],
    )


def _why(evidence: RuleEvidence, score: float | None, *, suffix: str | None) -> str:
    parts = []
    if evidence.names:
        parts.append(f"{' and '.join(evidence.names[:3])} (rules {evidence.strength:.2f})")
    if suffix is not None:
        parts.append("ends in a run of symbols as optimised attacks have")
    if score is not None:
        parts.append(f"reads like a jailbreak prompt with probability {score:.2f}")
    return ", ".join(parts)


def _evidence(
    row: dict[str, Any], source: str, evidence: RuleEvidence, score: float | None
) -> dict[str, Any]:
    sets = ("attempt", "jailbreak") if source == "user" else ("injection",)
    rules = [rule for name in sets for rule in RULES[name]]
    present = [rule for rule in rules if rule.name in evidence.names]
    return {
        "span_id": row["span_id"],
        "direction": row["direction"],
        "message": row["message_index"],
        "part": row["part_index"],
        "source": source,
        "quote": excerpt(row["text"], present),
        "rules": list(evidence.names),
        "value": score if score is None else round(score, 4),
        "threshold": None if score is None else shipped_head("jailbreak").rung.matched_at,
    }
