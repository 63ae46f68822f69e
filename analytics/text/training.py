"""Training a head: grouped folds, Platt calibration, thresholds from held-out scores.

The same texts, specification and seed give the same head. scikit-learn is used here and nowhere
else: a trained head is scored with numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from analytics.text.dense import numbers_of
from analytics.text.head import LinearHead, Rung
from analytics.text.ngrams import TEXTS_PER_BATCH, WIDTH, Featurizer
from analytics.text.normalise import normalised
from analytics.text.phrases import RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 5

AMBIGUOUS_FALSE_POSITIVES = 0.02
"""The second look starts where this share of the negatives of held-out folds passes."""

MATCHED_PRECISION = 0.95
"""A claim needs at least this precision on held-out folds ..."""

MATCHED_FALSE_POSITIVES = 0.002
"""... and at most this share of the held-out negatives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpecification:
    """What a head is, apart from its data."""

    name: str
    version: str
    rules: str | None
    inverse_penalty: float
    """LogisticRegression's C."""
    trained_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A head and the scores that were computed without seeing the text."""

    head: LinearHead
    held_out: NDArray[np.float64]
    """Calibrated probability of each text from the fold that did not see its group."""


def train(frame: pl.DataFrame, specification: HeadSpecification, seed: int) -> Training:
    """Train on a frame of :data:`analytics.text.corpora.LABELLED`."""
    normal = frame.select(normalised(pl.col("text")))["text"]
    labels = frame["label"].to_numpy().astype(np.int64)
    groups = frame["group"].fill_null("").rank("dense").to_numpy()
    features = _matrix(normal, specification)
    margins = np.zeros(len(labels))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train_rows, test_rows in folds.split(features, labels, groups):
        model = _fitted(features[train_rows], labels[train_rows], specification)
        margins[test_rows] = model.decision_function(features[test_rows])
    slope, intercept = _platt(margins, labels)
    held_out = 1.0 / (1.0 + np.exp(-(slope * margins + intercept)))
    model = _fitted(features, labels, specification)
    coefficients = model.coef_[0]
    head = LinearHead(
        name=specification.name,
        version=specification.version,
        rules=specification.rules,
        bias=round(float(model.intercept_[0]), 6),
        dense=tuple(round(float(value), 6) for value in coefficients[WIDTH:]),
        slope=round(slope, 6),
        intercept=round(intercept, 6),
        rung=thresholds(labels, held_out),
        trained_on=specification.trained_on,
        weights=coefficients[:WIDTH].astype("<f2").astype(np.float32),
    )
    return Training(head=head, held_out=held_out)


def thresholds(labels: NDArray[np.int64], held_out: NDArray[np.float64]) -> Rung:
    """The lowest probabilities that meet the targets on held-out scores."""
    positives, negatives = held_out[labels == 1], held_out[labels == 0]
    ambiguous = float(np.quantile(negatives, 1.0 - AMBIGUOUS_FALSE_POSITIVES))
    matched = 1.0
    for candidate in np.unique(held_out)[::-1]:
        hits, misses = (positives >= candidate).sum(), (negatives >= candidate).sum()
        if misses > MATCHED_FALSE_POSITIVES * negatives.size:
            break
        if hits >= MATCHED_PRECISION * (hits + misses):
            matched = float(candidate)
    matched = max(matched, 0.5)
    return Rung(ambiguous_at=round(min(ambiguous, matched), 4), matched_at=round(matched, 4))


def ngram_matrix(normal: pl.Series) -> sparse.csr_matrix:
    """The n-gram columns of normalised texts, each row of length one."""
    texts = normal.to_list()
    featurizer = Featurizer()
    rows, columns = [], []
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        features = featurizer.features_of(texts[start : start + TEXTS_PER_BATCH])
        rows.append(features.text.astype(np.int64) + start)
        columns.append(features.column.astype(np.int64))
    row, column = np.concatenate(rows), np.concatenate(columns)
    values = 1.0 / np.sqrt(np.maximum(np.bincount(row, minlength=len(texts)), 1))[row]
    return sparse.csr_matrix((values, (row, column)), shape=(len(texts), WIDTH))


def _matrix(normal: pl.Series, specification: HeadSpecification) -> sparse.csr_matrix:
    """N-gram columns, then the numbers beside them."""
    rules = () if specification.rules is None else RULES[specification.rules]
    numbers = sparse.csr_matrix(numbers_of(normal, rules))
    return sparse.csr_matrix(sparse.hstack([ngram_matrix(normal), numbers]))


def _fitted(
    features: sparse.csr_matrix, labels: NDArray[np.int64], specification: HeadSpecification
) -> LogisticRegression:
    model = LogisticRegression(
        C=specification.inverse_penalty,
        solver="liblinear",
        class_weight="balanced",
        random_state=0,
        max_iter=1000,
    )
    return model.fit(features, labels)


def _platt(margins: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept that turn held-out margins into probabilities."""
    scale = float(np.std(margins)) or 1.0
    model = LogisticRegression(C=100.0, solver="liblinear", random_state=0)
    model.fit((margins / scale)[:, None], labels)
    return float(model.coef_[0][0]) / scale, float(model.intercept_[0])
