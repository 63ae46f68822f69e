"""Optimised attack suffixes, told by their characters: symbols glued to words, no sentence."""

from __future__ import annotations

import re

_TAIL_CHARACTERS = 160
_GLUED_MIN = 3
_GLUED = re.compile(
    r"(?:[^\w\s'\"]{2,}\w|\w[^\w\s'\"]{2,}|[\])}][(\[{]|[.!?\\][\\+*(\[{]|--\w|\w\*\*\w)"
)
_CODE = re.compile(r"```|[;{}]\s*$|\n\s{2,}\w|</\w+>|https?://", re.MULTILINE)


def adversarial_suffix(text: str) -> str | None:
    """The end of a text when it looks like an optimised suffix; None for prose, code and links."""
    if len(text) < 40:
        return None
    tail = text[-_TAIL_CHARACTERS:]
    if "\n" in tail.strip() or _CODE.search(tail):
        return None
    if len(_GLUED.findall(tail)) < _GLUED_MIN:
        return None
    second = tail[len(tail) // 2 :]
    symbols = sum(1 for character in second if not character.isalnum() and not character.isspace())
    return second if symbols >= 0.12 * len(second) else None
