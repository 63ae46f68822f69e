"""Retention: what is too old, or too much, leaves the tables; what people work on stays.

A trace leaves as a whole: its rows stay while any of its spans is younger than the cutoff, or while
the caller protects it (a queue item refers to it). Files that hold nothing else are dropped from
the log without being read again; files that hold both are written anew. The vacuum frees the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from span_store.datafiles import COMPACTED, write_data_file
from span_store.errors import unavailable
from span_store.files import read_files
from span_store.layout import physical_schema
from span_store.maintenance import Maintenance

if TYPE_CHECKING:
    from datetime import datetime

    from deltalake.transaction import AddAction

    from span_store.store import SpanStore

RETAINED_TABLES = ("spans", "contents", "evaluations", "traces", "findings")
"""The tables with rows of traces; baselines and runs are small and stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """What must stay whatever its age."""

    trace_ids: frozenset[str] = field(default_factory=frozenset)
    conversation_ids: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionReport:
    """What retention took from one table."""

    table: str
    rows_removed: int
    files_removed: int
    files_rewritten: int
    bytes_released: int
    """Bytes that the vacuum will free, less those of the files that hold what stays.

    Of a dry run an estimate; below zero where small files took less as they were.
    """


def retain(
    store: SpanStore,
    *,
    now: datetime,
    age_seconds: float | None,
    bytes_max: int | None,
    protected: Protected,
    dry_run: bool = False,
) -> list[RetentionReport]:
    """Take away what arrived more than ``age_seconds`` ago, and the oldest above ``bytes_max``.

    None means no limit. With ``dry_run`` nothing changes and the report says what would.
    Raises :class:`ConcurrentWriterError` when another process maintains a table.
    """
    keepers = {table: Maintenance(store, table, now) for table in RETAINED_TABLES}
    files = {table: keeper.log.live_files()[1] for table, keeper in keepers.items()}
    cutoff = _cutoff(now, age_seconds, bytes_max, keepers, files)
    if cutoff is None:
        return []
    try:
        kept = protected.trace_ids | _traces_going_on(keepers["spans"], files["spans"], cutoff)
        everywhere = Protected(
            trace_ids=frozenset(kept), conversation_ids=protected.conversation_ids
        )
        return [
            _retain_table(keepers[table], files[table], cutoff, everywhere, dry_run=dry_run)
            for table in RETAINED_TABLES
            if not files[table].is_empty()
        ]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unavailable(store.place, error) from error


def _cutoff(
    now: datetime,
    age_seconds: float | None,
    bytes_max: int | None,
    keepers: dict[str, Maintenance],
    files: dict[str, pl.DataFrame],
) -> int | None:
    """The arrival before which rows go, in nanoseconds; None when everything may stay."""
    cutoffs = []
    if age_seconds is not None:
        cutoffs.append(int((now.timestamp() - age_seconds) * 1e9))
    if bytes_max is not None:
        frames = [
            files[table].select("size_bytes", newest=pl.col(f"max.{keeper.arrival}"))
            for table, keeper in keepers.items()
            if f"max.{keeper.arrival}" in files[table].columns
        ]
        if frames:
            newest_first = pl.concat(frames).sort("newest", descending=True, nulls_last=True)
            beyond = newest_first.filter(pl.col("size_bytes").cum_sum() > bytes_max)["newest"]
            if beyond.len():
                cutoffs.append(int(beyond.max() or 0) + 1)  # type: ignore[arg-type]
    return max(cutoffs, default=None)


def _traces_going_on(keeper: Maintenance, files: pl.DataFrame, cutoff: int) -> set[str]:
    """Traces with spans on both sides of the cutoff."""
    if files.is_empty():
        return set()
    spans = read_files(files, keeper.schema, keeper.storage_options)
    old = spans.filter(pl.col("received_at") < cutoff).select("trace_id").unique()
    young = spans.filter(pl.col("received_at") >= cutoff).select("trace_id")
    both = young.join(old, on="trace_id", how="semi").unique()
    return set(both.collect(engine="streaming")["trace_id"])


def _retain_table(
    keeper: Maintenance,
    files: pl.DataFrame,
    cutoff: int,
    kept: Protected,
    *,
    dry_run: bool,
) -> RetentionReport:
    """Take the old rows out of one table, in one commit."""
    arrival = keeper.arrival
    doomed = _is_doomed(keeper, cutoff, kept)
    added: list[AddAction] = []
    replaced: list[pl.DataFrame] = []
    rows_removed = files_removed = released = 0
    for file in files.filter(pl.col(f"min.{arrival}") < cutoff).iter_slices(1):
        rows = read_files(file, keeper.schema, keeper.storage_options)
        going = int(rows.filter(doomed).select(pl.len()).collect().item())
        if not going:
            continue
        rows_removed += going
        replaced.append(file)
        size, count = int(file["size_bytes"][0]), int(file["num_records"][0])
        released += size
        if going == count:
            files_removed += 1
        elif dry_run:
            # What stays is not written: it takes about its share.
            released -= size * (count - going) // count
        else:
            added.append(_write_rest(keeper, rows.filter(~doomed)))
    if replaced and not dry_run:
        keeper.commit(added, pl.concat(replaced), data_change=True)
    return RetentionReport(
        table=keeper.schema.name,
        rows_removed=rows_removed,
        files_removed=files_removed,
        files_rewritten=len(replaced) - files_removed,
        bytes_released=released - sum(action.size for action in added),
    )


def _is_doomed(keeper: Maintenance, cutoff: int, kept: Protected) -> pl.Expr:
    """Whether a row goes; never null."""
    names = keeper.schema.names
    stays = pl.col("trace_id").is_in(list(kept.trace_ids))
    if "conversation_id" in names:
        stays |= pl.col("conversation_id").is_in(list(kept.conversation_ids))
    if "object_id" in names:
        objects = list(kept.trace_ids | kept.conversation_ids)
        stays |= pl.col("object_id").str.split(":").list.first().is_in(objects)
        stays |= pl.col("object_id").is_in(objects)
    old = (pl.col(keeper.arrival or "") < cutoff).fill_null(value=False)
    return old & ~stays.fill_null(value=False)


def _write_rest(keeper: Maintenance, rows: pl.LazyFrame) -> AddAction:
    """Write what stays of a file."""
    rest = rows.select(list(physical_schema(keeper.schema))).collect(engine="streaming")
    return write_data_file(
        keeper.log.uri,
        rest.sort(*keeper.order),
        keeper.schema,
        encoding=COMPACTED,
        written_at_ms=keeper.now_ms,
        storage_options=keeper.storage_options,
    )
