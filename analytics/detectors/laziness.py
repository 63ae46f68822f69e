"""Laziness: a labelled heuristic over the last answer of a trace and what was asked.

Placeholders where code was asked for, work pushed back, an answer far shorter than its request
counts out, a provided text that the answer never uses. "You can try ..." is often right advice, so
phrases alone are ambiguous; blocked tasks (no access, content filter) are left alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.text.evidence import around, combined, excerpt, rule_evidence
from analytics.text.phrases import RULES

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.evidence import RuleEvidence
    from analytics.text.turns import Turn

_ENTRY = entry_of("laziness")

MATCHED_AT = 0.9
AMBIGUOUS_AT = 0.6
PROVIDED_CHARACTERS_MIN = 2000
"""A user message this long brings a document with it."""

_STRENGTH = {rule.name: rule.strength for rule in RULES["laziness"]}
_CODE = re.compile(
    r"```|^\s*(?:def |class |import |function |const |#include|public )", re.MULTILINE
)
_CODE_WANTED = re.compile(
    r"\b(?:code|function|script|class|implement|program|refactor|component|query|api|"
    r"endpoint|test)\b",
    re.IGNORECASE,
)
_EVERYTHING = re.compile(
    r"\b(?:full|complete|entire|whole|all of|every|detailed|comprehensive|in depth|"
    r"thorough|step by step|exhaustive)\b",
    re.IGNORECASE,
)
_BLOCKED = re.compile(
    r"\b(?:don't have (?:access|permission)|do not have (?:access|permission)|"
    r"not (?:attached|provided|shared)|"
    r"permission denied|not authori[sz]ed|file is (?:empty|missing)|"
    r"could you (?:please )?(?:provide|share|attach|upload))",
    re.IGNORECASE,
)
_WORDS_ASKED = re.compile(r"\b(\d{2,5})[ -]?words?\b", re.IGNORECASE)
_ITEMS_ASKED = re.compile(
    r"\b(?:list|give|write|name|suggest|provide|generate|create|propose|find|"
    r"come up with)\b[^.?!\n]{0,30}?\b(\d{1,3}) "
    r"(?!words?|minutes?|hours?|days?|weeks?|months?|years?|dollars?|percent|people|pages?)[a-z]+",
    re.IGNORECASE,
)
_UPPER_LIMIT = re.compile(
    r"\b(?:at most|no more than|up to|max(?:imum)?|under|less than|within|below|limit)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.):])\s", re.MULTILINE)


class Laziness:
    """Reads the last answer against the last request."""

    id = _ENTRY.id
    version = "1"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """What the signs of each trace say together; cut content decides nothing."""
        view = context.semantic
        pairs = []
        for trace_id in view.candidates(self.id):
            turns = view.turns.get(trace_id, [])
            if turns and turns[-1].role == "assistant" and turns[-1].direction == "output":
                request = next((turn for turn in reversed(turns) if turn.role == "user"), None)
                if request is not None:
                    pairs.append((trace_id, request, turns[-1]))
        answers = pl.Series([answer.text for _, _, answer in pairs], dtype=pl.String)
        rules = rule_evidence(answers, RULES["laziness"])
        rows = [
            row
            for (trace_id, request, answer), found in zip(pairs, rules, strict=True)
            if (row := decide_answer(trace_id, request, answer, found))
        ]
        return view.with_gaps(decisions(rows), needs_everything=True)


def decide_answer(
    trace_id: str, request: Turn, answer: Turn, rules: RuleEvidence
) -> dict[str, Any] | None:
    """The decision on one answer; None when it was blocked or the evidence is weak."""
    if _BLOCKED.search(answer.text):
        return None
    evidence = [*_phrases(request, answer, rules), *_too_short(request, answer)]
    evidence += _unread(request, answer)
    total = combined(piece["value"] for piece in evidence)
    if total < AMBIGUOUS_AT:
        return None
    kinds = ", ".join(f"{piece['kind']} ({piece['value']:.2f})" for piece in evidence)
    is_claim = total >= MATCHED_AT
    return decision(
        trace_id,
        Decision.MATCHED if is_claim else Decision.AMBIGUOUS,
        reason=f"The answer leaves work undone: {kinds}; together {total:.2f} (heuristic)",
        severity=0.5 if is_claim else 0.3,
        confidence=round(0.6 * total, 4),
        evidence=sorted(evidence, key=lambda piece: -piece["value"]),
    )


def _phrases(request: Turn, answer: Turn, rules: RuleEvidence) -> list[dict[str, Any]]:
    found = []
    for rule in RULES["laziness"]:
        if rule.name not in rules.names:
            continue
        value = _STRENGTH[rule.name]
        if rule.name == "placeholder in code":
            if not (_CODE.search(answer.text) and _CODE_WANTED.search(request.text)):
                continue
            if _EVERYTHING.search(request.text):
                value = 0.92
        elif rule.name == "pushes the work back":
            # Advice within a full answer is an answer; advice instead of one is not.
            value = value if len(answer.text.split()) < 80 else 0.2
        found.append(answer.evidence(excerpt(answer.text, [rule]), kind=rule.name, value=value))
    return found


def _too_short(request: Turn, answer: Turn) -> list[dict[str, Any]]:
    """The request counts words or items, and the answer has far fewer."""
    words = len(answer.text.split())
    asked = _WORDS_ASKED.search(request.text)
    if asked is not None and not _is_limit(request.text, asked.start()):
        wanted = int(asked[1])
        if wanted >= 50 and words < 0.4 * wanted:
            return [_short(answer, f"{words} of {wanted} words", words / wanted)]
    asked = _ITEMS_ASKED.search(request.text)
    if asked is not None and not _is_limit(request.text, asked.start(1)):
        wanted = int(asked[1])
        items = max(len(_ITEM.findall(answer.text)), answer.text.count(",") + 1)
        if 5 <= wanted <= 200 and items < 0.5 * wanted:
            return [_short(answer, f"{items} of {wanted} items", items / wanted)]
    if _EVERYTHING.search(request.text) and len(request.text.split()) >= 30 and words < 20:
        return [_short(answer, f"{words} words for a request for everything", words / 100)]
    return []


def _short(answer: Turn, what: str, share: float) -> dict[str, Any]:
    value = round(max(0.6, 0.92 - share), 4)
    return answer.evidence(
        quote(answer.text) or "", kind=f"far too short: {what}", share=round(share, 4), value=value
    )


def _is_limit(text: str, position: int) -> bool:
    return _UPPER_LIMIT.search(text[max(0, position - 25) : position]) is not None


def _unread(request: Turn, answer: Turn) -> list[dict[str, Any]]:
    """The user brought a long text along and the answer shares none of its rarer words."""
    if len(request.text) < PROVIDED_CHARACTERS_MIN:
        return []
    middle = request.text[len(request.text) // 4 :]
    brought = set(re.findall(r"[a-z0-9_]{6,}", middle.lower()))
    used = brought.intersection(re.findall(r"[a-z0-9_]{6,}", answer.text.lower()))
    if len(brought) >= 50 and not used:
        return [
            answer.evidence(around(answer.text, 0), kind="never uses the provided text", value=0.65)
        ]
    return []
