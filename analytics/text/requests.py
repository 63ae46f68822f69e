"""What a request asks for, as far as words show it: whether declining it can be right.

Words show harm where an act, whom it is done to and how stand together; most other sensitive words
stand in ordinary requests too, and only make the answer to this question unsure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache

from analytics.text.phrases import RULES

READ_CHARACTERS = 400
"""How much of a request's beginning and end is read: between them may lie a document."""

_SPACES = re.compile(r"\s+")


class Kind(Enum):
    """What words say about a request."""

    UNSAFE = "unsafe"
    """It asks for harm: to decline is right."""
    UNSURE = "unsure"
    """It names something sensitive: to decline may be right."""
    PLAIN = "plain"
    """Nothing in it explains why anybody would decline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for, and the word or rule that shows it (empty for a plain one)."""

    kind: Kind
    sign: str


def asked(request: str) -> Asked:
    """What a request asks for."""
    if len(request) > 2 * READ_CHARACTERS:
        request = f"{request[:READ_CHARACTERS]} \n {request[-READ_CHARACTERS:]}"
    text = _SPACES.sub(" ", request.lower().replace("\u2019", "'")).strip()
    is_harmless = any(pattern.search(text) for _, pattern in _patterns("harmless_request"))
    for name, pattern in _patterns("unsafe_request"):
        if pattern.search(text):
            kind = Kind.UNSURE if is_harmless else Kind.UNSAFE
            return Asked(kind=kind, sign=name)
    for _, pattern in _patterns("sensitive_request"):
        # The list is long and loose: a thing that it is done to takes a word of it back.
        found = pattern.search(_thing().sub(" ", text))
        if found is not None:
            return Asked(kind=Kind.UNSURE, sign=f"says '{found[0]}'")
    return Asked(kind=Kind.PLAIN, sign="")


@cache
def _patterns(name: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((rule.name, re.compile(rule.pattern)) for rule in RULES[name])


@cache
def _thing() -> re.Pattern[str]:
    return dict(_patterns("harmless_request"))["does it to a thing"]
