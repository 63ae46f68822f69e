"""The tables of one place, opened on first use."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from span_store.scans import TableScan
from span_store.schema import TABLES
from span_store.tablelog import TableLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl
    from deltalake import DeltaTable

    from span_store.selection import Selection


class OpenTables:
    """The Delta tables below one place, and what was found out about them."""

    def __init__(
        self,
        place: str | Path,
        storage_options: dict[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.place = str(place).rstrip("/")
        self.storage_options = storage_options
        self._clock = clock
        self._logs: dict[str, TableLog] = {}
        self._scans: dict[str, TableScan] = {}
        self._calls: dict[tuple[int, Selection], pl.DataFrame] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Open tables stay behind when a store travels to another process."""
        return {
            "place": self.place,
            "storage_options": self.storage_options,
            "_clock": self._clock,
            "_logs": {},
            "_scans": {},
            "_calls": {},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def table_uri(self, table: str) -> str:
        """Where this table lies."""
        return f"{self.place}/{table}"

    def table_log(self, table: str) -> TableLog:
        """The table's log, opened on first use."""
        schema = TABLES[table]
        return self._logs.setdefault(
            table, TableLog(self.table_uri(table), schema, self.storage_options)
        )

    def open_table(self, table: str) -> DeltaTable | None:
        """The Delta table at its newest version; None when nobody wrote it yet."""
        return self.table_log(table).current()

    def last_transaction(self, table: str, application_id: str) -> int | None:
        """The number of the last committed transaction of this application; None for none."""
        delta = self.open_table(table)
        return None if delta is None else delta.transaction_version(application_id)

    def transaction_reader(self, table: str) -> Callable[[str], int | None]:
        """:meth:`last_transaction` of many applications, at the table's version of this moment."""
        delta = self.open_table(table)
        return lambda application_id: (
            None if delta is None else delta.transaction_version(application_id)
        )

    def _table_scan(self, table: str) -> TableScan:
        return self._scans.setdefault(
            table, TableScan(self.table_log(table), TABLES[table], self.storage_options)
        )
