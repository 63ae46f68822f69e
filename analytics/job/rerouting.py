"""Evaluated traces that the live queues look at again.

A score may arrive after its trace was evaluated, and a queue may be created after it: traces with
new scores are offered to the live queues again, and a backfill (``--since``, ``--until``) offers
every evaluated trace of its range. Items are added once, so looking twice adds nothing twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from analytics.selection import RANDOM_FLOOR, inclusion_probability
from span_store.schema import TIME_COLUMNS, TRACES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from analytics.selection import SelectionRecord
    from span_store.store import SpanStore


FEW_TRACES = 10_000
"""So many are looked up by their ids."""


class LastRun(NamedTuple):
    """What the newest recorded run looked at; times in ns."""

    watermark: int
    versions: str
    """JSON, by detector."""
    scores_watermark: int
    """Scores received up to here were looked at."""
    as_of: int


def last_run(store: SpanStore, *, project: str) -> LastRun | None:
    """The newest recorded run; None before the first.

    A run that stood for a moment to come saw no more than there was when it began.
    """
    runs = (
        store.scan_raw("runs", project=project)
        .with_columns(seen_until=pl.min_horizontal("as_of", "started_at"))
        .sort("seen_until", "finished_at")
        .tail(1)
        .select("seen_until", "watermark", "versions", "counts", "as_of")
        .collect()
    )
    if runs.is_empty():
        return None
    seen_until, watermark, versions, counts, as_of = runs.row(0)
    known = json.loads(counts or "{}").get("scores_watermark_nanoseconds")
    return LastRun(
        watermark=min(watermark, seen_until),
        versions=versions,
        scores_watermark=seen_until if known is None else known,
        as_of=as_of,
    )


def evaluated_rows(
    store: SpanStore,
    trace_ids: Collection[str],
    conversation_ids: Collection[str] = (),
    *,
    project: str,
) -> pl.DataFrame:
    """The newest evaluated revision of these traces, and of those of these sessions, as stored."""
    ids = set(trace_ids)
    if conversation_ids:
        sessions = pl.LazyFrame({"conversation_id": sorted(conversation_ids)})
        members = store.scan_raw("traces", project=project).join(
            sessions, on="conversation_id", how="semi"
        )
        ids |= set(members.select("trace_id").unique().collect()["trace_id"])
    if not ids:
        return pl.DataFrame(schema=TRACES.polars)
    # Rows are written again under one revision: which came last, only a scan without duplicates
    # knows. Of many traces it reads everything anyway.
    wanted = sorted(ids)
    few = wanted if len(wanted) <= FEW_TRACES else None
    rows = store.scan("traces", project=project, trace_ids=few)
    return (
        rows.join(pl.LazyFrame({"trace_id": wanted}), on="trace_id", how="semi")
        .with_columns(pl.col(*TIME_COLUMNS["traces"]).dt.epoch("ns"))
        .select(pl.col(name).cast(kind) for name, kind in TRACES.polars.items())
        .collect()
        .sort("trace_id", "revision", maintain_order=True)
        .unique("trace_id", keep="last", maintain_order=True)
    )


def routable(rows: pl.DataFrame, u: pl.Series, revisions: pl.DataFrame) -> pl.DataFrame:
    """Stored rows as routing takes them; the random floor has seen them already.

    ``revisions`` are those that items carry, by trace.
    """
    return rows.with_columns(u=u, asks_floor=pl.lit(value=False)).join(
        revisions, on="trace_id", how="left", maintain_order="left"
    )


def with_new_selections(
    rows: pl.DataFrame,
    selections: Mapping[str, Sequence[SelectionRecord]],
    priorities: Mapping[str, float],
    passed_over: Mapping[str, SelectionRecord],
) -> pl.DataFrame:
    """The stored rows whose selections changed, with the new ones merged in.

    ``passed_over`` says of the traces that the random floor looked at what it decided where
    ``selections`` holds no record of it.
    """
    changed = []
    for row in rows.iter_rows(named=True):
        records = {record["rule"]: record for record in json.loads(row["selections"] or "[]")}
        before = dict(records)
        for record in selections.get(row["trace_id"], ()):
            records[record.rule] = _wider(records.get(record.rule), record.as_json())
        floor = passed_over.get(row["trace_id"])
        if floor is not None and records.get(RANDOM_FLOOR, {}).get("p", 0.0) < floor.p:
            records[RANDOM_FLOOR] = _wider(records.get(RANDOM_FLOOR), floor.as_json())
        if records == before:
            continue
        ordered = [records[rule] for rule in sorted(records)]
        known = [p for p in (row["priority"], priorities.get(row["trace_id"])) if p is not None]
        changed.append(
            row
            | {
                "selections": json.dumps(ordered, ensure_ascii=False, separators=(",", ":")),
                "inclusion_probability": inclusion_probability(ordered),
                "priority": max(known) if known else None,
            }
        )
    return pl.DataFrame(changed, schema=TRACES.polars, orient="row")


def _wider(known: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """The decision that counts when a rule looks twice: with one draw, that of the larger chance.

    A trace that was kept stays kept when its queue takes a smaller share later on.
    """
    if known is None or known["salt"] != new["salt"] or known["u"] != new["u"]:
        return new
    return known if known["p"] > new["p"] else new
