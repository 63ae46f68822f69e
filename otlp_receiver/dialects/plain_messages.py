"""The most common canonical texts, told from the rest in a fraction of the time.

One message with one part of text, whose string needs no escape, is known by its beginning, its
end, and the number of its quotes: with no backslash there can be no other quote inside. That is
counted eight times as fast as :mod:`otlp_receiver.dialects.canonical_text`'s expression reads,
which accepts all of these texts and more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

Mask = NDArray[np.bool_]
_ROLES = ("user", "assistant", "system", "tool")


def _heads() -> list[tuple[str, int]]:
    """Beginnings up to the text, and how many quotes each holds."""
    return [
        (f'[{{"role":{gap}"{role}",{gap}"parts":{gap}[{{{kind}"content":{gap}"', quotes)
        for role in _ROLES
        for gap in ("", " ")
        for kind, quotes in (("", 9), (f'"type":{gap}"text",{gap}', 13))
    ]


def _tails() -> list[tuple[str, int]]:
    """Ends from the text's last quote on, and how many quotes each holds."""
    return [
        (f'"{kind}}}]{reason}}}]', 1 + 4 * bool(kind) + 4 * bool(reason))
        for gap in ("", " ")
        for kind in ("", f',{gap}"type":{gap}"text"')
        for reason in ("", f',{gap}"finish_reason":{gap}"stop"')
    ]


_HEADS = _heads()
# Some ends are the ends of others.
_TAILS = sorted(dict.fromkeys(_tails()), key=lambda tail: -len(tail[0]))


def are_plain(texts: pl.Series, *, hold_no_escapes: bool = False) -> Mask:
    """Which of these texts are such a message; false for others, though they may be canonical.

    ``hold_no_escapes`` says that :func:`are_free_of_escapes` is known of a column with them all.
    """
    if not len(texts):
        return np.zeros(0, dtype=np.bool_)
    # A batch is mostly of one kind.
    first = texts[0] or ""
    heads = sorted(_HEADS, key=lambda head: not first.startswith(head[0]))
    begin = _quotes(texts.str.starts_with, heads, len(texts))
    if not begin.any() or (not hold_no_escapes and _hold_control_characters(texts)):
        return np.zeros(len(texts), dtype=np.bool_)
    tails = sorted(_TAILS, key=lambda tail: not first.endswith(tail[0]))
    end = _quotes(texts.str.ends_with, tails, len(texts))
    held = texts.str.count_matches('"', literal=True).fill_null(0).to_numpy()
    plain: Mask = (begin > 0) & (end > 0) & (held == begin + end)
    others = np.flatnonzero((begin > 0) & ~plain)
    if len(others):
        # What was found may be the end of a longer one.
        end = _quotes(texts.gather(others).str.ends_with, _TAILS, len(others))
        plain[others] = (end > 0) & (held[others] == begin[others] + end)
    if not hold_no_escapes:
        plain &= ~texts.str.contains("\\", literal=True).fill_null(value=True).to_numpy()
    return plain


def are_free_of_escapes(content: NDArray[np.uint8]) -> bool:
    """Whether texts that lie in these bytes hold neither a backslash nor a control character.

    Looked at once for all columns, it spares copying and reading each.
    """
    for begin in range(0, content.size, _CACHED_BYTES):
        some = content[begin : begin + _CACHED_BYTES]
        if some.min() < ord(" ") or (some == ord("\\")).any():
            return False
    return True


_CACHED_BYTES = 2**18
"""Bytes that stay near the processor while they are looked at twice."""


def _quotes(
    has: Callable[[str], pl.Series], edges: list[tuple[str, int]], count: int
) -> NDArray[np.int64]:
    """How many quotes the edge of each text holds; 0 where it is of no known kind."""
    held = np.zeros(count, dtype=np.int64)
    for edge, quotes in edges:
        found = has(edge)
        if not found.any():
            continue
        held[found.fill_null(value=False).to_numpy() & (held == 0)] = quotes
        if held.all():
            break
    return held


def _hold_control_characters(texts: pl.Series) -> bool:
    """Whether any text holds a character below the space, which JSON strings hold escaped only."""
    content = texts.to_arrow().buffers()[-1]
    if content is None or not content.size:
        return False
    return bool(np.frombuffer(content, dtype=np.uint8).min() < ord(" "))
