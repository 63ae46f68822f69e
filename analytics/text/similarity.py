"""How alike two texts are, by the words and runs that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.text.ngrams import TEXTS_PER_BATCH, Featurizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def similarities(texts: Sequence[str]) -> NDArray[np.float64]:
    """Cosine of every pair of normalised texts over their n-gram columns, 0 to 1.

    1 is the same text; about 0.5 is the same request in partly other words; unrelated English
    sentences of one subject lie near 0.15.
    """
    featurizer = Featurizer()
    columns: list[NDArray[np.uint32]] = []
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        features = featurizer.features_of(texts[start : start + TEXTS_PER_BATCH])
        columns.extend(
            np.sort(features.column[features.text == place]) for place in range(features.count)
        )
    result = np.eye(len(texts))
    for first in range(len(texts)):
        for second in range(first):
            shared = np.intersect1d(columns[first], columns[second], assume_unique=True).size
            sizes = columns[first].size * columns[second].size
            alike = shared / np.sqrt(sizes) if sizes else 0.0
            result[first, second] = result[second, first] = alike
    return result
