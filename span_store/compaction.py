"""Compaction: many small files become few sorted ones, and losing duplicates disappear.

What scans return does not change. Files are merged with their neighbours in time and never across
a day, so that windows of arrival and retention still find whole files to skip or to drop. Each
group of files is one commit of its own: a process that dies has finished the groups before.
Writers and readers go on meanwhile: appends never conflict, and readers keep the old files until
the vacuum removes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from span_store.datafiles import APPENDED, COMPACTED, write_data_file
from span_store.duplicates import find_doubles, repeated, without_doubles
from span_store.errors import unavailable
from span_store.files import read_files
from span_store.layout import ROW_KEY, physical_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from span_store.maintenance import Maintenance

SMALL_FRACTION = 0.25
"""A compacted file below this part of the target size is small.

A full group of appended files takes about half of its size once it is merged.
"""

_FULL_FRACTION = 0.9
"""A group from this part of the target size on is full."""

_DAY = 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionReport:
    """What one compaction of a table did."""

    table: str
    files_before: int = 0
    """Files that were merged, not all of the table's."""
    files_after: int = 0
    rows_before: int = 0
    rows_after: int = 0
    """Fewer than before by the duplicates that were dropped."""
    bytes_before: int = 0
    bytes_after: int = 0


def plan(
    files: pl.DataFrame, *, target_bytes: int, files_min: int, arrival: str | None
) -> list[pl.DataFrame]:
    """Groups of neighbouring files worth merging, oldest first.

    Merged are small files, and appended ones whatever their size, because they are neither sorted
    nor compressed well. A group is worth it when it is full, as it is after seconds where much
    arrives, or when ``files_min`` have come together. ``arrival`` is the column whose statistics
    order files in time; without one, files are ordered by when they were written.
    """
    if files.is_empty():
        return []
    moment = pl.col("modification_time") * 1_000_000
    if arrival is not None and f"min.{arrival}" in files.columns:
        moment = pl.coalesce(pl.col(f"min.{arrival}"), moment)
    small = (
        files.filter(is_mergeable(target_bytes))
        .with_columns(moment=moment, day=moment // _DAY)
        .sort("moment", "name")
    )
    groups: list[pl.DataFrame] = []
    for day in small.partition_by("day", maintain_order=True):
        bin_number = (pl.col("size_bytes").cum_sum() - pl.col("size_bytes")) // target_bytes
        groups.extend(day.with_columns(bin=bin_number).partition_by("bin", maintain_order=True))
    return [group for group in groups if _is_worth_it(group, target_bytes, files_min)]


def is_mergeable(target_bytes: int) -> pl.Expr:
    """Files that compaction would merge, if enough of them come together."""
    is_appended = pl.col("name").str.contains(f".{APPENDED.compression}.", literal=True)
    return is_appended | (pl.col("size_bytes") < target_bytes * SMALL_FRACTION)


def _is_worth_it(group: pl.DataFrame, target_bytes: int, files_min: int) -> bool:
    # The last file of a full group may have been given to it or to the next one.
    is_full = int(group["size_bytes"].sum()) >= target_bytes * _FULL_FRACTION
    return is_full or group.height >= files_min


def compact(
    maintenance: Maintenance,
    *,
    target_bytes: int,
    files_min: int,
    groups_max: int | None = None,
    goes_on: Callable[[], bool] | None = None,
) -> CompactionReport:
    """Merge the small files of one table; stop early after ``groups_max`` groups.

    ``goes_on`` is asked before each group whether to merge it as well.
    """
    _, files = maintenance.log.live_files()
    groups = plan(
        files, target_bytes=target_bytes, files_min=files_min, arrival=maintenance.arrival
    )
    rows_after = bytes_after = files_after = 0
    for group in groups[:groups_max]:
        if goes_on is not None and not goes_on():
            break
        rows, size = _merge(maintenance, group)
        rows_after += rows
        bytes_after += size
        files_after += 1
    merged = pl.concat(groups[:files_after]) if files_after else files.clear()
    return CompactionReport(
        table=maintenance.schema.name,
        files_before=merged.height,
        files_after=files_after,
        rows_before=int(merged["num_records"].sum()) if merged.height else 0,
        rows_after=rows_after,
        bytes_before=int(merged["size_bytes"].sum()) if merged.height else 0,
        bytes_after=bytes_after,
    )


def _merge(maintenance: Maintenance, group: pl.DataFrame) -> tuple[int, int]:
    """Replace these files by one; its rows and bytes."""
    schema = maintenance.schema
    try:
        rows = read_files(group, schema, maintenance.storage_options)
        suspects = repeated(rows.select(ROW_KEY).collect()[ROW_KEY])
        if not suspects.is_empty():
            rows = without_doubles(rows, find_doubles(rows, suspects, schema), schema)
        ordered = rows.select(list(physical_schema(schema))).collect(engine="streaming")
        ordered = ordered.sort(*maintenance.order)
        added = write_data_file(
            maintenance.log.uri,
            ordered,
            schema,
            encoding=COMPACTED,
            written_at_ms=maintenance.now_ms,
            storage_options=maintenance.storage_options,
            data_change=False,
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unavailable(maintenance.log.uri, error) from error
    maintenance.commit([added], group, data_change=False)
    return ordered.height, added.size
