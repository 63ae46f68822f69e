r"""Many expressions looked for at once in many texts, at more than a gigabyte a second.

Hyperscan reads a text once for all expressions together. An expression engine that tries them one
after the other, or that joins them with ``|``, reads plain text about fifty times slower as soon as
some words occur: measured on transcripts of agents, 2.4 MB in 7 ms instead of 340.

Expressions are those of Hyperscan: no look-around, no back references, bytes of UTF-8 instead of
characters (``.`` and ``\W`` are one byte; a class cannot hold what takes several). They ignore the
case of ASCII letters, unless they begin with ``(?-i)``. A text stands between a NUL byte and a
line's end, so ``.`` never reaches over two of them; a class of what is *not* something should name
``\0`` too, and ``\0`` stands for the beginning of a text.
"""

from __future__ import annotations

from threading import Lock, local
from typing import TYPE_CHECKING

import hyperscan
import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

FOUND = pl.Schema({"row": pl.UInt32(), "pattern": pl.UInt32(), "times": pl.UInt32()})
"""A row of the texts and an expression that occurs in it, by their places, and how often."""

BYTES_AT_ONCE = 4 << 20
"""Read in one go, unless one text alone is longer; little enough to stay in a processor's cache."""

_NOWHERE = r"\xff"
"""A byte that no text in UTF-8 holds.

With it among the words Hyperscan looks at every byte instead of every second one, and takes fewer
places for the end of a word: some hundred words are found in half the time.
"""

_RARE = r"\x"
"""What begins with a byte beyond ASCII is looked for apart.

Such bytes are rare, so all of a text is passed over at 15 GB/s; the many characters that such an
expression stands for would slow the search for words down.
"""

_BEGIN, _END = "\0", "\n"
_EDGE = " " * 16
"""What stands before the first text and after the last one."""

_END_BITS = 32
_BYTES_MAX = 2**_END_BITS - 1
"""More of one text is not read; the end of an occurrence takes so many bits."""


class Scanner:
    """Expressions that are compiled once, for several threads."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._compiling = Lock()
        self._databases: tuple[hyperscan.Database, ...] = ()
        self._of_thread = local()

    def prepare(self) -> None:
        """Compile the expressions, which takes some tenths of a second for some hundred."""
        self._compiled()

    def found(self, texts: pl.Series) -> pl.DataFrame:
        """:data:`FOUND`: a row for each text and expression that occurs in it.

        ``texts`` are strings; a null holds nothing. An occurrence is counted by where it ends.
        """
        count = len(self.patterns)
        read = texts.to_frame("text").select(pl.col("text").fill_null(""))
        places = [self._places(*piece) for piece in _pieces(read["text"])]
        keys, times = np.unique(
            np.concatenate(places or [np.zeros(0, np.int64)]), return_counts=True
        )
        values = {"row": keys // count, "pattern": keys % count, "times": times}
        return pl.DataFrame(values, schema=FOUND)

    def _places(
        self, first: int, texts: pl.Series, text_ends: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The row, numbered from ``first``, and the expression of every occurrence, as a number."""
        edge = pl.Series([_EDGE])
        whole = pl.concat([edge, texts, edge]).str.join(_END + _BEGIN)
        # One text of more than twelve bytes lies in a buffer of its own: nothing is copied.
        content = memoryview(whole.to_arrow(compat_level=pl.CompatLevel.newest()).buffers()[2])
        marks = np.array(self._marks(content[:_BYTES_MAX]), np.int64)
        begin = len(_EDGE + _END + _BEGIN)
        # An end is the first byte after an occurrence; nothing of the edges is told.
        ends = (marks & _BYTES_MAX) - begin
        rows = np.searchsorted(text_ends, ends, side="right")
        places = (first + rows) * len(self.patterns) + (marks >> _END_BITS)
        inside: NDArray[np.int64] = places[(ends >= 0) & (rows < len(texts))]
        return inside

    def _marks(self, content: memoryview) -> list[int]:
        """The expression and the end of every occurrence, as one number each."""
        marks: list[int] = []
        add = marks.append

        def note(pattern: int, _begin: int, end: int, _flags: int, _context: object) -> None:
            add(pattern << _END_BITS | end)

        databases = self._compiled()
        if not hasattr(self._of_thread, "scratches"):
            self._of_thread.scratches = [hyperscan.Scratch(database) for database in databases]
        for database, scratch in zip(databases, self._of_thread.scratches, strict=True):
            # Any buffer is taken, which the library's types do not say.
            database.scan(  # type: ignore[type-var]
                content, match_event_handler=note, scratch=scratch
            )
        return marks

    def _compiled(self) -> tuple[hyperscan.Database, ...]:
        with self._compiling:
            if not self._databases:
                numbered = list(enumerate(self.patterns))
                rare = [(n, pattern) for n, pattern in numbered if pattern.startswith(_RARE)]
                common = [(n, pattern) for n, pattern in numbered if not pattern.startswith(_RARE)]
                common.append((len(numbered), _NOWHERE))
                self._databases = tuple(_database(part) for part in (common, rare) if part)
            return self._databases


def _database(numbered: Sequence[tuple[int, str]]) -> hyperscan.Database:
    """Expressions ready to be looked for together, each with the number it is told by."""
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern.encode() for _, pattern in numbered],
        ids=[number for number, _ in numbered],
        elements=len(numbered),
        flags=[hyperscan.HS_FLAG_CASELESS] * len(numbered),
    )
    return database


def _pieces(texts: pl.Series) -> Iterator[tuple[int, pl.Series, NDArray[np.int64]]]:
    """Texts of a bounded size together: the place of the first one, they, and where each ends.

    All stand one after the other; where one ends the next one begins.
    """
    if texts.is_empty():
        return
    sizes = texts.str.len_bytes().to_numpy().astype(np.int64) + len(_END + _BEGIN)
    ends = np.cumsum(sizes)
    numbers = (ends - sizes) // BYTES_AT_ONCE
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
    for first, after in zip(firsts, [*firsts[1:], len(texts)], strict=True):
        piece = texts if len(firsts) == 1 else texts.slice(first, after - first)
        yield first, piece, ends[first:after] - (ends[first] - sizes[first])
