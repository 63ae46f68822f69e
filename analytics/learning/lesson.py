"""Learning from verdicts, and the comparison that decides about promotion.

Every probability that is compared comes from a fold that saw neither the trace nor a near copy of
its request; the calibration of a fold is fitted on the other folds. Both rungs claim or do not
claim on the same verdicts. Learned is better when the lower 99 % bound of the difference in
balanced agreement with people (right and wrong flags weigh the same), by a bootstrap over traces,
is above zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from analytics.learning.classifier import EVIDENCE, LearnedClassifier
from analytics.learning.errors import NotEnoughVerdictsError, TooAlikeError
from analytics.text.head import LinearHead, Rung
from analytics.text.measures import proportion
from analytics.text.ngrams import WIDTH
from analytics.text.normalise import normalised
from analytics.text.training import ngram_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERDICTS_MIN = 15
"""Verdicts of each kind below which nothing is learned."""

FOLDS = 5
CLAIM_AT = 0.5
AMBIGUOUS_AT = 0.25
_RESAMPLES = 2000
_GROUP_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned, and whether it deserves to be used."""

    classifier: LearnedClassifier
    is_better: bool


def learn(  # One argument a part of the question.
    examples: pl.DataFrame,
    *,
    detector: str,
    detector_version: str,
    version: int,
    seed: int,
    current: LearnedClassifier | None = None,
) -> Lesson:
    """Learn from ``trace_id, text, is_right, answered_at`` and :data:`EVIDENCE`; a row a trace.

    ``request``, or else the text, tells near copies. Compared with the shipped rung, or with the
    ``current`` classifier in use: then on verdicts given since, which it cannot have seen.
    Raises :class:`NotEnoughVerdictsError` and :class:`TooAlikeError`.
    """
    rows = examples.sort("trace_id").with_columns(pl.col("text").fill_null(""))
    labels = rows["is_right"].cast(pl.Int64).to_numpy()
    right, wrong = int(labels.sum()), int((1 - labels).sum())
    if min(right, wrong) < VERDICTS_MIN:
        raise NotEnoughVerdictsError(detector, right, wrong, VERDICTS_MIN)
    normal = rows.select(normalised(pl.col("text")))["text"]
    evidence = rows.select(EVIDENCE).to_numpy().astype(np.float64)
    features = sparse.csr_matrix(sparse.hstack([ngram_matrix(normal), evidence]))
    margins, folds = _held_out(features, labels, _near_copies(rows, detector), seed)
    chances = _calibrated_across(margins, labels, folds)
    model = _fitted(features, labels)
    slope, intercept = _platt(margins, labels)
    rung = _rung_in_use(rows, labels, detector, current)
    report = compare(
        labels[rung.compared],
        chances[rung.compared],
        (rung.flagged[rung.compared], rung.claimed[rung.compared]),
        seed,
    ) | {
        "verdicts": len(labels),
        "compared": int(rung.compared.sum()),
        "against": "shipped" if current is None else f"version {current.version}",
        "answered_until": rows["answered_at"].max(),
    }
    head = LinearHead(
        name=f"learned/{detector}",
        version=str(version),
        rules=None,
        bias=round(model.intercept, 6),
        dense=(),
        slope=round(slope, 6),
        intercept=round(intercept, 6),
        rung=Rung(ambiguous_at=AMBIGUOUS_AT, matched_at=CLAIM_AT),
        trained_on=("people's verdicts of this project",),
        weights=model.weights[:WIDTH].astype("<f2").astype(np.float32),
    )
    classifier = LearnedClassifier(
        detector=detector,
        detector_version=detector_version,
        version=version,
        head=head,
        evidence=tuple(round(float(value), 6) for value in model.weights[WIDTH:]),
        report=report,
    )
    return Lesson(classifier=classifier, is_better=report["difference_99"]["low"] > 0)


class _Rung(NamedTuple):
    """What the rung in use says of the judged traces, and which of them it did not learn from."""

    flagged: NDArray[np.bool_]
    claimed: NDArray[np.bool_]
    compared: NDArray[np.bool_]


def _rung_in_use(
    rows: pl.DataFrame,
    labels: NDArray[np.int64],
    detector: str,
    current: LearnedClassifier | None,
) -> _Rung:
    is_matched = rows["is_matched"].to_numpy() > 0
    flagged = is_matched | (rows["is_ambiguous"].to_numpy() > 0)
    if current is None:
        return _Rung(flagged, is_matched, np.ones(len(labels), dtype=bool))
    chances = current.probabilities(rows["text"], rows)
    until = current.report.get("answered_until") or 0
    fresh = rows["answered_at"].to_numpy() > until
    right, wrong = int(labels[fresh].sum()), int((1 - labels[fresh]).sum())
    if min(right, wrong) < VERDICTS_MIN:
        since = f"{detector}, since version {current.version} was learned"
        raise NotEnoughVerdictsError(since, right, wrong, VERDICTS_MIN)
    return _Rung(flagged, flagged & (chances >= current.head.rung.matched_at), fresh)


