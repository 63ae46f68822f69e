"""The data card: what the shipped heads are, learned from, reach, and must not be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.text.corpora import CORPORA
from analytics.text.measures import quality
from analytics.text.ngrams import RUN_BITS, WORD_BITS
from analytics.text.scoring import probabilities
from analytics.text.training import (
    AMBIGUOUS_FALSE_POSITIVES,
    FOLDS,
    MATCHED_FALSE_POSITIVES,
    MATCHED_PRECISION,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from analytics.text.head import LinearHead
    from analytics.text.measures import Quality
    from analytics.text.recipes import Recipe
    from analytics.text.training import Training

_INTRODUCTION = f"""# The shipped text classifiers

Written by `python -m analytics.text.train --data DIR --seed SEED`; do not edit by hand.
Each head is a logistic regression over hashed n-grams (words 1-2 in 2^{WORD_BITS} buckets, runs of
3-5 bytes in 2^{RUN_BITS} buckets, present or not, rows of length one) and a few rule counts.
A file holds float16 weights and JSON, about 0.2 MB, and runs no code when it is loaded.
No training text is shipped: buckets are hashes, so explicit words do not stand in the files either.

Probabilities are calibrated (Platt) on held-out folds, at the share of positives in the training
data: on traffic where positives are rare they are too high, which is why thresholds and not
probabilities decide. Thresholds come from {FOLDS}-fold cross-validation in which copies and
variants of one text (same community or beginning, same request) stay in one fold:
`matched` from the lowest probability with precision >= {MATCHED_PRECISION} and at most
{MATCHED_FALSE_POSITIVES:.1%} of the negatives;
`ambiguous` from where {AMBIGUOUS_FALSE_POSITIVES:.0%} of the negatives pass.
The data sets lie outside the repository; a folder of them is given with `--data`.
"""

_HEADER = (
    "| set | n | positives | threshold | precision | recall | false positives | PR-AUC |\n"
    "|---|---|---|---|---|---|---|---|"
)


def card(trained: Sequence[tuple[Recipe, Training, pl.DataFrame, pl.DataFrame]], seed: int) -> str:
    """The whole document: each head with its training texts and the sets it never saw."""
    parts = [_INTRODUCTION, f"Seed of the shipped heads: {seed}.\n"]
    parts.extend(_section(*entry, seed) for entry in trained)
    parts.append(_licences())
    return "\n".join(parts)


def _section(
    recipe: Recipe, training: Training, learned: pl.DataFrame, unseen: pl.DataFrame, seed: int
) -> str:
    head = training.head
    counts = learned.group_by("corpus", maintain_order=True).agg(
        pl.len(), pl.col("label").sum().alias("positives")
    )
    lines = [
        f"## {head.name} (version {head.version})\n",
        f"{recipe.question} {recipe.limits}\n",
        "Learned from "
        + "; ".join(f"{row[0]} ({row[1]} texts, {row[2]} positive)" for row in counts.iter_rows())
        + f". Thresholds: ambiguous {head.rung.ambiguous_at}, matched {head.rung.matched_at}.\n",
        _HEADER,
    ]
    labels = learned["label"].to_numpy().astype(np.int64)
    lines.extend(
        _rows(f"cross-validation, {FOLDS} grouped folds", labels, training.held_out, head, seed)
    )
    for name, labels, scores in unseen_scores(head, unseen):
        lines.extend(_rows(name, labels, scores, head, seed))
    return "\n".join(lines) + "\n"


def unseen_scores(
    head: LinearHead, unseen: pl.DataFrame
) -> Iterable[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Name, labels and probabilities of each part of each set that the head never saw."""
    scored = unseen.with_columns(probability=probabilities(head, unseen["text"]))
    for (corpus, part), rows in scored.group_by("corpus", "part", maintain_order=True):
        labels = rows["label"].to_numpy().astype(np.int64)
        yield f"{corpus}: {part}", labels, rows["probability"].to_numpy()


def _rows(
    name: str,
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    head: LinearHead,
    seed: int,
) -> list[str]:
    return [
        row(name, threshold, quality(labels, scores, value, seed))
        for threshold, value in (
            ("matched", head.rung.matched_at),
            ("ambiguous", head.rung.ambiguous_at),
        )
    ]


def row(name: str, threshold: str, measured: Quality) -> str:
    """One line of a table of measurements."""
    return (
        f"| {name} | {measured.n} | {measured.positives} | {threshold} | {measured.precision} "
        f"| {measured.recall} | {measured.false_positive_rate} | {measured.pr_auc} |"
    )


def _licences() -> str:
    lines = [
        "## Data sets\n",
        "| set | licence | trains a shipped head | what the labels are |",
        "|---|---|---|---|",
    ]
    lines.extend(
        f"| {corpus.name} | {corpus.licence} | {'yes' if corpus.trains else 'no, measured only'} "
        f"| {corpus.note} |"
        for corpus in CORPORA.values()
    )
    lines.append(
        "\nAnswers of Gemma, Llama, Qwen, Mistral and OpenAI models are used for measuring alone: "
        "their owners' terms restrict what may be trained on outputs (Qwen-1.8B's licence is for "
        "research), and the answers of one model under Apache-2.0 proved enough."
    )
    return "\n".join(lines) + "\n"
