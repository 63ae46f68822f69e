"""Frustration: a labelled heuristic over what the user says, turn by turn.

No adequate labelled data exists, so nothing here is trained. Restating one's earlier message is
the strongest evidence; phrases of complaint count by kind; capitals and profanity alone are weak.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions
from analytics.text.evidence import NO_EVIDENCE, around, combined, excerpt, rule_evidence
from analytics.text.phrases import RULES
from analytics.text.quoted import without_quotes
from analytics.text.readings import Once
from analytics.text.similarity import similarity, terms
from analytics.text.turns import TURNS_MAX, by_session, over_session, told

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
# Found far sooner than the whole, which needs one of them.
_CAPITALS = re.compile(r"[A-Z]{3}")
_MARKS = re.compile(r"[!?]{3}")
_PROFANE = ("wtf", "damn", "hell", "crap", "shit", "fuck")
_TASK = re.compile(
    r"\s*(?:please |can you |could you |help me )*"
    r"(?:write|rewrite|rephrase|translate|classify|generate|create|draft|"
    r"summari[sz]e|explain|compose|make|give|tell me|show me|list|name|what|which|how|"
    r"who|when|where)\b",
    re.IGNORECASE,
)
# A text to work on follows: what it says is its writer's.
_GIVEN_TEXT = re.compile(
    r"\b(?:rewrite|rephrase|translate|proofread|classify|label|tag|rate|summari[sz]e|analy[sz]e|"
    r"sentiment|tone)\b[^:\n]{0,60}:",
    re.IGNORECASE,
)
_TO_WRITE = re.compile(
    r"\b(?:write|draft|compose|help me with) (?:me )?(?:an?|the|my|our) (?:\w+ ){0,3}?"
    r"(?:e-?mails?|letters?|mails?|complaint|review|message|resignation|note|reply|speech)\b",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(
    r"\bmy (?:\w+ ){0,2}?(?:boss|manager|supervisor|colleagues?|co-?workers?|neighbou?rs?|landlord|"
    r"husband|wife|partner|ex|boyfriend|girlfriend|friends?|brother|sister|mother|father|mom|mum|dad|"
    r"parents|son|daughter|kids?|teacher|professor|roommate|flatmate|clients?|customers?|employer|"
    r"internet provider|bank|insurer|doctor)\b",
    re.IGNORECASE,
)
_TO_THE_ASSISTANT = re.compile(r"(?<!thank )\b(?:you|your|chat|bot|assistant|app)\b", re.IGNORECASE)

_SAYS_NO = re.compile(r"\b(?:not|no|wrong|never|didn't|isn't)\b", re.IGNORECASE)
# Who says yes or thanks agrees, in whatever words.
_AGREES = re.compile(
    r"\s*(?:yes|yeah|ok|okay|sure|great|perfect|thank|thanks|i understand)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_NOT_SMALL = re.compile(r"[^a-z\s]{4}")
"""What a word in capitals has, and few other texts."""

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
    version = "4"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """What the evidence of all user turns says together."""
        view = context.semantic
        candidates = view.candidates(self.id)
        if candidates.is_empty():
            return view.with_gaps(decisions([]))
        wanted = by_session(candidates, view.turns)
        read = _Read(turn for trace in wanted for turn in view.turns[trace])
        rows = [row for trace in wanted if (row := decide_turns(trace, view.turns[trace], read))]
        rows.sort(key=lambda row: row["trace_id"])
        return view.with_gaps(decisions(rows))


class _Read:
    """What the texts of some users say, each worked out once."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self.phrases = phrases_of(turns)
        self.is_long = Once(_is_long)
        self.may_insist = Once(_may_insist)
        self.loud_at = Once(_loud_at)
        # Words take room, and only the traces of one session need the same ones.
        self.terms = lru_cache(2 * TURNS_MAX)(terms)
        self.own_words = lru_cache(2 * TURNS_MAX)(_own_words)


def phrases_of(turns: Iterable[Turn]) -> dict[str, RuleEvidence]:
    """What the rules say about each text that a user said; texts without any are left out."""
    texts = sorted({turn.text for turn in turns if turn.role == "user"})
    own_words = pl.Series([without_quotes(text) for text in texts], dtype=pl.String)
    found = rule_evidence(own_words, RULES["frustration"])
    return {text: said for text, said in zip(texts, found, strict=True) if said.names}


