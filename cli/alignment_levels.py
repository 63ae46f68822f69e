"""Scores and answers on one level: spans lie in traces, traces in sessions.

A detector decides about a trace, people may have looked at its spans, and the other way round. The
finer side is read as the coarser one's: an object is positive when anything in it is, else the last
value counts. An answer about the object itself outranks answers about its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analytics.alignment.overview import binary_values

if TYPE_CHECKING:
    from collections.abc import Mapping

_ORDER = {"span": 0, "trace": 1, "session": 2}
_SCORED = ["object_type", "object_id", "evaluator_version", "config_hash"]
_ANSWERED = ["object_type", "object_id", "rater", "repeat"]


def at_one_level(
    scores: pl.DataFrame,
    answers: pl.DataFrame,
    sessions: Mapping[str, str],
    positive: str | None,
) -> tuple[pl.DataFrame, pl.DataFrame, str | None]:
    """Scores and answers that can be joined, and a sentence about what was done.

    ``sessions`` gives the conversation of each trace. Answers keep the object they were about in
    ``about_type`` and ``about_id``.
    """
    answers = answers.with_columns(about_type="object_type", about_id="object_id")
    given, asked = set(scores["object_type"]), set(answers["object_type"])
    if not given or not asked:
        return scores, answers, None
    target = next(iter(asked))
    if len(asked) == 1 and all(_ORDER[kind] < _ORDER[target] for kind in given):
        kinds = " and ".join(f"{kind}s" for kind in sorted(given))
        scores = _raised(scores, target, sessions, _SCORED, "evaluator", positive)
        return scores, answers, _told(f"scores of {kinds}", target, positive)
    target = next(iter(given))
    finer = sorted(kind for kind in asked if _ORDER[kind] < _ORDER[target])
    if len(given) == 1 and finer:
        answers = _raised(answers, target, sessions, _ANSWERED, "human", positive)
        kinds = " and ".join(f"{kind}s" for kind in finer)
        return scores, answers, _told(f"answers about {kinds}", target, positive)
    return scores, answers, None


def with_traces(answers: pl.DataFrame, positive: str | None) -> pl.DataFrame:
    """The answers, and those about spans once more as their traces', for evaluators of both."""
    answers = answers.with_columns(about_type="object_type", about_id="object_id")
    spans = answers.filter(pl.col("object_type") == "span")
    if spans.is_empty():
        return answers
    return pl.concat([spans, _raised(answers, "trace", {}, _ANSWERED, "human", positive)])


def _told(what: str, target: str, positive: str | None) -> str:
    rule = "the last counts" if positive is None else f"{positive} when one of them is"
    return f"{what} are read as their {target}s': of several {rule}"


def _raised(
    frame: pl.DataFrame,
    target: str,
    sessions: Mapping[str, str],
    key: list[str],
    value: str,
    positive: str | None,
) -> pl.DataFrame:
    """Rows about parts of a target as rows about the target, one for each key."""
    finer = pl.col("object_type").replace_strict(_ORDER, return_dtype=pl.Int64) < _ORDER[target]
    trace = pl.col("object_id").str.split(":").list.first()
    parent = (
        trace.replace_strict(dict(sessions), default=None, return_dtype=pl.String)
        if target == "session"
        else trace
    )
    moved = finer & parent.is_not_null()
    texts = frame[value].drop_nulls().unique().sort().to_list()
    codes = {} if positive is None else binary_values(texts, positive)
    worst = (
        pl.col(value).replace_strict(codes, default=0, return_dtype=pl.Int64)
        if codes
        else pl.lit(0)
    )
    return (
        frame.with_columns(_direct=~moved, _worst=worst)
        .with_columns(
            object_type=pl.when(moved).then(pl.lit(target)).otherwise("object_type"),
            object_id=pl.when(moved).then(parent).otherwise("object_id"),
        )
        .sort("_direct", "_worst", maintain_order=True)
        .unique(subset=key, keep="last", maintain_order=True)
        .drop("_direct", "_worst")
    )
