"""Forgetting: a labelled heuristic over sessions of at least two exchanges.

Cheap signals only: the assistant asks for a fact that the user already gave, asks the same
question twice although it was answered, says that it remembers nothing, is told so by the user,
uses a word that the user asked it to avoid, or names another time, day, distance or sum than was
said before. Other contradicted facts are for a judge.
"""

from __future__ import annotations

import re
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions
from analytics.text.attributes import another_name, contradiction
from analytics.text.evidence import around, combined
from analytics.text.facts import without_values
from analytics.text.readings import Readings
from analytics.text.settled import choice_made, object_named
from analytics.text.similarity import similarity, terms
from analytics.text.turns import over_session, told

if TYPE_CHECKING:
    import polars as pl

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.attributes import Attribute
    from analytics.text.questions import SettledQuestion
    from analytics.text.similarity import Terms
    from analytics.text.turns import Turn

_ENTRY = entry_of("forgetting")

MATCHED_AT = 0.85
AMBIGUOUS_AT = 0.5
SAME_QUESTION_AT = 0.7
"""Two questions of the assistant this alike ask the same."""

SAME_SUBJECT_AT = 0.35
"""Two statements this alike, values aside, are about the same thing."""

_DONE = re.compile(
    r"\b(?:set|scheduled?|booked|added|reserved|confirmed|changed|moved|updated|created|"
    r"remind(?:er|ing)?|done|rescheduled)\b",
    re.IGNORECASE,
)
SHORT_CHARACTERS_MAX = 300
"""What a longer answer asks may be one of many things that it goes through."""

_OWN = ("email address", "phone number", "postcode")
"""Facts of which people rarely have two."""

_HOW_MANY = re.compile(r"\bhow (?:many|much|old|long|far|tall)\b", re.IGNORECASE)
_MARK = re.compile(r"\b\w*\d\w*\b")
_COUNTED = re.compile(
    r"(?<!at )(?<!past )\b(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"dozen)\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:instead|change|changed|actually|rather|make it|moved?|new|next|other|another|"
    r"update\w*|no,|sorry|now)\b",
    re.IGNORECASE,
)
_EVASION = re.compile(
    r"\b(?:i (?:don't|do not) (?:know|have|remember)|not sure|what do you mean|why|"
    r"no idea)\b|\?\s*$",
    re.IGNORECASE,
)
_OF_ANOTHER = re.compile(
    r"\b(?:another|second|third|fourth|additional|one more|extra|next) (?:\w+ )?(?:passenger|"
    r"person|people|traveller|traveler|guest|adult|child|kid|colleague|user|account|customer|member|order|"
    r"ticket|booking|reservation|appointment|contact|card|address|parcel|patient|student|one)s?\b"
    r"|\b(?:some(?:one|body) else|for my (?:wife|husband|partner|friend|son|daughter|mother|father|"
    r"colleague|brother|sister|boss))\b",
    re.IGNORECASE,
)
"""Of somebody, or something, of whom nothing was said yet."""

_YOUR_OWN = re.compile(r"\byours?\b", re.IGNORECASE)

_REMINDED_KIND = "the user says it was said before"
_AMNESIA_KIND = "the assistant says it does not remember"


class Forgetting:
    """Reads the turns of the session so far, across its traces."""

    id = _ENTRY.id
    version = "6"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """What the signals of each session say together; cut content decides nothing."""
        view = context.semantic
        candidates = view.candidates(self.id)
        if candidates.is_empty():
            return view.with_gaps(decisions([]), needs_everything=True)
        wanted = [trace for trace in candidates if trace in view.turns]
        read = Readings()
        rows = [row for trace in wanted if (row := decide_turns(trace, view.turns[trace], read))]
        return view.with_gaps(decisions(rows), needs_everything=True)


def decide_turns(trace_id: str, turns: list[Turn], read: Readings) -> dict[str, Any] | None:
    """The decision on one session so far; None for fewer than two exchanges or weak evidence.

    The whole session counts, but only when the trace itself added to the evidence.
    """
    if sum(turn.role == "user" for turn in turns) < 2:
        return None
    found = [*_facts_asked_again(turns, read), *_questions_repeated(turns, read)]
    found += [*_words_of_memory(turns, read), *_settled_asked_again(turns, read)]
    found += [*_constraints_broken(turns, read), *_facts_contradicted(turns, read)]
    found += _attributes_contradicted(turns, read)
    if not any(turn.trace_id == trace_id for turn, _ in found):
        return None
    pieces = [piece | {"trace_id": turn.trace_id} for turn, piece in found]
    strongest: dict[str, float] = {}
    for piece in pieces:
        strongest[piece["kind"]] = max(strongest.get(piece["kind"], 0.0), piece["value"])
    total = combined(strongest.values())
    if total < AMBIGUOUS_AT:
        return None
    pieces.sort(key=lambda piece: (piece["trace_id"] != trace_id, -piece["value"]))
    kinds = ", ".join(f"{kind} ({value:.2f})" for kind, value in sorted(strongest.items()))
    is_claim = total >= MATCHED_AT
    return decision(
        trace_id,
        Decision.MATCHED if is_claim else Decision.AMBIGUOUS,
        reason=f"Signs that the conversation was forgotten: {kinds}; together {total:.2f}"
        f"{over_session(pieces)} (heuristic){_in_words(pieces[0])}",
        severity=0.5 if is_claim else 0.3,
        confidence=round(0.6 * total, 4),
        evidence=[told(piece, trace_id) for piece in pieces[:10]],
    )


