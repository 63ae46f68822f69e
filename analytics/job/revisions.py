"""Revisions of traces: which evaluations a newer detector outdates, and which changes matter.

A trace is evaluated again when its spans changed or when a detector exists that did not look at
it in its present version. Both make a new revision; items re-enter their queues only when the
trace itself changed materially.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from span_store.store import SpanStore

MATERIAL_COLUMNS = ("model_call_count", "tool_call_count", "error_count", "finish_reason")


def material() -> pl.Expr:
    """The facts whose change makes a reviewed trace worth a second look."""
    return pl.concat_str(
        pl.col("model_call_count", "tool_call_count", "error_count").cast(pl.String),
        pl.col("finish_reason").fill_null("-"),
        separator="|",
    )


def material_revisions(store: SpanStore, traces: pl.DataFrame, *, project: str) -> pl.DataFrame:
    """``trace_id, item_revision, item_change``: when each trace last changed materially, and how.

    ``traces`` holds ``trace_id``, ``revision`` and :data:`MATERIAL_COLUMNS` of revisions that may
    not be stored yet. Items carry the revision, so that however often a trace is evaluated again,
    a completed item comes back for a material change alone. The change is in words, and null in
    the first revision.
    """
    first = traces.filter(pl.col("revision") == 1).select(
        "trace_id", item_revision="revision", item_change=pl.lit(None, pl.String)
    )
    columns = ("trace_id", "revision", *MATERIAL_COLUMNS)
    own = traces.filter(pl.col("revision") > 1).select(columns)
    if own.is_empty():
        return first
    stored = (
        store.scan_raw("traces", project=project)
        .select(columns)
        .join(own.lazy().select("trace_id"), on="trace_id", how="semi")
        .collect()
    )
    facts = material()
    is_other = facts != facts.shift().over("trace_id")
    again = (
        # A stored row of this very revision says the same: a run that died wrote it.
        pl.concat([stored, own])
        .unique(["trace_id", "revision"], keep="last")
        .sort("trace_id", "revision")
        .with_columns(item_change=_change())
        .filter(is_other.fill_null(value=True))
        .unique("trace_id", keep="last", maintain_order=True)
        .select("trace_id", "item_change", item_revision="revision")
    )
    return pl.concat([first, again.select(first.columns)])


_WORDS = dict(zip(MATERIAL_COLUMNS, ("model calls", "tool calls", "errors", "ending"), strict=True))


def _change() -> pl.Expr:
    """What differs from the revision before, of rows in order of revision; null in the first."""
    parts = []
    for name, words in _WORDS.items():
        now, then = (
            column.cast(pl.String).fill_null("unknown")
            for column in (pl.col(name), pl.col(name).shift().over("trace_id"))
        )
        parts.append(pl.when(now != then).then(pl.format("{} {} to {}", pl.lit(words), then, now)))
    is_first = pl.int_range(pl.len()).over("trace_id") == 0
    return pl.when(~is_first).then(pl.concat_str(parts, separator=", ", ignore_nulls=True))


def is_outdated(recorded: str | None, versions: Mapping[str, str]) -> bool:
    """Whether a run's versions (JSON) lack one of these detectors in its present version."""
    known = json.loads(recorded or "{}")
    return any(known.get(name) != version for name, version in versions.items())


def outdated_evaluations(
    store: SpanStore, previous: pl.DataFrame, *, project: str, versions: Mapping[str, str]
) -> pl.Series:
    """The ids among ``previous`` that some detector did not look at in its present version.

    ``previous`` holds ``trace_id``, ``revision`` and ``evaluated_at`` of the newest evaluations.
    The runs say which versions were at work when; only for moments they leave open (a run that
    died before it was recorded, two runs of one moment) the traces' own decisions are read.
    """
    runs = store.scan_raw("runs", project=project).select("as_of", "versions").collect()
    by_moment: dict[int, set[bool]] = {}
    for moment, recorded in runs.unique().iter_rows():
        by_moment.setdefault(moment, set()).add(is_outdated(recorded, versions))
    if by_moment and not any(True in answers for answers in by_moment.values()):
        return pl.Series("trace_id", [], dtype=pl.String)
    outdated = [moment for moment, answers in by_moment.items() if answers == {True}]
    settled = [moment for moment, answers in by_moment.items() if len(answers) == 1]
    certain = previous.filter(pl.col("evaluated_at").is_in(outdated))["trace_id"]
    unsure = previous.filter(~pl.col("evaluated_at").is_in(settled))
    if unsure.is_empty():
        return certain
    return pl.concat([certain, _by_decisions(store, unsure, project=project, versions=versions)])


def _by_decisions(
    store: SpanStore, unsure: pl.DataFrame, *, project: str, versions: Mapping[str, str]
) -> pl.Series:
    """Those whose own decisions lack a present version; few texts occur, each is read once."""
    keys = ["trace_id", "revision"]
    decided = (
        store.scan_raw("traces", project=project)
        .select(*keys, "decisions")
        .join(unsure.lazy().select(keys), on=keys, how="semi")
        .collect()
        .unique(keys, keep="last", maintain_order=True)
    )
    old = [
        text
        for text in decided["decisions"].unique()
        if is_outdated(
            json.dumps({name: one["version"] for name, one in json.loads(text or "{}").items()}),
            versions,
        )
    ]
    return decided.filter(pl.col("decisions").is_in(old))["trace_id"]
