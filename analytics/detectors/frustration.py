"""Frustration: a labelled heuristic over what the user says, turn by turn.

No adequate labelled data exists, so nothing here is trained. Restating one's earlier message is
the strongest evidence; phrases of complaint count by kind; capitals and profanity alone are weak.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions
from analytics.text.evidence import NO_EVIDENCE, around, combined, excerpt, rule_evidence
from analytics.text.phrases import RULES
from analytics.text.similarity import similarity, terms
from analytics.text.turns import over_session, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.evidence import RuleEvidence
    from analytics.text.turns import Turn

_ENTRY = entry_of("frustration")

RESTATED_AT = 0.6
"""Two user turns this alike say the same again."""

RESTATED_STRENGTH = 0.75
LOUD_STRENGTH = 0.2
"""Capitals, repeated marks or profanity: poor evidence, it only supports other evidence."""

MATCHED_AT = 0.9
AMBIGUOUS_AT = 0.6

_WORDS_MIN = 4
_STRENGTH = {rule.name: rule.strength for rule in RULES["frustration"]}
_LOUD = re.compile(
    r"(?:\b[A-Z]{3,}\b[\s,!?.]+){3,}|[!?]{3,}|\b(?:wtf|damn|hell|crap|bullshit|shit|fuck\w*)\b"
)


class Frustration:
    """Reads the user's turns of the session so far, across its traces."""

    id = _ENTRY.id
    version = "2"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """What the evidence of all user turns says together."""
        view = context.semantic
        wanted = [trace for trace in view.candidates(self.id) if trace in view.turns]
        phrases = phrases_of(turn for trace in wanted for turn in view.turns[trace])
        rows = [row for trace in wanted if (row := decide_turns(trace, view.turns[trace], phrases))]
        return view.with_gaps(decisions(rows))


def phrases_of(turns: Iterable[Turn]) -> dict[str, RuleEvidence]:
    """What the rules say about each text that a user said; texts without any are left out."""
    texts = pl.Series(sorted({turn.text for turn in turns if turn.role == "user"}), dtype=pl.String)
    found = rule_evidence(texts, RULES["frustration"])
    return {text: said for text, said in zip(texts, found, strict=True) if said.names}


def decide_turns(
    trace_id: str, turns: list[Turn], phrases: dict[str, RuleEvidence]
) -> dict[str, Any] | None:
    """The decision on one session so far; None when the evidence is too weak to mention.

    The whole session counts, but only when the trace itself added to it: what an earlier trace
    showed alone was that trace's finding.
    """
    evidence = _restatements(turns) + _complaints(turns, phrases)
    added = [p for p in evidence if p["trace_id"] == trace_id and p["kind"] != "loud"]
    if not added:
        return None
    strongest: dict[str, float] = {}
    for piece in evidence:
        kind = piece["kind"]
        strongest[kind] = max(strongest.get(kind, 0.0), piece["value"])
    # Two restatements, or complaints in two turns, are more than one.
    repeated = (
        0.4
        if len({(p["span_id"], p["message"]) for p in evidence if p["kind"] != "loud"}) > 1
        else 0.0
    )
    total = combined([*strongest.values(), repeated])
    if total < AMBIGUOUS_AT:
        return None
    evidence.sort(key=lambda piece: (piece["trace_id"] != trace_id, -piece["value"]))
    kinds = ", ".join(f"{kind} ({value:.2f})" for kind, value in sorted(strongest.items()))
    is_claim = total >= MATCHED_AT
    return decision(
        trace_id,
        Decision.MATCHED if is_claim else Decision.AMBIGUOUS,
        reason=f"The user sounds dissatisfied: {kinds}; together {total:.2f}"
        f"{over_session(evidence)} (heuristic)",
        severity=round(min(1.0, 0.3 + 0.15 * len(evidence)), 4) if is_claim else 0.3,
        confidence=round(0.7 * total, 4),
        evidence=[told(piece, trace_id) for piece in evidence[:10]],
    )


def _restatements(turns: list[Turn]) -> list[dict[str, Any]]:
    """User turns that say again what an earlier one said, with an answer between them."""
    users = [(place, turn) for place, turn in enumerate(turns) if turn.role == "user"]
    long_enough = [entry for entry in users if len(entry[1].text.split()) >= _WORDS_MIN]
    if len(long_enough) < 2:
        return []
    words = [terms(turn.text) for _, turn in long_enough]
    found = []
    for second in range(1, len(long_enough)):
        place, turn = long_enough[second]
        for first in range(second):
            earlier_place, earlier = long_enough[first]
            alike = similarity(words[first], words[second])
            if alike < RESTATED_AT:
                continue
            if any(turns[at].role == "assistant" for at in range(earlier_place, place)):
                found.append(
                    {
                        **turn.evidence(around(turn.text, 0)),
                        "trace_id": turn.trace_id,
                        "kind": "restates an earlier message",
                        "earlier": around(earlier.text, 0),
                        "similarity": round(alike, 4),
                        "threshold": RESTATED_AT,
                        "value": RESTATED_STRENGTH,
                    }
                )
                break
    return found


def _complaints(turns: list[Turn], phrases: dict[str, RuleEvidence]) -> list[dict[str, Any]]:
    users = [turn for turn in turns if turn.role == "user"]
    found = []
    for number, turn in enumerate(users):
        evidence = phrases.get(turn.text, NO_EVIDENCE)
        for rule in RULES["frustration"]:
            if rule.name not in evidence.names:
                continue
            # "Try again" or "no, ..." answers something; in a first message it corrects nobody.
            if number == 0 and rule.name in ("corrects the assistant", "repeats a request"):
                continue
            found.append(
                {
                    **turn.evidence(excerpt(turn.text, [rule])),
                    "trace_id": turn.trace_id,
                    "kind": rule.name,
                    "value": _STRENGTH[rule.name] * (0.7 if number == 0 else 1.0),
                }
            )
        loud = _LOUD.search(turn.text)
        if loud is not None:
            found.append(
                {
                    **turn.evidence(around(turn.text, loud.start())),
                    "trace_id": turn.trace_id,
                    "kind": "loud",
                    "value": LOUD_STRENGTH,
                }
            )
    return found
