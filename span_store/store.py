"""The tables as one object: append with an application transaction, scan as lazy frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from span_store.duplicates import without_duplicates
from span_store.errors import StoreUnavailableError
from span_store.filters import compile_filter
from span_store.schema import TABLES, TIME_COLUMNS, TableSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WRITER = WriterProperties(compression="ZSTD", compression_level=1)


class SpanStore:
    """The Delta tables below one place: a folder or an object-store URL.

    Scans return lazy frames with the columns of :mod:`span_store.schema`, times as
    ``Datetime("ns", "UTC")``, duplicates removed. A table that nobody wrote yet scans as empty.
    """

    def __init__(self, place: str | Path, storage_options: dict[str, str] | None = None) -> None:
        self.place = str(place).rstrip("/")
        self.storage_options = storage_options

    def table_uri(self, table: str) -> str:
        """Where this table lies."""
        return f"{self.place}/{table}"

    def open_table(self, table: str) -> DeltaTable | None:
        """The Delta table at its newest version; None when nobody wrote it yet."""
        try:
            return DeltaTable(self.table_uri(table), storage_options=self.storage_options)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise StoreUnavailableError(self.table_uri(table), str(error)) from error

    def append(
        self,
        table: str,
        frame: pl.DataFrame,
        transaction: tuple[str, int] | Sequence[tuple[str, int]] | None = None,
    ) -> None:
        """Append rows in one atomic commit.

        ``frame`` holds every column of the table with its physical type (times as integers).
        ``transaction`` is ``(application id, number)``, or several of them: they are committed
        with the rows and read back by :meth:`last_transaction`, so that a writer that died knows
        where to go on.
        Raises :class:`StoreUnavailableError` when the place cannot be written.
        """
        schema = TABLES[table]
        rows = frame.select(schema.names).cast(dict(schema.polars))  # type: ignore[arg-type]
        properties = None
        if transaction is not None:
            several = [transaction] if isinstance(transaction, tuple) else transaction
            properties = CommitProperties(
                app_transactions=[Transaction(name, number) for name, number in several]
            )
        try:
            if "://" not in self.place:
                Path(self.place).mkdir(parents=True, exist_ok=True)
            write_deltalake(
                self.table_uri(table),
                rows,
                mode="append",
                storage_options=self.storage_options,
                writer_properties=_WRITER,
                commit_properties=properties,
            )
        except (DeltaError, OSError) as error:
            raise StoreUnavailableError(self.table_uri(table), str(error)) from error

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

    def scan(
        self,
        table: str,
        *,
        project: str | None = None,
        where: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.LazyFrame:
        """The rows of a table, duplicates removed, times as ``Datetime("ns", "UTC")``.

        ``where`` is a SQL boolean expression over the table's columns.
        Raises :class:`UnknownColumnError` and :class:`InvalidFilterError`.
        """
        schema = TABLES[table]
        frame = without_duplicates(self.scan_raw(table, project=project), schema)
        frame = as_times(frame, schema)
        if where is not None:
            frame = frame.filter(compile_filter(where, schema))
        return frame if columns is None else frame.select(columns)

    def scan_raw(self, table: str, *, project: str | None = None) -> pl.LazyFrame:
        """The rows as they lie on disk: duplicates present, times as integers."""
        schema = TABLES[table]
        delta = self.open_table(table)
        if delta is None:
            return pl.LazyFrame(schema=schema.polars)
        frame = pl.scan_delta(delta)
        return frame if project is None else frame.filter(pl.col("project") == project)


def as_times(frame: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
    """Turn integer nanoseconds into ``Datetime("ns", "UTC")``."""
    return frame.with_columns(
        pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC")
        for name in TIME_COLUMNS[schema.name]
    )
