"""Whether a short answer declines, and whether it says that something is missing.

The refusal head learned from whole answers of chat models; a sentence or two are too little for
it. Here the sentence itself is read: who speaks, the negation and the act stand together.
"""

from __future__ import annotations

import re
from functools import cache

from analytics.text.phrases import RULES
from analytics.text.quoted import without_quotes
from analytics.text.required import inner_alternatives
from analytics.text.sought import Glance, Sought

OPENING_CHARACTERS = 300
"""Who declines says so at the beginning."""

_LETTER = re.compile(
    r"^\s*(?:(?:subject|betreff)\s*:|dear |(?:hi|hello|hey) [A-Z]\w+,)", re.IGNORECASE
)


_IDIOM = re.compile(
    r"\b(?:can(?:'t|not| not) (?:(?:recommend|praise|thank) [^.!?]{0,40}?\benough\b"
    r"|tell you how (?:\w+ )?(?:happy|glad|much|sorry|pleased|excited|grateful|good)\b"
    r"|over(?:state|estimate|emphasi[sz]e)\b|recommend one over\b)"
    r"|(?:won't|will not) go into (?:\w+ ){0,2}?(?:details?|depth|proofs?|derivations?)\b)"
)
"""Who says so declines nothing."""


def declines(answer: str) -> bool:
    """Whether the answer's beginning says that its speaker will not or may not do it."""
    return _any("declining", _opening(answer))


def is_unable(answer: str) -> bool:
    """Whether the answer says that something is missing, or that it has no such sense or tool."""
    return _any("unable", _opening(answer))


def _opening(answer: str) -> str:
    """The beginning without what it quotes; nothing of a letter, whose writer is another."""
    if _LETTER.match(answer):
        return ""
    text = without_quotes(answer[: 2 * OPENING_CHARACTERS])
    opening = " ".join(text.lower().replace("\u2019", "'").split())[:OPENING_CHARACTERS]
    return _IDIOM.sub(" ", opening)


def _any(rule_set: str, text: str) -> bool:
    if not text:
        return False
    glance = Glance(text)
    return any(rule.search(glance) is not None for rule in _rules(rule_set))


@cache
def _rules(rule_set: str) -> tuple[Sought, ...]:
    return tuple(
        Sought(pattern, 0)
        for rule in RULES[rule_set]
        for pattern in inner_alternatives(rule.pattern)
    )