def _in_words(piece: dict[str, Any]) -> str:
    """What was said, and what came of it later."""
    earlier, later = piece.get("earlier"), piece.get("quote")
    if not isinstance(earlier, str) or not isinstance(later, str):
        return ""
    said, then = (
        shorten(text, _SAID_CHARACTERS_MAX, placeholder=" \u2026") for text in (earlier, later)
    )
    return f"; first \u201c{said}\u201d, later \u201c{then}\u201d"


_SAID_CHARACTERS_MAX = 80
_Found = list[tuple["Turn", dict[str, Any]]]


def _facts_asked_again(turns: list[Turn], read: Readings) -> _Found:
    """The assistant asks for a fact whose form stands in an earlier user turn."""
    found: _Found = []
    for place, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        for slot, asked in read.slots_asked[turn.text]:
            if _is_of_another(asked, turns, place):
                continue
            value = 0.86 if slot.name in _OWN and len(turn.text) < SHORT_CHARACTERS_MAX else 0.7
            for earlier in turns[:place]:
                given = slot.given.search(earlier.text) if earlier.role == "user" else None
                if given is not None:
                    piece = turn.evidence(asked, kind="asks for what was given", value=value)
                    piece |= {"slot": slot.name, "earlier": around(earlier.text, given.start())}
                    found.append((turn, piece))
                    break
    return found


def _is_of_another(asked: str, turns: list[Turn], place: int) -> bool:
    """Whether a question is about somebody, or something, to whom the user just came.

    What is the user's own stays the same whomever it is about.
    """
    if _YOUR_OWN.search(asked) is not None:
        return False
    before = turns[place - 1] if place else None
    return _OF_ANOTHER.search(asked) is not None or (
        before is not None and before.role == "user" and _OF_ANOTHER.search(before.text) is not None
    )


def _questions_repeated(turns: list[Turn], read: Readings) -> _Found:
    """The assistant asks nearly the same question again after the user answered it."""
    asked = [
        (place, turn, question)
        for place, turn in enumerate(turns)
        if turn.role == "assistant"
        for question in read.questions[turn.text]
    ]
    if len(asked) < 2:
        return []
    words = [terms(question) for _, _, question in asked]
    found: _Found = []
    for second, (place, turn, question) in enumerate(asked):
        for first in range(second):
            earlier_place, _, earlier = asked[first]
            alike = similarity(words[first], words[second])
            if alike < SAME_QUESTION_AT or _marks(question) != _marks(earlier):
                continue
            answers = [t for t in turns[earlier_place + 1 : place] if t.role == "user"]
            if not answers or _EVASION.search(answers[0].text):
                continue
            # "At seven" does not say how many people come.
            if _HOW_MANY.search(question) and not _COUNTED.search(answers[0].text):
                continue
            piece = turn.evidence(question, kind="asks a question again", value=0.6)
            piece |= {
                "earlier": earlier,
                "answer": around(answers[0].text, 0),
                "similarity": round(alike, 4),
                "threshold": SAME_QUESTION_AT,
            }
            found.append((turn, piece))
            break
    return found


def _marks(text: str) -> set[str]:
    """The numbers and codes of a question: with others it is another question."""
    return set(_MARK.findall(text))


def _words_of_memory(turns: list[Turn], read: Readings) -> _Found:
    """Either side says that something was forgotten."""
    found: _Found = []
    for turn in turns[2:]:
        is_user = turn.role == "user"
        at = (read.reminded if is_user else read.amnesia)[turn.text]
        if at is not None:
            kind = _REMINDED_KIND if is_user else _AMNESIA_KIND
            value = 0.65 if is_user else 0.5
            found.append((turn, turn.evidence(around(turn.text, at), kind=kind, value=value)))
    return found


