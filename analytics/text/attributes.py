"""Values with what they are of: a deadline, a port, a weight, a gate, a name; told by near words.

Two texts contradict one another where the same thing has another value of the same kind. Sums for
several things are not the price of one, and what a text leaves open contradicts nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics.text.sought import Glance, Sought

if TYPE_CHECKING:
    from collections.abc import Sequence

_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_KINDS: dict[str, Sought] = {
    "date": Sought(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?({_MONTHS})\b"),
    "month": Sought(rf"\bin ({_MONTHS})\b"),
    "weekday": Sought(rf"\b({_WEEKDAYS})s?\b"),
    "weight": Sought(
        r"\b(\d+(?:\.\d+)?) ?(?:kg|kilos?|lbs|pounds)\b(?! per)",
        number=r"\d ?(?:kg|kilo|lbs|pounds)",
    ),
    "price": Sought(
        r"(?:[$€£] ?(\d[\d.,]*)|\b(\d[\d.,]*) ?(?:euros?|dollars?|pounds|francs))\b",
        words=("$", "€", "£", "euro", "dollar", "pounds", "francs"),
    ),
    "port": Sought(r"\b(?:port |localhost:|127\.0\.0\.1:)(\d{2,5})\b"),
    "nights": Sought(r"\b(\d+|one|two|three|four|five|six|seven) nights?\b"),
}
_PLACE = Sought(r"\b(platform|gate|room|seat|track|terminal|table|floor|line) ([A-Z]?\d+[A-Z]?)\b")
_ALWAYS_SHARED = {"port": "port", "nights": "nights"}
_OPPOSITES = (
    *(
        ("north", "south"),
        ("east", "west"),
        ("single", "double"),
        ("left", "right"),
        ("upper", "lower"),
    ),
    *(
        ("morning", "evening"),
        ("front", "back"),
        ("first", "second"),
        ("red", "blue"),
        ("small", "large"),
    ),
)
_OPPOSITE = {one: other for pair in _OPPOSITES for one, other in (pair, pair[::-1])}
_PHRASE = Sought(rf"\b({'|'.join(_OPPOSITE)}) (\w{{3,}})")
_WORD = re.compile(r"[^\W\d_]{3,}")
_PER = re.compile(r"\b(?:each|apiece|per|a (?:piece|person|night|month|day))\b", re.IGNORECASE)
_ONE_PRICE = re.compile(r"\b(?:fee|price|rate|fare|rent) (?:is|of|was)\b", re.IGNORECASE)
_STOP = frozenset(
    re.findall(
        r"\w+",
        "the and for that this with from your you are was has have will would can our its their "
        "his her she him they not but all any one two three four five each per about into then "
        "than out got set on in at is it be by to of january february march april may june july "
        "august september october november december monday tuesday wednesday thursday friday "
        "saturday sunday euros euro dollars noted okay yes please cost costs",
    )
)
_GREETED = re.compile(
    r"\b(?:birthday|regards|hello|hi|dear|cheers|love|wishes|welcome|thanks|thank you|"
    r"congratulations),? "
    r"(?:dear |from )?([A-Z][a-z]{2,})\b"
)
_NAMED = re.compile(r"\b(?i:my name is|call me|name is|named|is called) ([A-Z][a-z]{2,})\b")
_NO_NAMES = frozenset(
    ("And", "Your", "You", "The", "Thank", "Have", "May", "From", "All", "Sincerely")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One value in a text: its kind, its spelling, and the words it stands near to."""

    kind: str
    value: str
    of: frozenset[str]
    start: int


def attributes(text: str) -> list[Attribute]:
    """The values of a text."""
    found = []
    glance = Glance(text)
    for kind, sought in _KINDS.items():
        for match in sought.finditer(glance):
            # What several cost together is not what one costs.
            if kind == "price" and not (_PER.search(text) or _ONE_PRICE.search(text)):
                continue
            value = " ".join(part.lower() for part in match.groups() if part)
            near = _near(text, match)
            if kind in _ALWAYS_SHARED:
                near.add(_ALWAYS_SHARED[kind])
            found.append(Attribute(kind=kind, value=value, of=frozenset(near), start=match.start()))
    found.extend(
        Attribute(
            kind=match[1].lower(),
            value=match[2].lower(),
            of=frozenset((match[1].lower(),)),
            start=match.start(),
        )
        for match in _PLACE.finditer(glance)
    )
    found.extend(
        Attribute(
            kind=f"which {match[2].lower()}",
            value=match[1].lower(),
            of=frozenset((match[2].lower(),)),
            start=match.start(),
        )
        for match in _PHRASE.finditer(glance)
    )
    return found


def contradiction(
    before: list[Attribute], now: list[Attribute]
) -> tuple[Attribute, Attribute] | None:
    """A value of before and another one now of the same thing; None where nothing differs."""
    for later in now:
        same = [one for one in before if one.kind == later.kind]
        if not same or any(one.value == later.value for one in same):
            continue
        if later.kind.startswith("which ") and _OPPOSITE[later.value] != same[-1].value:
            continue
        if len({one.value for one in same}) > 1:
            continue
        for one in same:
            if one.of & later.of:
                return one, later
    return None


def another_name(said: Sequence[str], answer: str) -> str | None:
    """The name that an answer greets although the user named another, and nobody named this one."""
    greeted = _GREETED.search(answer)
    if greeted is None or greeted[1] in _NO_NAMES:
        return None
    if not any(_NAMED.search(text) for text in said):
        return None
    known = any(re.search(rf"\b{greeted[1]}\b", text) for text in said)
    return None if known else greeted[1]


def _near(text: str, match: re.Match[str]) -> set[str]:
    """The words within a few before and after a value, in one clause."""
    before = re.split(r"[.!?;\n]", text[: match.start()])[-1]
    after = re.split(r"[.!?;\n]", text[match.end() :])[0]
    words = _WORD.findall(before.lower())[-4:] + _WORD.findall(after.lower())[:4]
    return {word.rstrip("s") for word in words if word not in _STOP}
