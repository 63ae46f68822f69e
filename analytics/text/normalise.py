"""One spelling for every text, so that a head sees what a reader sees.

Compatibility forms are folded, letters lowered, invisible characters removed and white space
collapsed: the tricks by which a text dodges a word list. Long texts keep their head and their
tail, because attacks hide at either end and the cost of scoring must not depend on one document.
"""

from __future__ import annotations

import numpy as np
import polars as pl

HEAD_CHARACTERS = 3000
"""How much of a text's beginning is scored."""

TAIL_CHARACTERS = 1000
"""How much of a text's end is scored when the text is longer than head and tail together."""

_INVISIBLE = r"[\u{00ad}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{2064}\u{feff}]"
# Read before folding, so that one huge document costs no more than a long one.
_READ_FACTOR = 2


# Most white space is a single space, which stays as it is.
_RUN_OF_SPACE = r"[^\S ]\s*| \s+"


def normalised(text: pl.Expr) -> pl.Expr:
    """The normal form of a text column: at most head plus tail characters, null stays null."""
    return text.map_batches(normal_forms, return_dtype=pl.String, is_elementwise=True)


def normal_forms(texts: pl.Series) -> pl.Series:
    """The normal form of each text: at most head plus tail characters, null stays null."""
    read = _shortened(texts, factor=_READ_FACTOR)
    # In ASCII nothing is to be folded, which takes most of the time.
    is_plain = _of(read, _TEXT.str.len_bytes() == _TEXT.str.len_chars()).fill_null(value=True)
    if is_plain.all():
        return _shortened(_of(read, _lowered(_TEXT)), factor=1)
    folded = _TEXT.str.normalize("NFKC").str.to_lowercase().str.replace_all(_INVISIBLE, "")
    foreign = _of(read.filter(~is_plain), _lowered(folded.str.replace_all("[\u2018\u2019]", "'")))
    plain_first = np.argsort(~is_plain.to_numpy(), kind="stable")
    both = pl.concat([_of(read.filter(is_plain), _lowered(_TEXT)), foreign])
    return _shortened(both.gather(np.argsort(plain_first)), factor=1)


_TEXT = pl.col("text")


def _of(texts: pl.Series, expression: pl.Expr) -> pl.Series:
    """What an expression over :data:`_TEXT` says of each text: one step, whatever it holds."""
    return texts.to_frame("text").select(expression).to_series().alias(texts.name)


def _lowered(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(_RUN_OF_SPACE, " ").str.strip_chars()


def _shortened(texts: pl.Series, factor: int) -> pl.Series:
    """Keep the head and the tail of what is longer than both."""
    head, tail = factor * HEAD_CHARACTERS, factor * TAIL_CHARACTERS
    if not _of(texts, (_TEXT.str.len_bytes() > head + tail).any()).item():
        return texts
    short = pl.concat_str(_TEXT.str.head(head), pl.lit(" "), _TEXT.str.tail(tail))
    is_long = (_TEXT.str.len_bytes() > head + tail) & (_TEXT.str.len_chars() > head + tail)
    return _of(texts, pl.when(is_long).then(short).otherwise(_TEXT))
