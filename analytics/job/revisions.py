"""Revisions of traces: which evaluations a newer detector outdates, and which changes matter.

A trace is evaluated again when its spans changed or when a detector exists that did not look at
it in its present version. Both make a new revision; items re-enter their queues only when the
trace itself changed materially.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from span_store.store import SpanStore

MATERIAL_COLUMNS = ("model_call_count", "tool_call_count", "error_count", "finish_reason")


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
    own = traces.filter(pl.col("revision") > 1).select("trace_id", "revision", *MATERIAL_COLUMNS)
    if own.is_empty():
        return first
    facts = ("number", "revision", *MATERIAL_COLUMNS)
    numbered = own.with_row_index("number")
    stored = (
        store.scan_raw("traces", project=project)
        .select("trace_id", "revision", *MATERIAL_COLUMNS)
        .join(numbered.lazy().select("trace_id", "number"), on="trace_id")
        .select(facts)
        .collect()
    )
    rows = _by_revision(pl.concat([stored, numbered.select(facts)]))
    trace = rows["number"].to_numpy()
    is_first = np.append([True], trace[1:] != trace[:-1])
    is_other = is_first.copy()
    for name in MATERIAL_COLUMNS:
        is_other[1:] |= rows[name][1:].ne_missing(rows[name][:-1]).to_numpy()
    others = np.flatnonzero(is_other)
    newest = others[np.append(trace[others[1:]] != trace[others[:-1]], [True])]
    again = pl.DataFrame(
        {
            "trace_id": own["trace_id"],
            "item_revision": rows["revision"].gather(newest),
            "item_change": _changes(rows, newest, is_first[newest]),
        }
    )
    return pl.concat([first, again])


def _by_revision(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a trace and revision, the last one given: a run that died may have written others."""
    order = np.lexsort((rows["revision"].to_numpy(), rows["number"].to_numpy()))
    rows = rows[order]
    number, revision = rows["number"].to_numpy(), rows["revision"].to_numpy()
    is_last = np.append((number[1:] != number[:-1]) | (revision[1:] != revision[:-1]), [True])
    return rows if is_last.all() else rows.filter(pl.Series(is_last))


_WORDS = dict(zip(MATERIAL_COLUMNS, ("model calls", "tool calls", "errors", "ending"), strict=True))


def _changes(
    rows: pl.DataFrame, places: NDArray[np.intp], is_first: NDArray[np.bool_]
) -> pl.Series:
    """What differs in the rows at these places from those before; null in a first revision."""
    changed = places[~is_first]
    now, then = rows[changed], rows[changed - 1].select(pl.all().name.prefix("old_"))
    parts = [_told(*each) for each in _WORDS.items()]
    told = pl.concat_str(parts, separator=", ", ignore_nulls=True)
    texts = pl.concat([now, then], how="horizontal").select(change=told)["change"]
    return pl.Series([None] * places.size, dtype=pl.String).scatter(
        np.flatnonzero(~is_first), texts
    )


def _told(name: str, words: str) -> pl.Expr:
    """How a fact changed from ``old_NAME``; null where it did not."""
    then, now = (
        pl.col(fact).cast(pl.String).fill_null("unknown") for fact in (f"old_{name}", name)
    )
    return pl.when(now != then).then(pl.format("{} {} to {}", pl.lit(words), then, now))


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
