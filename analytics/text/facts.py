"""Values of a kind that a conversation can contradict: times, days, distances, sums, places.

Only values that have a form are found; what they are about is told by the words around them.
"""

from __future__ import annotations

import re

from analytics.text.sought import Glance, Sought

_NUMBER_WORDS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth"),
    *("sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"),
)
_ORDINAL = "|".join(_NUMBER_WORDS)
_WHOLE_HOUR = re.compile(r":00$")
_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"

KINDS: dict[str, Sought] = {
    "time of day": Sought(r"\b(\d{1,2}(?:[:.]\d\d)?) ?([ap])\.?m\b", number=r"\d ?[ap]\.?m"),
    "day of the week": Sought(rf"\b({_WEEKDAY})\b"),
    "day of the month": Sought(
        rf"\b(?:the[_ ])?(?:(\d{{1,2}})(?:st|nd|rd|th)|({_ORDINAL}))(?!\w)",
        words=_NUMBER_WORDS,
        number=r"\d(?:st|nd|rd|th)",
    ),
    "distance": Sought(
        r"\b(\d+(?:\.\d+)?)[_ ]?(miles?|km|kilomet\w+)\b", number=r"\d[_ ]?(?:mile|km|kilomet)"
    ),
    "sum of money": Sought(r"([$€£]) ?(\d[\d,]*(?:\.\d+)?)", words=("$", "€", "£")),
}
"""How the values of each kind look."""


def values(text: str) -> dict[str, frozenset[str]]:
    """By kind the values that a text names, in one spelling."""
    found = {}
    glance = Glance(text)
    for kind, sought in KINDS.items():
        if not sought.is_possible(glance):
            continue
        named = frozenset(_spelled(match) for match in sought.expression.finditer(text))
        if named:
            found[kind] = named
    return found


def without_values(text: str) -> str:
    """The text without its values: what it says them about."""
    for sought in KINDS.values():
        text = sought.expression.sub(" ", text)
    return text


def _spelled(match: re.Match[str]) -> str:
    parts = [part.lower().rstrip("s") for part in match.groups() if part]
    word = parts[0]
    if len(parts) == 1 and word in _NUMBER_WORDS:
        return str(_NUMBER_WORDS.index(word) + 1)
    return " ".join(_WHOLE_HOUR.sub("", part.replace(".", ":")) for part in parts)
