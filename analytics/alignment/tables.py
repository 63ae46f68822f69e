"""Measures of a confusion table: rows are the people's classes, columns the evaluator's.

Every measure takes cell shares of shape (m, K, K) and gives m values, so that one call evaluates
a table and all its perturbations; dtype may be complex (see :mod:`.linearised`).
Class 0 is the negative and class 1 the positive class of a two-class table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Tables = NDArray[Any]
    Measure = Callable[[Tables], NDArray[Any]]


def accuracy(shares: Tables) -> Tables:
    """The share on the diagonal."""
    return np.trace(shares, axis1=1, axis2=2)


def recall(of: int) -> Measure:
    """The share of a class's human cases that the evaluator puts into it."""
    return lambda shares: shares[:, of, of] / shares[:, of, :].sum(axis=1)


def precision(of: int) -> Measure:
    """The share of the evaluator's cases of a class that people put into it."""
    return lambda shares: shares[:, of, of] / shares[:, :, of].sum(axis=1)


def f1_of(of: int) -> Measure:
    """The harmonic mean of precision and recall of one class."""

    def measure(shares: Tables) -> Tables:
        human, evaluator = shares[:, of, :].sum(axis=1), shares[:, :, of].sum(axis=1)
        return 2 * shares[:, of, of] / (human + evaluator)

    return measure


def balanced_accuracy(shares: Tables) -> Tables:
    """The mean recall over the classes that people used."""
    human = shares.sum(axis=2)
    used = human.real[0] > 0
    hits = np.diagonal(shares, axis1=1, axis2=2)
    return (hits[:, used] / human[:, used]).mean(axis=1)


def f1_macro(shares: Tables) -> Tables:
    """The mean F1 over the classes that either side used."""
    both = shares.sum(axis=2) + shares.sum(axis=1)
    used = both.real[0] > 0
    hits = np.diagonal(shares, axis1=1, axis2=2)
    return (2 * hits[:, used] / both[:, used]).mean(axis=1)


def matthews(shares: Tables) -> Tables:
    """Matthews' correlation; with more than two classes Gorodkin's form of it."""
    human, evaluator = shares.sum(axis=2), shares.sum(axis=1)
    expected = (human * evaluator).sum(axis=1)
    total = shares.sum(axis=(1, 2))
    spread = (total**2 - (human**2).sum(axis=1)) * (total**2 - (evaluator**2).sum(axis=1))
    return (accuracy(shares) * total - expected) / np.sqrt(spread)


def kappa(distance: NDArray[np.float64]) -> Measure:
    """Cohen's kappa with a disagreement weight for each pair of classes (0 on the diagonal)."""

    def measure(shares: Tables) -> Tables:
        total = shares.sum(axis=(1, 2))
        human, evaluator = shares.sum(axis=2), shares.sum(axis=1)
        seen = (shares * distance).sum(axis=(1, 2)) * total
        expected = np.einsum("mi,ij,mj->m", human, distance, evaluator)
        return 1 - seen / expected

    return measure


def gwet(similarity: NDArray[np.float64]) -> Measure:
    """Gwet's AC1 (identity similarity) or AC2 of two raters, over the whole scale."""
    size = len(similarity)
    scale = float(similarity.sum()) / (size * (size - 1)) if size > 1 else 1.0

    def measure(shares: Tables) -> Tables:
        total = shares.sum(axis=(1, 2))
        middle = (shares.sum(axis=2) + shares.sum(axis=1)) / 2
        seen = (shares * similarity).sum(axis=(1, 2)) * total
        expected = scale * (middle * (total[:, None] - middle)).sum(axis=1)
        return (seen - expected) / (total**2 - expected)

    return measure


def pabak(shares: Tables) -> Tables:
    """Brennan and Prediger's coefficient; of two classes, the prevalence-adjusted kappa."""
    size = shares.shape[-1]
    return (size * accuracy(shares) / shares.sum(axis=(1, 2)) - 1) / (size - 1)


def alpha_two_raters(distance: NDArray[np.float64] | None, items: int) -> Measure:
    """Krippendorff's alpha of two complete raters; ``None`` asks for the ordinal distance.

    ``items`` sets the small-sample term; design weights are therefore scaled to sum to it.
    """
    shrink = (2 * items - 1) / (2 * items)

    def measure(shares: Tables) -> Tables:
        total = shares.sum(axis=(1, 2))
        middle = (shares.sum(axis=2) + shares.sum(axis=1)) / 2
        used = ordinal_distance(middle) if distance is None else distance[None]
        seen = (shares * used).sum(axis=(1, 2)) * total
        expected = (middle[:, :, None] * used * middle[:, None, :]).sum(axis=(1, 2))
        return 1 - shrink * seen / expected

    return measure


def ordinal_distance(middle: Tables) -> Tables:
    """Krippendorff's ordinal distance from class shares of shape (m, K)."""
    below = np.cumsum(middle, axis=1) - middle / 2
    return (below[:, :, None] - below[:, None, :]) ** 2


def nominal_distance(size: int) -> NDArray[np.float64]:
    """1 for any two different classes."""
    return 1.0 - np.eye(size)


def scale_distance(values: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """Distances between scale values: ``power`` 1 is linear, 2 quadratic; at most 1."""
    if len(values) < 2:
        return np.zeros((len(values), len(values)))
    gaps = np.abs(values[:, None] - values[None, :]) / (values.max() - values.min())
    return np.asarray(gaps**power, dtype=np.float64)


def within(steps: int) -> Measure:
    """The share of cases at most so many classes apart."""

    def measure(shares: Tables) -> Tables:
        codes = np.arange(shares.shape[-1])
        near = np.abs(codes[:, None] - codes[None, :]) <= steps
        return (shares * near).sum(axis=(1, 2))

    return measure
