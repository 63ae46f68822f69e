"""What the person probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES_MAX = 20
"""More than these nobody reads; there may be a million sessions."""


def nearest_names(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known names, or the first of all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {', '.join(near)}?"
    more = " and more" if len(names) > _NAMES_MAX else ""
    return f"; known: {', '.join(names[:_NAMES_MAX])}{more}" if names else "; there are none yet"
