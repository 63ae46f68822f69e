"""Expressions that are tried only on texts that can hold them.

An expression that begins at any word takes microseconds on a sentence, a search for a word of it
a hundredth of that. Most sentences hold none of the words that an expression needs, so one look at
the words first saves nearly all runs. What is found is the same as without it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analytics.text.required import required_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_DIGIT = re.compile(r"\d")
# Letters that Python's expressions take for others when they ignore case, and lower case does not.
_UNLIKE = {ord("\u0131"): "i", ord("\u017f"): "s", 0x0307: None}


class Glance:
    """A text, and what one look at it tells."""

    __slots__ = ("folded", "has_digit", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        folded = text.lower()
        self.folded = folded if text.isascii() else folded.translate(_UNLIKE)
        self.has_digit = _DIGIT.search(text) is not None


class Sought:
    """An expression, and what a text must hold for it to occur: a word, or a digit.

    The words are those of :func:`required_words` unless they are given; ``digit`` says that each
    text without one of the words in which the expression occurs holds a digit.
    """

    def __init__(
        self,
        pattern: str,
        flags: int = re.IGNORECASE,
        *,
        words: Collection[str] | None = None,
        digit: bool = False,
    ) -> None:
        self.expression = re.compile(pattern, flags)
        found = next(iter(required_words(pattern)), ()) if words is None else words
        # What holds a longer word holds the shorter one within it.
        self._words = tuple(
            word
            for word in sorted(found)
            if not any(other in word for other in found if other != word)
        )
        self._digit = digit
        self._anywhere = not self._words and not digit

    def is_possible(self, glance: Glance) -> bool:
        """Whether the text holds what the expression needs."""
        if self._anywhere or (self._digit and glance.has_digit):
            return True
        folded = glance.folded
        for word in self._words:  # noqa: SIM110  # A generator takes longer than the search.
            if word in folded:
                return True
        return False

    def search(self, glance: Glance) -> re.Match[str] | None:
        """Where the expression first occurs in the text."""
        return self.expression.search(glance.text) if self.is_possible(glance) else None

    def finditer(self, glance: Glance) -> Iterator[re.Match[str]]:
        """Every place where the expression occurs in the text."""
        return self.expression.finditer(glance.text) if self.is_possible(glance) else iter(())