def _facts_contradicted(turns: list[Turn], read: Readings) -> _Found:
    """The assistant names another time, day, distance or sum than was said before.

    Than the user just asked for, where it says that this is done; or than it named itself, of what
    the same words are about. A value may well have changed: that is for a second look.
    """
    found: _Found = []
    named = [read.values[turn.text] for turn in turns]
    for place, turn in enumerate(turns):
        if turn.role != "assistant" or not named[place]:
            continue
        earlier = _contradicted(turns, named, place)
        if earlier is not None:
            kind, other = earlier
            piece = turn.evidence(around(turn.text, 0), kind="contradicts a value", value=0.5)
            piece |= {"fact": kind, "earlier": around(turns[other].text, 0)}
            found.append((turn, piece))
    return found


def _contradicted(
    turns: list[Turn], named: list[dict[str, frozenset[str]]], place: int
) -> tuple[str, int] | None:
    """The kind of value, and the earlier turn that says otherwise; None when nothing does."""
    now = turns[place]
    for kind, present in named[place].items():
        before = [at for at in range(place) if kind in named[at]]
        # A value that stood before is remembered, whatever else is new.
        if not before or any(named[at][kind] & present for at in before):
            continue
        last = before[-1]
        if len(present) > 1 or len(named[last][kind]) > 1:
            continue
        if turns[last].role == "user":
            if last == place - 1 and _DONE.search(now.text):
                return kind, last
        elif similarity(_about(turns[last]), _about(now)) >= SAME_SUBJECT_AT:
            return kind, last
    return None


def _about(turn: Turn) -> Terms:
    return terms(without_values(turn.text))


def _constraints_broken(turns: list[Turn], read: Readings) -> _Found:
    """The assistant does what the user asked it not to do, or not as asked."""
    found: _Found = []
    for place, turn in enumerate(turns):
        if turn.role != "user":
            continue
        for wish in read.wishes[turn.text]:
            # The next answer is still about the wish: what it names it may only repeat.
            for later in turns[place + 2 :]:
                at = wish.broken_at(later.text) if later.role == "assistant" else None
                if at is not None:
                    piece = later.evidence(
                        around(later.text, at), kind="breaks a constraint", value=wish.strength
                    )
                    found.append((later, piece | {"earlier": wish.sentence}))
                    break
    return found


def _settled_asked_again(turns: list[Turn], read: Readings) -> _Found:
    """The assistant asks for a fact, a choice or an object that the user named before."""
    found: _Found = []
    for place, turn in enumerate(turns):
        if turn.role != "assistant" or place < 3:
            continue
        said = [earlier for earlier in turns[:place] if earlier.role == "user"][:-1]
        for question in read.settled_questions[turn.text]:
            known = _known(question, said)
            if known is not None and not _is_of_another(question.sentence, turns, place):
                name, earlier, at = known
                piece = turn.evidence(
                    question.sentence, kind="asks for what was settled", value=0.88
                )
                found.append((turn, piece | {"slot": name, "earlier": around(earlier.text, at)}))
                break
    return found


def _known(question: SettledQuestion, said: list[Turn]) -> tuple[str, Turn, int] | None:
    """What the sentence asks for, and the turn that gave it; None when none did."""
    sentence = question.sentence
    for earlier in said:
        for kind in question.kinds:
            given = kind.given.search(earlier.text)
            if given is not None:
                return kind.name, earlier, given.start()
        chosen = choice_made(sentence, earlier.text) or object_named(sentence, earlier.text)
        if chosen is not None:
            return "choice", earlier, max(0, earlier.text.lower().find(chosen.lower()))
    return None


def _attributes_contradicted(turns: list[Turn], read: Readings) -> _Found:
    """The assistant gives something another value, or somebody another name, than was said."""
    found: _Found = []
    named: list[list[Attribute]] = [
        read.attributes[turn.text] if len(turn.text) <= SHORT_CHARACTERS_MAX else []
        for turn in turns
    ]
    for place, turn in enumerate(turns):
        if turn.role != "assistant" or place < 3 or turns[place - 1].role != "user":
            continue
        if len(turn.text) > SHORT_CHARACTERS_MAX:
            continue
        kinds = {one.kind for one in named[place - 1]}
        now = [one for one in named[place] if one.kind not in kinds]
        if now and not _CHANGES.search(turns[place - 1].text):
            before = [one for at in range(place - 1) for one in named[at]]
            pair = contradiction(before, now)
            if pair is not None:
                piece = turn.evidence(
                    around(turn.text, pair[1].start), kind="contradicts what was said", value=0.86
                )
                piece |= {"fact": pair[0].kind, "earlier": pair[0].value, "now": pair[1].value}
                found.append((turn, piece))
        name = another_name([earlier.text for earlier in turns[:place]], turn.text)
        if name is not None:
            at = turn.text.find(name)
            piece = turn.evidence(
                around(turn.text, at), kind="contradicts what was said", value=0.86
            )
            found.append((turn, piece | {"fact": "name", "now": name}))
    return found
