"""The few numbers beside the n-grams: rule counts, where the first rule stands, the length.

They carry what n-grams of one vocabulary cannot: leaving out one model's answers, the refusal head
without them loses most of its recall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.text.asking import asking

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from analytics.text.phrases import Rule

EARLY_CHARACTERS = 200
"""A rule within so many characters of the beginning counts as early."""

_WEIGHT = 0.2
# Counts and log-lengths are several times larger than n-gram values (about 1/60 each); scaled down,
# they guide the head without drowning the text.
_LENGTH_WEIGHT = 0.05


def count_of_numbers(rules: Sequence[Rule]) -> int:
    """How many numbers a head with these rules reads."""
    return 2 * len(rules) + 1 if rules else 0


def numbers_of(normal: pl.Series, rules: Sequence[Rule]) -> NDArray[np.float64]:
    """One row a normalised text: log counts, early flags, log length; empty without rules."""
    if not rules:
        return np.zeros((len(normal), 0))
    numbers = np.zeros((len(normal), count_of_numbers(rules)))
    for place, (rule, rows) in enumerate(
        zip(rules, asking(tuple(rules)).rows(normal), strict=True)
    ):
        if rows.size:
            texts = normal.gather(rows)
            counts = texts.str.count_matches(rule.pattern).to_numpy()
            early = texts.str.head(EARLY_CHARACTERS).str.contains(rule.pattern).to_numpy()
            numbers[rows, place] = np.log(counts + 1.0) * _WEIGHT
            numbers[rows, len(rules) + place] = early * _WEIGHT
    numbers[:, -1] = np.log(normal.str.len_chars().to_numpy() + 1.0) * _LENGTH_WEIGHT
    return numbers
