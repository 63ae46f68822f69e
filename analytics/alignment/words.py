"""Words that scores are written in: which pairs of words are one boolean, and which is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytics.alignment.errors import UnknownOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.alignment.score_types import ScaleOptions

NEUTRAL = (("true", "false"), ("1", "0"), ("yes", "no"), ("positive", "negative"))
JUDGED = (
    ("pass", "fail"), ("passed", "failed"), ("good", "bad"), ("safe", "unsafe"),
    ("correct", "incorrect"), ("right", "wrong"), ("accept", "reject"), ("ok", "not ok"),
    ("acceptable", "unacceptable"), ("valid", "invalid"), ("compliant", "non-compliant"),
)  # fmt: skip
"""Pairs of words: the high or good value first."""


def readable(value: str) -> bool:
    """Whether a value can be a side of a boolean score: a known word or a number."""
    return word_pair([value]) is not None or as_numbers([value]) is not None


def forms(word: str) -> tuple[str, ...]:
    """The ways of writing a word that are read as it."""
    return (word, word.upper(), word.capitalize(), word.title())


def word_pair(values: Iterable[str]) -> tuple[str, str] | None:
    """The pair of words (high or good first) that all values belong to, in any common case."""
    given = set(values)
    for pair in (*NEUTRAL, *JUDGED):
        if given and given <= {form for word in pair for form in forms(word)}:
            return pair
    return None


def as_numbers(values: Iterable[str]) -> dict[str, float] | None:
    """Every value as a number; None when one is not, or when there are none."""
    try:
        return {value: float(value) for value in values} or None
    except ValueError:
        return None


def spellings(pair: tuple[str, str], codes: tuple[int, int]) -> dict[str, int]:
    """Codes of a word in every case it may be written in."""
    table = {}
    for word, code in zip(pair, codes, strict=True):
        for form in forms(word):
            table[form] = code
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """The two values of a boolean score: which is high, which is positive, which passes."""

    high: str
    low: str
    positive: str
    pass_value: str
    pass_named: bool
    sentence: str

    @property
    def high_code(self) -> int:
        """The class of the high value: 1 when it is the positive one."""
        return int(self.high == self.positive)


def direction(options: ScaleOptions, pair: tuple[str, str]) -> Direction:
    """Which value is positive and which passes: as asked, else by the words' meaning.

    The first of the pair is what high scores stand for; see :func:`turned`.
    """
    high, low = pair
    known = pair if pair in (*JUDGED, *NEUTRAL) else (low, high)
    judged = known in JUDGED
    positive = one_of(options.positive, pair, "positive value") or known[1 if judged else 0]
    named = judged or options.positive is not None or options.pass_value is not None
    other = low if positive == high else high
    passing = one_of(options.pass_value, pair, "pass value") or (other if named else positive)
    why = "as asked" if options.positive else "by default" if not judged else "the bad word"
    sentence = f"positive class: {positive} ({why}); " + (
        f"pass: {passing}"
        if named
        else f"no value was named as pass: the rate below is the share of {passing}"
    )
    return Direction(
        high=high, low=low, positive=positive, pass_value=passing, pass_named=named,
        sentence=sentence,
    )  # fmt: skip


def turned(options: ScaleOptions, pair: tuple[str, str]) -> tuple[str, str]:
    """The pair with the value first that high scores stand for."""
    high = one_of(options.high, pair, "value of high scores")
    return pair if high in (None, pair[0]) else (pair[1], pair[0])


def mixed(values: Iterable[str]) -> bool:
    """Whether all values are true, 1, yes and the like, but spelled in several ways."""
    given = [word_pair([value]) for value in values]
    return word_pair(values) is None and bool(given) and all(pair in NEUTRAL for pair in given)


def one_of(value: str | None, known: Iterable[str], what: str) -> str | None:
    """The known value that was meant, in any case; UnknownOptionError names the others."""
    if value is None:
        return None
    for name in known:
        if name.lower() == value.lower():
            return name
    raise UnknownOptionError(what, value, known)
