"""Texts without what they quote: the words of somebody else, or words to work on."""

from __future__ import annotations

import re

_QUOTED = re.compile(
    r"(?<!\w)'(?:[^'\n]|'(?=\w)){6,}'(?!\w)|\"[^\"\n]{6,}\"|\u201c[^\u201d]{6,}\u201d|```.*?(?:```|\Z)",
    re.DOTALL,
)

_MARKS = ("'", '"', "\u201c", "```")
"""Without one of them nothing is quoted."""


def without_quotes(text: str) -> str:
    """The text with each quotation and code block replaced by a space."""
    if not any(mark in text for mark in _MARKS):
        return text
    return _QUOTED.sub(" ", text)
