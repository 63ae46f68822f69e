"""The keeper of one table: the right to replace its files, held by one process at a time.

The right is an application transaction of the table itself, so it needs no lock file and works on
an object store: of two processes that replace files at the same time, the second to commit is
refused with :class:`ConcurrentWriterError` and has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltalake._internal import RemoveAction
from deltalake.exceptions import DeltaError

from span_store.datafiles import delete_data_file
from span_store.errors import ConcurrentWriterError, unavailable
from span_store.layout import BY_TRACE, ROW_KEY
from span_store.tablelog import TableLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl
    from deltalake.transaction import AddAction

    from span_store.store import SpanStore

APPLICATION_ID = "spandocket:maintenance"

_ARRIVAL = ("received_at", "found_at")


class Maintenance:
    """One table as its keeper sees it, at the version of the moment of the call."""

    def __init__(self, store: SpanStore, table: str, now: datetime) -> None:
        self.schema = store.table_log(table).schema
        self.storage_options = store.storage_options
        self.now_ms = int(now.timestamp() * 1000)
        # A log of its own: the version it was opened at is what conflicts are measured against.
        self.log = TableLog(store.table_uri(table), self.schema, store.storage_options)
        delta = self.log.current()
        self.exists = delta is not None
        self._number = 0 if delta is None else delta.transaction_version(APPLICATION_ID) or 0

    @property
    def arrival(self) -> str | None:
        """The column that says when a row arrived; None when the table has none."""
        return next((name for name in _ARRIVAL if name in self.schema.names), None)

    @property
    def order(self) -> list[str]:
        """How compacted rows are sorted: a trace's rows side by side."""
        if "trace_id" in self.schema.names and self.schema.name not in BY_TRACE:
            return ["project", "trace_id", ROW_KEY]
        return ["project", ROW_KEY]

    def commit(
        self, added: Sequence[AddAction], removed: pl.DataFrame, *, data_change: bool
    ) -> None:
        """Put files in the place of others, or only take files away.

        Raises :class:`ConcurrentWriterError` when another process maintains the table.
        """
        removals = [
            RemoveAction(name, data_change, self.now_ms, size, {})
            for name, size in removed.select("name", "size_bytes").iter_rows()
        ]
        try:
            self.log.commit([*added, *removals], {APPLICATION_ID: self._number + 1})
        except Exception:
            for action in added:
                delete_data_file(self.log.uri, action.path)
            raise
        self._number += 1
        delta = self.log.opened()
        if delta.transaction_version(APPLICATION_ID) != self._number:
            raise ConcurrentWriterError(self.log.uri, [APPLICATION_ID])

    def vacuum(self, *, grace_hours: int) -> int:
        """Delete files that have not been live for so long, and files of writers that died.

        Readers that started less than ``grace_hours`` ago still find every file. Returns how many
        files were deleted.
        """
        delta = self.log.current()
        if delta is None:
            return 0
        try:
            doomed = delta.vacuum(
                grace_hours, dry_run=True, enforce_retention_duration=False, full=True
            )
            if doomed:
                delta.vacuum(
                    grace_hours, dry_run=False, enforce_retention_duration=False, full=True
                )
        except (DeltaError, OSError) as error:
            raise unavailable(self.log.uri, error) from error
        return len(doomed)
