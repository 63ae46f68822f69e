"""What the tables hold, read from their logs alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from span_store.compaction import is_mergeable
from span_store.datafiles import is_local
from span_store.schema import TABLES

if TYPE_CHECKING:
    from span_store.store import SpanStore

_ARRIVAL = ("received_at", "found_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatistics:
    """One table as its log describes it."""

    table: str
    version: int
    """Commits since the table was made."""
    rows: int
    """Rows on disk, duplicates included."""
    files: int
    small_files: int
    """Files that compaction would merge, if there are enough of them in a day."""
    live_bytes: int
    dead_bytes: int | None
    """Bytes that the vacuum may free; None on an object store, where nobody listed them."""
    oldest: int | None
    """The earliest arrival, nanoseconds since 1970 UTC."""
    newest: int | None


def table_statistics(store: SpanStore, *, target_bytes: int) -> list[TableStatistics]:
    """Every table that somebody wrote."""
    found = []
    for table in TABLES:
        version, files = store.table_log(table).live_files()
        if version < 0:
            continue
        arrival = next((name for name in _ARRIVAL if f"min.{name}" in files.columns), None)
        small = files.filter(is_mergeable(target_bytes))
        live_bytes = int(files["size_bytes"].sum())
        found.append(
            TableStatistics(
                table=table,
                version=version,
                rows=int(files["num_records"].sum()),
                files=files.height,
                small_files=small.height,
                live_bytes=live_bytes,
                dead_bytes=_dead_bytes(store.table_uri(table), live_bytes),
                oldest=files[f"min.{arrival}"].min() if arrival else None,  # type: ignore[arg-type]
                newest=files[f"max.{arrival}"].max() if arrival else None,  # type: ignore[arg-type]
            )
        )
    return found


def damaged_files(store: SpanStore, table: str) -> list[str]:
    """Files of the table that are gone or not as long as they were written, by name.

    Looked for on this machine alone; an object store keeps a file whole or not at all.
    """
    uri = store.table_uri(table)
    _, files = store.table_log(table).live_files()
    if not is_local(uri) or files.is_empty():
        return []
    written = zip(files["name"], files["size_bytes"], strict=True)
    return sorted(name for name, size in written if _size(Path(uri) / name) != size)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _dead_bytes(uri: str, live_bytes: int) -> int | None:
    if not is_local(uri):
        return None
    total = 0
    for path in Path(uri).glob("*.parquet"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return max(0, total - live_bytes)
