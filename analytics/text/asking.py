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

from analytics.text.required import required_words
from analytics.text.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from analytics.text.phrases import Rule


FEW_TEXTS = 2_000
"""Of more texts every rule is asked: it is built once, and trying it is faster than the words."""


class Asking:
    """A set of rules, and the words that tell where each may occur."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        owners: dict[str, list[int]] = {}
        self._sets_of_rule = np.zeros(len(self.rules), np.int64)
        rule_of_set: list[int] = []
        for place, rule in enumerate(self.rules):
            for words in required_words(rule.pattern):
                for word in sorted(words):
                    owners.setdefault(word, []).append(len(rule_of_set))
                rule_of_set.append(place)
                self._sets_of_rule[place] += 1
        self._rule_of_set = np.array(rule_of_set, np.int64)
        # The sets of each word, one word after the other.
        self._sets = np.array([number for sets in owners.values() for number in sets], np.int64)
        self._counts = np.array([len(sets) for sets in owners.values()], np.int64)
        self._scanner = Scanner([re.escape(word) for word in owners])

    def rows(self, normal: pl.Series) -> list[NDArray[np.int64]]:
        """For each rule the places of the texts in which it may occur, in order.

        ``normal`` are normalised texts, see :mod:`analytics.text.normalise`; a null is none.
        """
        present = np.flatnonzero(normal.is_not_null().to_numpy())
        if len(normal) > FEW_TEXTS:
            return [present] * len(self.rules)
        hits = self._complete(normal) if present.size and self._counts.size else {}
        nowhere = np.zeros(0, np.int64)
        return [
            hits.get(place, nowhere) if self._sets_of_rule[place] else present
            for place in range(len(self.rules))
        ]

    def _complete(self, normal: pl.Series) -> dict[int, NDArray[np.int64]]:
        """For each rule with words, the texts that hold one word of each of its sets."""
        found = self._scanner.found(normal)
        rows, words = found["row"].to_numpy().astype(np.int64), found["pattern"].to_numpy()
        counts = self._counts[words]
        begins = (np.cumsum(self._counts) - self._counts)[words]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        sets = self._sets[np.repeat(begins, counts) + within]
        pairs = np.unique(np.repeat(rows, counts) * self._rule_of_set.size + sets)
        row, rule = (
            pairs // self._rule_of_set.size,
            self._rule_of_set[pairs % self._rule_of_set.size],
        )
        keys, held = np.unique(rule * len(normal) + row, return_counts=True)
        whole = keys[held == self._sets_of_rule[keys // len(normal)]]
        places, first = np.unique(whole // len(normal), return_index=True)
        texts = np.split(whole % len(normal), first[1:])
        return dict(zip(places.tolist(), texts, strict=True)) if places.size else {}


@cache
def asking(rules: tuple[Rule, ...]) -> Asking:
    """The same rules are prepared once."""
    return Asking(rules)
