"""How alike two texts are, by the words and pairs of words that both have.

Plain sets: a conversation has a few dozen short turns, and sets compare them in microseconds.
"""

from __future__ import annotations

import itertools
import re
from math import sqrt

_WORD = re.compile(r"[^\W_]+")


Terms = frozenset[str | tuple[str, str]]
"""Words and pairs of words."""


def terms(text: str) -> Terms:
    """The words of a text, and its pairs of neighbouring words, in lower case."""
    words = _WORD.findall(text.lower())
    return frozenset((*words, *itertools.pairwise(words)))


def similarity(first: Terms, second: Terms) -> float:
    """Cosine of two sets of terms, 0 to 1.

    1 is the same words in the same order; about 0.5 the same request in partly other words;
    unrelated English sentences of one subject lie near 0.15.
    """
    smaller, larger = len(first), len(second)
    if smaller > larger:
        smaller, larger = larger, smaller
    if smaller == 0 or smaller < 0.2 * larger:
        return 0.0
    return len(first & second) / sqrt(smaller * larger)
