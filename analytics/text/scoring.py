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
    frame = pl.DataFrame({"text": texts.cast(pl.String)})
    distinct = frame.drop_nulls().unique(maintain_order=True)
    normal = normal_forms(distinct["text"])
    logits = margins(head, normal) * head.slope + head.intercept
    scored = distinct.with_columns(probability=pl.Series(1.0 / (1.0 + np.exp(-logits))))
    return frame.join(scored, on="text", how="left", maintain_order="left")["probability"]


def margins(head: LinearHead, normal: pl.Series) -> NDArray[np.float64]:
    """The head's uncalibrated output for normalised texts without nulls."""
    numbers: NDArray[np.float64] = numbers_of(normal, head.rule_set) @ np.array(head.dense)
    return _text_margins(head.weights, normal.to_list()) + numbers + head.bias


def _text_margins(weights: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float64]:
    """Sum of the weights of a text's columns over the square root of their number."""
    featurizer = Featurizer()
    output = np.zeros(len(texts))
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        batch = texts[start : start + TEXTS_PER_BATCH]
        features = featurizer.features_of(batch)
        sums = np.bincount(features.text, weights[features.column], minlength=features.count)
        counts = np.bincount(features.text, minlength=features.count)
        output[start : start + len(batch)] = sums / np.sqrt(np.maximum(counts, 1))
    return output