def decide_turns(trace_id: str, turns: list[Turn], read: _Read) -> dict[str, Any] | None:
    """The decision on one session so far; None when the evidence is too weak to mention.

    The whole session counts, but only when the trace itself added to it: what an earlier trace
    showed alone was that trace's finding.
    """
    evidence = _restatements(turns, read) + _echoes(turns, read) + _complaints(turns, read)
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


def _restatements(turns: list[Turn], read: _Read) -> list[dict[str, Any]]:
    """User turns that say again what an earlier one said, with an answer between them."""
    long_enough = [
        (place, turn)
        for place, turn in enumerate(turns)
        if turn.role == "user" and read.is_long[turn.text]
    ]
    if len(long_enough) < 2:
        return []
    words = [read.terms(turn.text) for _, turn in long_enough]
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


def _is_long(text: str) -> bool:
    """Whether a text says enough to be said again, and does not agree."""
    return not _AGREES.match(text) and len(text.split()) >= _WORDS_MIN


def _echoes(turns: list[Turn], read: _Read) -> list[dict[str, Any]]:
    """Short turns that say no, and a word of an earlier request again: "By date, not by name!"."""
    if not any(turn.role == "user" and read.may_insist[turn.text] for turn in turns[2:]):
        return []
    found = []
    asked: dict[str, Turn] = {}
    is_answered = False
    for turn in turns:
        if turn.role != "user":
            is_answered = bool(asked)
            continue
        words = read.own_words(turn.text)
        echoed = sorted(word for word in words if word in asked)
        if is_answered and echoed and _insists(turn.text, echoed, read):
            found.append(
                {
                    **turn.evidence(around(turn.text, 0)),
                    "trace_id": turn.trace_id,
                    "kind": "insists on an earlier request",
                    "earlier": around(asked[echoed[0]].text, 0),
                    "value": ECHO_STRENGTH,
                }
            )
        for word in words:
            asked.setdefault(word, turn)
    return found


def _own_words(text: str) -> frozenset[str]:
    """The words of a text that few requests share."""
    return frozenset(word.lower() for word in _WORD.findall(text)) - _COMMON


def _may_insist(text: str) -> bool:
    """Whether a text is short, and says no or holds capitals side by side."""
    if len(text.split()) > _ECHO_WORDS_MAX or _AGREES.match(text):
        return False
    return _SAYS_NO.search(text) is not None or _NOT_SMALL.search(text) is not None


def _insists(text: str, words: list[str], read: _Read) -> bool:
    return read.may_insist[text] and (
        _SAYS_NO.search(text) is not None
        or any(re.search(rf"\b{word.upper()}\b", text) for word in words)
    )


def _loud_at(text: str) -> int | None:
    """Where a text is loud; None when nowhere."""
    may_be_loud = (
        _CAPITALS.search(text) or _MARKS.search(text) or any(word in text for word in _PROFANE)
    )
    if not may_be_loud:
        return None
    loud = _LOUD.search(text)
    return None if loud is None else loud.start()


def _numbers(turn: Turn) -> set[str]:
    return set(_NUMBER.findall(turn.text))


def _is_of_others(text: str) -> bool:
    """Whether what a text complains of is somebody else, or stands in a text to work on."""
    own = without_quotes(text)
    given = _GIVEN_TEXT.search(own)
    if given is not None:
        before = rule_evidence(pl.Series([own[: given.end()]]), RULES["frustration"])[0]
        return not before.names
    return bool(
        _TO_WRITE.search(own) and _OF_OTHERS.search(own) and not _TO_THE_ASSISTANT.search(own)
    )


def _complaints(turns: list[Turn], read: _Read) -> list[dict[str, Any]]:
    users = [turn for turn in turns if turn.role == "user"]
    found = []
    for number, turn in enumerate(users):
        evidence = read.phrases.get(turn.text, NO_EVIDENCE)
        is_task = (number == 0 and _TASK.match(turn.text) is not None) or (
            bool(evidence.names) and _is_of_others(turn.text)
        )
        for rule in RULES["frustration"] if evidence.names else ():
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
        loud_at = read.loud_at[turn.text]
        if loud_at is not None:
            found.append(
                {
                    **turn.evidence(around(turn.text, loud_at)),
                    "trace_id": turn.trace_id,
                    "kind": "loud",
                    "value": LOUD_STRENGTH,
                }
            )
    return found
