"""One spelling for every text, so that a head sees what a reader sees.

Compatibility forms are folded, letters lowered, invisible characters removed and white space
collapsed: the tricks by which a text dodges a word list. Long texts keep their head and their
tail, because attacks hide at either end and the cost of scoring must not depend on one document.
"""

from __future__ import annotations

import polars as pl

HEAD_CHARACTERS = 3000
"""How much of a text's beginning is scored."""

TAIL_CHARACTERS = 1000
"""How much of a text's end is scored when the text is longer than head and tail together."""

_INVISIBLE = r"[\u{00ad}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{2064}\u{feff}]"
# Read before folding, so that one huge document costs no more than a long one.
_READ_FACTOR = 2


def normalised(text: pl.Expr) -> pl.Expr:
    """The normal form of a text column: at most head plus tail characters, null stays null."""
    return _shortened(
        _shortened(text, factor=_READ_FACTOR)
        .str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(_INVISIBLE, "")
        .str.replace_all("[\u2018\u2019]", "'")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars(),
        factor=1,
    )


def _shortened(text: pl.Expr, factor: int) -> pl.Expr:
    """Keep the head and the tail of what is longer than both."""
    head, tail = factor * HEAD_CHARACTERS, factor * TAIL_CHARACTERS
    return (
        pl.when(text.str.len_bytes() <= head + tail)
        .then(text)
        .when(text.str.len_chars() <= head + tail)
        .then(text)
        .otherwise(pl.concat_str(text.str.head(head), pl.lit(" "), text.str.tail(tail)))
    )
