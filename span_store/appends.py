"""Appending to the tables: whole files, each seen by nobody before its commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import polars as pl

from span_store.datafiles import APPENDED, delete_data_file, write_data_file
from span_store.errors import unavailable
from span_store.open_tables import OpenTables
from span_store.ready_rows import ReadyRows, ready_rows
from span_store.schema import TABLES
from span_store.tablelog import transactions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from deltalake.transaction import AddAction


class Appends(OpenTables):
    """The tables as their writers see them.

    :meth:`append` is all that most need. Its steps stand alone for whoever writes files in several
    processes at once and commits them in order: :meth:`next_version`, :meth:`write`,
    :meth:`commit`, and :meth:`drop` for a file that is not committed after all.
    """

    def append(
        self,
        table: str,
        frame: pl.DataFrame | ReadyRows,
        transaction: tuple[str, int] | Sequence[tuple[str, int]] | None = None,
    ) -> None:
        """Append rows in one atomic commit, durable when this returns.

        ``frame`` holds every column of the table with its physical type (times as integers), or
        is what :func:`span_store.ready_rows.ready_rows` made of such a frame.
        ``transaction`` is ``(application id, number)``, or several: it is committed with the rows
        and read back by :meth:`last_transaction`, so that a writer that died knows where to go on.
        Raises :class:`StoreUnavailableError` when the place cannot be written, and
        :class:`ConcurrentWriterError` when another process commits under the same application id.
        """
        ready = frame if isinstance(frame, ReadyRows) else ready_rows(table, frame)
        self.commit(table, [self.write(table, ready, self.next_version(table))], transaction)

    def append_parts(self, table: str, parts: Iterable[pl.DataFrame]) -> None:
        """Append many rows in one atomic commit, a file a part, as :meth:`append` does.

        No two parts hold the same key. Each is made ready while the one before it is written.
        """
        version = self.next_version(table)
        writings: list[Future[AddAction]] = []
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:
                for part in parts:
                    ready = ready_rows(table, part)
                    wait(writings)
                    writings.append(writer.submit(self.write, table, ready, version))
            files = [writing.result() for writing in writings]
        except Exception:
            for writing in writings:
                if writing.exception() is None:
                    self.drop(table, writing.result())
            raise
        self.commit(table, files)

    def next_version(self, table: str) -> int:
        """What rows that are written now are marked with; the table is created where needed.

        It says which of equal rows came first (see :mod:`span_store.duplicates`). A mark must never
        be above the version of the table that its file is committed as.
        """
        return self.table_log(table).create().version() + 1

    def write(self, table: str, ready: ReadyRows, version: int) -> AddAction:
        """Write a new file with these rows, durably; the action that adds it to the table."""
        uri = self.table_uri(table)
        try:
            return write_data_file(
                uri,
                ready.at_version(version),
                TABLES[table],
                encoding=APPENDED,
                statistics=ready.statistics,
                written_at_ms=int(self._clock() * 1000),
                storage_options=self.storage_options,
            )
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unavailable(uri, error) from error

    def commit(
        self,
        table: str,
        files: Sequence[AddAction],
        transaction: tuple[str, int] | Sequence[tuple[str, int]] | None = None,
    ) -> None:
        """Make written files part of the table at once; they are gone when that fails."""
        try:
            self.table_log(table).commit(files, transactions_of(transaction))
        except Exception:
            for file in files:
                self.drop(table, file)
            raise

    def drop(self, table: str, file: AddAction) -> None:
        """Delete a written file that no commit names."""
        delete_data_file(self.table_uri(table), file.path)
