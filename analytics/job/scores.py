"""Trace facts as filters see them: evaluator scores and detector decisions beside the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from span_store.schema import TIME_COLUMNS
from span_store.score_order import oldest_first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from span_store.store import SpanStore


_SHOWN = ("evaluator", "score", "label", "source", "time", "received_at")
_READ = ("object_type", "object_id", "trace_id", "error_type", *_SHOWN)


def scores_until(
    store: SpanStore, own: pl.DataFrame | None = None, *, project: str, as_of_ns: int
) -> pl.DataFrame:
    """The newest score a trace and evaluator: of the trace itself before that of its spans.

    A score of a session that names no trace has ``conversation_id`` in place of ``trace_id``, and
    stands for all traces of the session. ``own`` holds rows of ``evaluations`` that this run makes
    and has not written yet.
    """
    stored = store.scan("evaluations", project=project).with_columns(
        pl.col("received_at", "time").dt.epoch("ns")
    )
    parts = [stored.select(_READ)]
    if own is not None:
        parts.append(own.lazy().select(_READ))
    of_session = pl.col("object_type") == "session"
    return (
        pl.concat(parts)
        .filter(pl.col("received_at") <= as_of_ns, pl.col("error_type").is_null())
        .with_columns(
            trace_id=pl.when(pl.col("object_type") == "trace")
            .then("object_id")
            # A score of a session may name the trace that brought it: it counts for that one.
            .when(of_session)
            .then("trace_id")
            .otherwise(pl.coalesce("trace_id", pl.col("object_id").str.slice(0, 32))),
            conversation_id=pl.when(of_session & pl.col("trace_id").is_null()).then("object_id"),
            of_trace=pl.col("object_type") == "trace",
        )
        .filter(pl.col("trace_id").is_not_null() | pl.col("conversation_id").is_not_null())
        .select("trace_id", "conversation_id", *_SHOWN, "of_trace")
        .sort("of_trace", *oldest_first())
        .unique(["trace_id", "conversation_id", "evaluator"], keep="last", maintain_order=True)
        .collect()
    )


def of_sessions(scores: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The scores of the sessions of these traces, one row for each of the traces."""
    return (
        facts.select("trace_id", "conversation_id")
        .join(scores.drop("trace_id"), on="conversation_id", how="inner")
        .select(scores.columns)
    )


def with_scores(facts: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Add ``scored_by``, ``score:EVALUATOR`` and ``label:EVALUATOR``.

    Where an evaluator scored a trace more than once, the first of ``scores`` counts.
    """
    own = scores.join(facts.select("trace_id"), on="trace_id", how="semi").unique(
        ["trace_id", "evaluator"], keep="first", maintain_order=True
    )
    scored_by = own.group_by("trace_id").agg(scored_by=pl.col("evaluator").sort())
    wide = facts.join(scored_by, on="trace_id", how="left", maintain_order="left").with_columns(
        pl.col("scored_by").fill_null(pl.lit([], dtype=pl.List(pl.String)))
    )
    for evaluator in own["evaluator"].unique().sort().to_list():
        of_one = own.filter(pl.col("evaluator") == evaluator).select(
            "trace_id",
            pl.col("score").alias(f"score:{evaluator}"),
            pl.col("label").alias(f"label:{evaluator}"),
        )
        wide = wide.join(of_one, on="trace_id", how="left", maintain_order="left")
    return wide


def with_decisions(facts: pl.DataFrame, detectors: Iterable[str]) -> pl.DataFrame:
    """Add ``decision:DETECTOR`` for each of these detectors."""
    return facts.with_columns(
        pl.col("decisions")
        .str.json_path_match(f"$.{detector}.decision")
        .alias(f"decision:{detector}")
        for detector in detectors
    )


def as_facts(trace_rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the ``traces`` table with times as filters write them."""
    return trace_rows.with_columns(
        pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC")
        for name in TIME_COLUMNS["traces"]
    )
