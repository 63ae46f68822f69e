"""Anchors: a place in a conversation that is found again when the conversation changed. Pure.

A text is known by ``(direction, message_index, part_index)``. An anchor keeps offsets *and* the
quoted text with what stood before and after it, so that drifted offsets are noticed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from queue_store.errors import InvalidValueError
from queue_store.model import Anchor

if TYPE_CHECKING:
    from collections.abc import Mapping

Place = tuple[str, int, int]
"""direction (``input`` or ``output``), message index, part index."""

CONTEXT_CHARACTERS = 32
"""How much of what stands before and after a quote is kept."""


def anchored(texts: Mapping[Place, str], place: Place, start: int, end: int) -> Anchor:
    """An anchor on the characters from start to end of one text, with quote and context.

    Raises InvalidValueError when there is no such text or range.
    """
    text = texts.get(place)
    if text is None:
        raise InvalidValueError("anchor", place, f"there is no text at {place}")
    if not 0 <= start < end <= len(text):
        raise InvalidValueError(
            "anchor", (start, end), f"characters {start} to {end} are outside 0 to {len(text)}"
        )
    direction, message_index, part_index = place
    return Anchor(
        direction=direction,
        message_index=message_index,
        part_index=part_index,
        start=start,
        end=end,
        quote=text[start:end],
        prefix=text[max(0, start - CONTEXT_CHARACTERS) : start],
        suffix=text[end : end + CONTEXT_CHARACTERS],
    )


def found_again(anchor: Anchor, texts: Mapping[Place, str]) -> Anchor | None:
    """The anchor where its quote stands now; None when the quote is gone.

    Where it was, if it is still there. Else the occurrence with the most matching context,
    then the nearest to the old place.
    """
    if anchor.start is None or anchor.end is None or not anchor.quote:
        return anchor
    old = (anchor.direction, anchor.message_index, anchor.part_index or 0)
    if texts.get(old, "")[anchor.start : anchor.end] == anchor.quote:
        return _at(anchor, texts, old, anchor.start)
    best: tuple[int, int, int] | None = None
    best_place = old
    best_start = 0
    for place, text in texts.items():
        start = text.find(anchor.quote)
        while start >= 0:
            score = (
                _context(anchor, text, start),
                -_distance(old, place),
                -abs(start - anchor.start),
            )
            if best is None or score > best:
                best, best_place, best_start = score, place, start
            start = text.find(anchor.quote, start + 1)
    return None if best is None else _at(anchor, texts, best_place, best_start)


def of_quote(quote: str, texts: Mapping[Place, str]) -> Anchor:
    """An anchor on a quote that stands in the texts exactly once.

    Raises InvalidValueError when it is not there, or more than once.
    """
    hits = [
        (place, start)
        for place, text in texts.items()
        for start in range(len(text))
        if text.startswith(quote, start)
    ]
    if not quote or len(hits) != 1:
        raise InvalidValueError(
            "quote", quote, f"{quote!r} stands there {len(hits)} times, it must be once"
        )
    place, start = hits[0]
    return anchored(texts, place, start, start + len(quote))


def _at(anchor: Anchor, texts: Mapping[Place, str], place: Place, start: int) -> Anchor:
    there = anchored(texts, place, start, start + len(anchor.quote))
    return replace(there, span_id=anchor.span_id)


def _context(anchor: Anchor, text: str, start: int) -> int:
    """Characters of prefix and suffix that match around an occurrence."""
    end = start + len(anchor.quote)
    before = text[max(0, start - len(anchor.prefix)) : start]
    after = text[end : end + len(anchor.suffix)]
    return _same(reversed(before), reversed(anchor.prefix)) + _same(after, anchor.suffix)


def _same(first: object, second: object) -> int:
    """Length of the common beginning."""
    count = 0
    for one, other in zip(first, second, strict=False):  # type: ignore[call-overload]
        if one != other:
            break
        count += 1
    return count


def _distance(old: Place, new: Place) -> int:
    """How far apart two places are; another direction is farthest."""
    if old[0] != new[0]:
        return 10_000
    return abs(old[1] - new[1]) * 100 + abs(old[2] - new[2])
