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
    """An expression, and what a text must hold for it to occur: a word, or a number of some form.

    The words are those of :func:`required_words` unless they are given. ``number`` is a plainer
    expression that begins with a digit, which makes it quick: a text without one of the words in
    which the expression occurs holds it.
    """

    def __init__(
        self,
        pattern: str,
        flags: int = re.IGNORECASE,
        *,
        words: Collection[str] | None = None,
        number: str | None = None,
    ) -> None:
        self.expression = re.compile(pattern, flags)
        if words is None:
            words = () if number else next(iter(required_words(pattern)), ())
        # What holds a longer word holds the shorter one within it.
        self._words = tuple(
            word
            for word in sorted(words)
            if not any(other in word for other in words if other != word)
        )
        self._number = re.compile(number, flags) if number else None
        self._anywhere = not self._words and not number

    def is_possible(self, glance: Glance) -> bool:
        """Whether the text holds what the expression needs."""
        folded = glance.folded
        for word in self._words:
            if word in folded:
                return True
        if self._number is not None and glance.has_digit:
            return self._number.search(glance.text) is not None
        return self._anywhere

    def search(self, glance: Glance) -> re.Match[str] | None:
        """Where the expression first occurs in the text."""
        return self.expression.search(glance.text) if self.is_possible(glance) else None

    def finditer(self, glance: Glance) -> Iterator[re.Match[str]]:
        """Every place where the expression occurs in the text."""
        return self.expression.finditer(glance.text) if self.is_possible(glance) else iter(())
