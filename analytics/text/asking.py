"""Which rules are worth asking of which texts: those whose words the text holds.

An expression of some hundred words takes milliseconds to build, which is much for a few texts of
which hardly one holds any of its words. All words of a set of rules are looked for at once, and a
rule is tried where it can occur. What it then says is the same as if it had been tried everywhere.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from analytics.text.required import alternatives, required_words
from analytics.text.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from analytics.text.phrases import Rule


FEW_TEXTS = 2_000
"""Of more texts every rule is asked: it is built once, and trying it is faster than the words."""


class Asking:
    """A set of rules, and the words that tell where each may occur.

    Of a rule that is several expressions side by side each is asked for itself: a short one is
    built sooner and read faster than all of them together, and mostly one alone can occur.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._pieces = [
            (place, pattern)
            for place, rule in enumerate(self.rules)
            for pattern in alternatives(rule.pattern)
        ]
        owners: dict[str, list[int]] = {}
        self._sets_of_piece = np.zeros(len(self._pieces), np.int64)
        piece_of_set: list[int] = []
        for place, (_, pattern) in enumerate(self._pieces):
            for words in required_words(pattern):
                for word in sorted(words):
                    owners.setdefault(word, []).append(len(piece_of_set))
                piece_of_set.append(place)
                self._sets_of_piece[place] += 1
        self._piece_of_set = np.array(piece_of_set, np.int64)
        # The sets of each word, one word after the other.
        self._sets = np.array([number for sets in owners.values() for number in sets], np.int64)
        self._counts = np.array([len(sets) for sets in owners.values()], np.int64)
        self._scanner = Scanner([re.escape(word) for word in owners])

    def prepare(self) -> None:
        """Compile the words."""
        self._scanner.prepare()

    def rows(self, normal: pl.Series) -> list[NDArray[np.int64]]:
        """For each rule the places of the texts in which it may occur, in order.

        ``normal`` are normalised texts, see :mod:`analytics.text.normalise`; a null is none.
        """
        found: list[list[NDArray[np.int64]]] = [[] for _ in self.rules]
        for place, _, rows in self._asked(normal):
            found[place].append(rows)
        return [_together(rows) for rows in found]

    def occurrences(self, normal: pl.Series) -> list[NDArray[np.int64]]:
        """For each rule the places of the texts in which it occurs, in order."""
        found: list[list[NDArray[np.int64]]] = [[] for _ in self.rules]
        for place, pattern, rows in self._asked(normal):
            if rows.size:
                found[place].append(rows[normal.gather(rows).str.contains(pattern).to_numpy()])
        return [_together(rows) for rows in found]

    def _asked(self, normal: pl.Series) -> Iterator[tuple[int, str, NDArray[np.int64]]]:
        """Expressions, with the place of their rule and those of the texts they are asked of."""
        present = np.flatnonzero(normal.is_not_null().to_numpy())
        if len(normal) > FEW_TEXTS:
            for place, rule in enumerate(self.rules):
                yield place, rule.pattern, present
            return
        hits = self._complete(normal) if present.size and self._counts.size else {}
        for number, (place, pattern) in enumerate(self._pieces):
            needs_words = self._sets_of_piece[number] > 0
            yield place, pattern, hits.get(number, _NOWHERE) if needs_words else present

    def _complete(self, normal: pl.Series) -> dict[int, NDArray[np.int64]]:
        """For each expression with words, the texts that hold one word of each of its sets."""
        found = self._scanner.found(normal)
        rows, words = found["row"].to_numpy().astype(np.int64), found["pattern"].to_numpy()
        counts = self._counts[words]
        begins = (np.cumsum(self._counts) - self._counts)[words]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        sets = self._sets[np.repeat(begins, counts) + within]
        pairs = np.unique(np.repeat(rows, counts) * self._piece_of_set.size + sets)
        row, piece = (
            pairs // self._piece_of_set.size,
            self._piece_of_set[pairs % self._piece_of_set.size],
        )
        keys, held = np.unique(piece * len(normal) + row, return_counts=True)
        whole = keys[held == self._sets_of_piece[keys // len(normal)]]
        places, first = np.unique(whole // len(normal), return_index=True)
        texts = np.split(whole % len(normal), first[1:])
        return dict(zip(places.tolist(), texts, strict=True)) if places.size else {}


def _together(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """All places, each once, in order."""
    return rows[0] if len(rows) == 1 else np.unique(np.concatenate([*rows, _NOWHERE]))


_NOWHERE = np.zeros(0, np.int64)


@cache
def asking(rules: tuple[Rule, ...]) -> Asking:
    """The same rules are prepared once."""
    return Asking(rules)
