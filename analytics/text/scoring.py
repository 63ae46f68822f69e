"""Probabilities of many texts at once: distinct texts only, in batches that fit the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.text.dense import numbers_of
from analytics.text.ngrams import TEXTS_PER_BATCH, Featurizer
from analytics.text.normalise import normal_forms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.text.head import LinearHead


def probabilities(head: LinearHead, texts: pl.Series) -> pl.Series:
    """The head's calibrated probability of each text, in the order given; null for null."""
    return Scores((head,)).probabilities(head, texts)


class Scores:
    """Probabilities by several heads, for which each text is read once.

    Most of the work is to read a text; what another head says of it costs little more.
    """

    def __init__(self, heads: Sequence[LinearHead]) -> None:
        self._weights = [head.weights for head in heads]
        self._places = {head.name: place for place, head in enumerate(heads)}
        self._known: dict[str, NDArray[np.float64]] = {}

    def probabilities(self, head: LinearHead, texts: pl.Series) -> pl.Series:
        """One head's calibrated probability of each text, in the order given; null for null."""
        frame = pl.DataFrame({"text": texts.cast(pl.String)})
        distinct = frame.drop_nulls().unique(maintain_order=True)
        normal = normal_forms(distinct["text"])
        logits = self._margins(head, normal) * head.slope + head.intercept
        scored = distinct.with_columns(probability=pl.Series(1.0 / (1.0 + np.exp(-logits))))
        return frame.join(scored, on="text", how="left", maintain_order="left")["probability"]

    def _margins(self, head: LinearHead, normal: pl.Series) -> NDArray[np.float64]:
        place, texts = self._places[head.name], normal.to_list()
        if len(texts) > KNOWN_TEXTS_MAX:
            sums = _text_margins((head.weights,), texts)[0]
        else:
            self._read([text for text in dict.fromkeys(texts) if text not in self._known])
            sums = np.array([self._known[text][place] for text in texts], np.float64)
        return _with_numbers(sums, head, normal)

    def _read(self, texts: Sequence[str]) -> None:
        if texts:
            sums = _text_margins(self._weights, texts)
            self._known.update(zip(texts, sums.T, strict=True))


KNOWN_TEXTS_MAX = 2_000
"""What is said of more texts at once is not kept: they would take much room."""


def margins(head: LinearHead, normal: pl.Series) -> NDArray[np.float64]:
    """The head's uncalibrated output for normalised texts without nulls."""
    return _with_numbers(_text_margins((head.weights,), normal.to_list())[0], head, normal)


def _with_numbers(
    sums: NDArray[np.float64], head: LinearHead, normal: pl.Series
) -> NDArray[np.float64]:
    """What the n-grams say, what the numbers beside them say, and the bias."""
    numbers: NDArray[np.float64] = numbers_of(normal, head.rule_set) @ np.array(head.dense)
    return sums + numbers + head.bias


def _text_margins(
    weights: Sequence[NDArray[np.float32]], texts: Sequence[str]
) -> NDArray[np.float64]:
    """By weights and text: the sum over the text's columns by the square root of their number."""
    featurizer = Featurizer()
    output = np.zeros((len(weights), len(texts)))
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        batch = texts[start : start + TEXTS_PER_BATCH]
        features = featurizer.features_of(batch)
        root = np.sqrt(np.maximum(np.bincount(features.text, minlength=features.count), 1))
        for place, own in enumerate(weights):
            sums = np.bincount(features.text, own[features.column], minlength=features.count)
            output[place, start : start + len(batch)] = sums / root
    return output