def compare(
    labels: NDArray[np.int64],
    chances: NDArray[np.float64],
    in_use: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    seed: int,
) -> dict[str, Any]:
    """Both rungs on the same held-out verdicts, and the bound of their difference.

    ``in_use`` holds what the offline rung flags, beyond which nothing can be claimed, and what
    the rung in use claims.
    """
    flagged, claimed_now = in_use
    wanted = labels == 1
    claimed = flagged & (chances >= CLAIM_AT)
    gains = (claimed == wanted).astype(float) - (claimed_now == wanted).astype(float)
    generator = np.random.default_rng(seed)
    # Both kinds of verdict weigh the same: otherwise claiming nothing would pass for better
    # wherever people reject most flags.
    kinds = (gains[wanted], gains[~wanted])
    draws = [
        kind[generator.integers(0, len(kind), (_RESAMPLES, len(kind)))].mean(axis=1)
        for kind in kinds
    ]
    low, high = np.quantile((draws[0] + draws[1]) / 2, [0.005, 0.995])
    gain = (kinds[0].mean() + kinds[1].mean()) / 2
    return {
        "right": int(wanted.sum()),
        "current": _figures(claimed_now, wanted),
        "learned": _figures(claimed, wanted)
        | {"brier": round(float(np.mean((chances - labels) ** 2)), 4)},
        "difference_99": {
            "balanced_agreement": round(float(gain), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        },
        "folds": FOLDS,
        "seed": seed,
    }


def _figures(claimed: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> dict[str, Any]:
    def share(successes: int, trials: int) -> dict[str, Any]:
        found = proportion(successes, trials)
        figures = {"value": found.value, "low": found.low, "high": found.high}
        return {name: None if x is None else round(x, 4) for name, x in figures.items()}

    hits = int((claimed & wanted).sum())
    return {
        "agreement": round(float((claimed == wanted).mean()), 4),
        "precision": share(hits, int(claimed.sum())),
        "recall": share(hits, int(wanted.sum())),
    }


def _held_out(
    features: sparse.csr_matrix,
    labels: NDArray[np.int64],
    groups: NDArray[np.uint32],
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Margins from folds that saw no trace of the same group; fold numbers."""
    margins, folds = np.zeros(len(labels)), np.zeros(len(labels), dtype=np.int64)
    splits = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (train_rows, test_rows) in enumerate(splits.split(features, labels, groups)):
        folds[test_rows] = number
        if len(np.unique(labels[train_rows])) == 2:
            model = _fitted(features[train_rows], labels[train_rows])
            margins[test_rows] = model.margins(features[test_rows])
    return margins, folds


def _near_copies(rows: pl.DataFrame, detector: str) -> NDArray[np.uint32]:
    """By row a number that traces share whose requests begin alike.

    Not the texts: different requests may be declined in the same words, and one request in many.
    Raises :class:`TooAlikeError` when there are fewer groups than folds.
    """
    asked = rows["request"].fill_null("") if "request" in rows.columns else rows["text"]
    normal = pl.DataFrame({"normal": asked, "trace_id": rows["trace_id"]}).with_columns(
        normalised(pl.col("normal"))
    )
    groups = normal.select(
        group=pl.when(pl.col("normal") == "")
        .then(pl.col("trace_id"))
        # Requests from one template differ in their numbers alone.
        .otherwise(pl.col("normal").str.replace_all(r"\d+", "0").str.head(_GROUP_CHARACTERS))
        .rank("dense")
    )["group"]
    if groups.n_unique() < FOLDS:
        raise TooAlikeError(detector, groups.n_unique(), FOLDS)
    return groups.to_numpy()


def _calibrated_across(
    margins: NDArray[np.float64], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probabilities of each fold by a calibration fitted on the other folds."""
    chances = np.zeros(len(labels))
    for number in np.unique(folds):
        here = folds == number
        if len(np.unique(labels[~here])) < 2:
            chances[here] = labels[~here].mean() if (~here).any() else 0.5
            continue
        slope, intercept = _platt(margins[~here], labels[~here])
        chances[here] = 1.0 / (1.0 + np.exp(-(slope * margins[here] + intercept)))
    return chances


class _Linear(NamedTuple):
    """A fitted model: a weight a column, and the intercept."""

    weights: NDArray[np.float64]
    intercept: float

    def margins(self, features: sparse.csr_matrix) -> NDArray[np.float64]:
        """The signed distance of each row."""
        return np.asarray(features @ self.weights + self.intercept)


def _fitted(features: sparse.csr_matrix, labels: NDArray[np.int64]) -> _Linear:
    """Fitted on the columns that occur: the others, nearly all, weigh nothing anyway."""
    occurring = np.unique(features.indices)
    model = LogisticRegression(
        C=3.0, solver="liblinear", class_weight="balanced", random_state=0, max_iter=1000
    )
    model.fit(features[:, occurring], labels)
    weights = np.zeros(features.shape[1])
    weights[occurring] = model.coef_[0]
    return _Linear(weights, float(model.intercept_[0]))


def _platt(margins: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept of the calibration; a slope below zero means that nothing was learned.

    Held-out margins of noise lean against their labels (a fold's own are missing from its
    training), and a negative slope would turn that into a gain.
    """
    scale = float(np.std(margins)) or 1.0
    model = LogisticRegression(C=10.0, solver="liblinear", random_state=0)
    model.fit((margins / scale)[:, None], labels)
    if model.coef_[0][0] <= 0:
        share = float(labels.mean())
        return 0.0, log(share / (1.0 - share))
    return float(model.coef_[0][0]) / scale, float(model.intercept_[0])
