"""Whether what a judge quotes was really said, and where: a model may make quotations up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

QUOTE_CHARACTERS_MAX = 300
_AROUND = " \"'\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb.\u2026"
_LEFT_OUT = re.compile(r"\s*(?:\[?\u2026\]?|\[?\.\.\.\]?)\s*")


def checked_quote(quote: str, shown: str, parts: pl.DataFrame | None) -> dict[str, Any]:
    """A verdict's quote as evidence: with its place in the trace, or as one that nobody said.

    ``shown`` is what the judge was shown, ``parts`` the trace's messages. Blanks, letter case and
    what stands around the quote do not count; an ellipsis stands for anything.
    """
    pieces = [_plain(piece) for piece in _LEFT_OUT.split(quote)]
    pieces = [piece for piece in pieces if piece]
    cut = quote[:QUOTE_CHARACTERS_MAX]
    if not pieces:
        return {"quote": cut}
    if not _holds(shown, pieces):
        return {"quote": None, "unfound_quote": cut}
    rows = [] if parts is None else parts.iter_rows(named=True)
    for row in rows:
        if row["text"] is not None and _holds(row["text"], pieces):
            place = {"message": row["message_index"], "part": row["part_index"]}
            return {"span_id": row["span_id"], **place, "quote": cut}
    return {"quote": cut}


def _holds(text: str, pieces: list[str]) -> bool:
    plain, place = _plain(text), 0
    for piece in pieces:
        place = plain.find(piece, place)
        if place < 0:
            return False
        place += len(piece)
    return True


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(_AROUND)
