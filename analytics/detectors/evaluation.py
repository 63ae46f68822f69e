"""Running every detector over one chunk: failures contained, suppression applied."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING

import orjson
import polars as pl

from analytics.detectors.catalog import CATALOG
from analytics.detectors.decision import DECISIONS, Decision, skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.detectors.catalog import Detector
    from analytics.detectors.context import DetectorContext
    from analytics.learning.rung import LearnedRung

FOUND = pl.Schema({**DECISIONS, "detector": pl.String(), "detector_version": pl.String()})
"""Decisions other than ``no_match``, with the detector that made them."""

_BUILT_IN = frozenset(entry.id for entry in CATALOG)
_OWN_DETECTORS = Lock()
"""Chunks are looked at in several threads; one's own detectors need not know about that."""

NO_REASON = "no reason given"
"""What a skip of one's own detector is recorded with when it gives none."""

_RANK = {Decision.MATCHED: 0, Decision.AMBIGUOUS: 1, Decision.SKIPPED: 2, Decision.NO_MATCH: 3}


def evaluate(
    context: DetectorContext, detectors: Sequence[Detector], learned: LearnedRung | None = None
) -> pl.DataFrame:
    """Every decision of every detector that is not ``no_match``, at most one a trace.

    ``learned`` decides again before one detector explains away what another flags: what people
    would not confirm explains nothing.
    """
    answers = [_answer(context, detector) for detector in detectors]
    found = pl.concat([pl.DataFrame(schema=FOUND), *answers])
    if learned is not None:
        found = learned.apply(found, context)
    return suppress(found).sort("trace_id", "detector")


def _answer(context: DetectorContext, detector: Detector) -> pl.DataFrame:
    try:
        with nullcontext() if detector.id in _BUILT_IN else _OWN_DETECTORS:
            given: object = detector.decide(context)
        if not isinstance(given, pl.DataFrame):
            told = type(given).__name__
            raise TypeError(f"it answers {told}, not a data frame of decisions")  # noqa: TRY301
        answer = given.select(pl.col(name).cast(kind) for name, kind in DECISIONS.items())
        if detector.id not in _BUILT_IN:
            _check(answer)
            known = context.traces.select("trace_id")
            answer = _with_skip_reasons(answer).join(known, on="trace_id", how="semi")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # A panic of Polars is no Exception, either.
        # One detector's failure never fails another.
        answer = skipped(context.trace_ids, f"failed: {type(error).__name__}: {error}")
    if answer.is_empty():
        return pl.DataFrame(schema=FOUND)
    return (
        answer.filter(pl.col("decision") != Decision.NO_MATCH.value)
        .with_columns(
            detector=pl.lit(detector.id),
            detector_version=pl.lit(detector.version),
            rank=pl.col("decision").replace_strict(
                {kind.value: rank for kind, rank in _RANK.items()}, return_dtype=pl.Int8
            ),
        )
        .sort("trace_id", "rank", maintain_order=True)
        .unique(subset="trace_id", keep="first", maintain_order=True)
        .select(list(FOUND))
    )


def _check(answer: pl.DataFrame) -> None:
    """Raise for an answer that routing cannot use: it would fail the run, not the detector."""
    decisions = answer["decision"]
    if decisions.null_count() or not decisions.is_in([kind.value for kind in Decision]).all():
        strange = sorted(
            {str(one) for one in decisions.unique()} - {kind.value for kind in Decision}
        )
        raise ValueError(f"decision {', '.join(strange)} is none of {', '.join(Decision)}")
    for name in ("severity", "confidence"):
        given = answer[name].drop_nulls()
        if not given.is_between(0.0, 1.0).all():
            raise ValueError(f"{name} lies between 0 and 1")
    flags = answer.filter(pl.col("decision").is_in([Decision.MATCHED, Decision.AMBIGUOUS]))
    for name in ("severity", "confidence", "reason"):
        if flags[name].null_count():
            raise ValueError(f"what it flags needs a {name}")
    for text in answer["evidence"].drop_nulls():
        if not _is_evidence(text):
            raise ValueError("evidence is JSON text: a list of objects")


def _with_skip_reasons(answer: pl.DataFrame) -> pl.DataFrame:
    """Every skip with a reason, if only that it was not told: no decision is recorded without."""
    reason = pl.col("skip_reason")
    is_told = reason.str.strip_chars().str.len_bytes() > 0
    is_skip = pl.col("decision") == Decision.SKIPPED.value
    untold = is_skip & ~is_told.fill_null(value=False)
    return answer.with_columns(
        skip_reason=pl.when(untold).then(pl.lit(NO_REASON)).otherwise(reason)
    )


def _is_evidence(text: str) -> bool:
    try:
        # Stricter than the standard library: what it takes, every page and database takes.
        pieces = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(pieces, list) and all(isinstance(piece, dict) for piece in pieces)


def suppress(found: pl.DataFrame) -> pl.DataFrame:
    """Turn a match into a skip where a detector that explains it matched the same trace.

    Only a match suppresses; an ambiguity does not.
    """
    matched = found.filter(pl.col("decision") == Decision.MATCHED.value)
    for entry in CATALOG:
        if not entry.suppressed_by:
            continue
        by_trace = (
            matched.filter(pl.col("detector").is_in(entry.suppressed_by))
            .group_by("trace_id")
            .agg(suppressor=pl.col("detector").min())
        )
        if by_trace.is_empty():
            continue
        found = found.join(by_trace, on="trace_id", how="left", maintain_order="left")
        hit = (
            (pl.col("detector") == entry.id)
            & pl.col("suppressor").is_not_null()
            & pl.col("decision").is_in([Decision.MATCHED.value, Decision.AMBIGUOUS.value])
        )
        found = found.with_columns(
            decision=pl.when(hit).then(pl.lit(Decision.SKIPPED.value)).otherwise("decision"),
            skip_reason=pl.when(hit)
            .then(pl.concat_str(pl.lit("suppressed_by:"), "suppressor"))
            .otherwise("skip_reason"),
        ).drop("suppressor")
    return found
