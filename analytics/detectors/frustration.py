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
from analytics.text.quoted import without_quotes
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

ECHO_STRENGTH = 0.55
"""A short turn that says no and a word of an earlier request again."""

MATCHED_AT = 0.85
AMBIGUOUS_AT = 0.5

TASK_DISCOUNT = 0.5
"""What a first message says that sets a task may belong to the task."""

_WORDS_MIN = 4
_ECHO_WORDS_MAX = 12
_STRENGTH = {rule.name: rule.strength for rule in RULES["frustration"]}
_LOUD = re.compile(
    r"(?:\b[A-Z]{3,}\b[\s,!?.]+){3,}|[!?]{3,}|\b(?:wtf|damn|hell|crap|bullshit|shit|fuck\w*)\b"
)
_TASK = re.compile(
    r"\s*(?:please |can you |could you |help me )*"
    r"(?:write|rewrite|rephrase|translate|classify|generate|create|draft|"
    r"summari[sz]e|explain|compose|make|give|tell me|show me|list|name|what|which|how|"
    r"who|when|where)\b",
    re.IGNORECASE,
)
_SAYS_NO = re.compile(r"\b(?:not|no|wrong|never|didn't|isn't)\b", re.IGNORECASE)
# Who says yes or thanks agrees, in whatever words.
_AGREES = re.compile(
    r"\s*(?:yes|yeah|ok|okay|sure|great|perfect|thank|thanks|i understand)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(r"\d+")
# Words that requests share whatever they are about.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "that this with from have what when where which please would could should there their them "
        "they then than just like your about into some more make give show tell want need only "
        "also very good great thanks thank okay again still does didn doesn isn know find back",
    )
)


class Frustration:
    """Reads the user's turns of the session so far, across its traces."""

    id = _ENTRY.id
    version = "3"
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
    texts = sorted({turn.text for turn in turns if turn.role == "user"})
    own_words = pl.Series([without_quotes(text) for text in texts], dtype=pl.String)
    found = rule_evidence(own_words, RULES["frustration"])
    return {text: said for text, said in zip(texts, found, strict=True) if said.names}


def decide_turns(
    trace_id: str, turns: list[Turn], phrases: dict[str, RuleEvidence]
) -> dict[str, Any] | None:
    """The decision on one session so far; None when the evidence is too weak to mention.

    The whole session counts, but only when the trace itself added to it: what an earlier trace
    showed alone was that trace's finding.
    """
    evidence = _restatements(turns) + _echoes(turns) + _complaints(turns, phrases)
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
    users = [
        (place, turn)
        for place, turn in enumerate(turns)
        if turn.role == "user" and not _AGREES.match(turn.text)
    ]
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
            # "Show page 2" after "Show page 1" goes on; it says nothing again.
            if alike < RESTATED_AT or _numbers(turn) != _numbers(earlier):
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


def _echoes(turns: list[Turn]) -> list[dict[str, Any]]:
    """Short turns that say no, and a word of an earlier request again: "By date, not by name!"."""
    found = []
    asked: dict[str, Turn] = {}
    is_answered = False
    for turn in turns:
        if turn.role != "user":
            is_answered = bool(asked)
            continue
        words = {word.lower() for word in _WORD.findall(turn.text)} - _COMMON
        echoed = sorted(word for word in words if word in asked)
        is_short = len(turn.text.split()) <= _ECHO_WORDS_MAX
        if is_answered and echoed and is_short and _says_no(turn.text, echoed):
            found.append(
                {
                    **turn.evidence(around(turn.text, 0)),
                    "trace_id": turn.trace_id,
                    "kind": "insists on an earlier request",
                    "earlier": around(asked[echoed[0]].text, 0),
                    "value": ECHO_STRENGTH,
                }
            )
        asked = dict.fromkeys(words, turn) | asked
    return found


def _says_no(text: str, words: list[str]) -> bool:
    if _AGREES.match(text):
        return False
    return _SAYS_NO.search(text) is not None or any(
        re.search(rf"\b{word.upper()}\b", text) for word in words
    )


def _numbers(turn: Turn) -> set[str]:
    return set(_NUMBER.findall(turn.text))


def _complaints(turns: list[Turn], phrases: dict[str, RuleEvidence]) -> list[dict[str, Any]]:
    users = [turn for turn in turns if turn.role == "user"]
    found = []
    for number, turn in enumerate(users):
        evidence = phrases.get(turn.text, NO_EVIDENCE)
        is_task = number == 0 and _TASK.match(turn.text) is not None
        for rule in RULES["frustration"]:
            if rule.name not in evidence.names:
                continue
            # "No, ..." answers something; in a first message it corrects nobody.
            if number == 0 and rule.name == "corrects the assistant":
                continue
            found.append(
                {
                    **turn.evidence(excerpt(turn.text, [rule])),
                    "trace_id": turn.trace_id,
                    "kind": rule.name,
                    "value": _STRENGTH[rule.name] * (TASK_DISCOUNT if is_task else 1.0),
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
