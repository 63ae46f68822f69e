"""What an answer asks for: facts that have a form, what may be settled, and plain questions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics.text.settled import ANOTHERS, KINDS, asks_for_choice
from analytics.text.slots import ANY_SLOT_ASKED, SLOTS
from analytics.text.sought import Glance

if TYPE_CHECKING:
    from analytics.text.settled import Settled
    from analytics.text.slots import Slot

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_REQUEST = re.compile(
    r"\b(?:please|could you|can you|may i|i(?:'ll| will)? need|what(?:'s| is)|provide|share|"
    r"tell me|confirm|let me know)\b",
    re.IGNORECASE,
)
_CONFIRMS = re.compile(
    r"\b(?:confirm|proceed|correct|would you like|anything else|shall i|do you want|"
    r"is that|right\?|how (?:can|may) i)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|\b(?:please (?:tell|share|provide|give)|i need|tell me|need your)\b", re.IGNORECASE
)
_WORDS_MIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledQuestion:
    """A sentence that asks for what may be settled: facts of these kinds, or a choice."""

    sentence: str
    kinds: tuple[Settled, ...]


def slots_asked(text: str) -> list[tuple[Slot, str]]:
    """The facts with a form that a text asks for, each with the first sentence that does."""
    if not ANY_SLOT_ASKED.search(Glance(text)):
        return []
    asking = [
        sentence
        for sentence in _SENTENCE_END.split(text)
        if _REQUEST.search(sentence) and not _CONFIRMS.search(sentence)
    ]
    found = []
    for slot in SLOTS:
        asked = next((s for s in asking if slot.asked.search(s) and not ANOTHERS.search(s)), None)
        if asked is not None:
            found.append((slot, asked))
    return found


def settled_questions(text: str) -> list[SettledQuestion]:
    """The sentences of a text that ask for what a user may have settled before."""
    found = []
    for sentence in _SENTENCE_END.split(text):
        if not _ASKS.search(sentence):
            continue
        kinds = tuple(kind for kind in KINDS if kind.asked.search(sentence))
        if kinds and ANOTHERS.search(sentence):
            kinds = ()
        if kinds or asks_for_choice(sentence):
            found.append(SettledQuestion(sentence=sentence, kinds=kinds))
    return found


def questions(text: str) -> list[str]:
    """The questions of a text, without those that only confirm something."""
    if "?" not in text:
        return []
    return [
        question
        for question in _SENTENCE_END.split(text)
        if question.endswith("?")
        and len(question.split()) >= _WORDS_MIN
        and not _CONFIRMS.search(question)
    ]
