"""Moves what the spool holds into the tables, exactly once."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otlp_receiver.attempts import Attempts
from otlp_receiver.batches import Batches
from otlp_receiver.decoding import LOADED_TABLES
from otlp_receiver.load_mark import read_mark, write_mark
from otlp_receiver.load_worker import BatchOrder, item_id
from otlp_receiver.quarantine import Quarantine
from otlp_receiver.spool_folder import delete_finished, spool_identity, sync_folder
from otlp_receiver.spool_reader import SpoolPosition
from span_store.errors import SpanStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_receiver.load_worker import Extent, LoadWorker, LocalWorker, Understood

_LARGE_IN_A_ROW = 4
"""Batches, about half a second each: a shorter rush is over before another worker could help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What one step did."""

    last_number: int
    records: int
    body_bytes: int
    received_at: int
    """When the newest record of the step was received."""
    rows: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    decoded_slowly: int = 0


class Loader:
    """Reads the spool in order and appends to the tables with the application transaction.

    Each table remembers the number of the last record that it holds, in the same commit as the
    rows. After a crash the tables may stand at different numbers: a step never crosses one of
    them, and a table takes no rows of records that it already holds.

    ``worker`` does the work on the batches. ``leave`` is told what it found in each, in their order
    and before they are committed; of the same batch again after a failure. ``appended`` is told the
    name of a table after each commit to it.

    While much waits, later batches are understood while one is committed; ``help_wanted`` says
    when that was so for a while, and :meth:`add_worker` takes a worker that shares in it. Not so
    after a loader died in the middle of a batch: then the one that kills must be found.
    """

    def __init__(
        self,
        *,
        worker: LocalWorker,
        load_bytes: int,
        leave: Callable[[int, int, Any], None] | None = None,
        appended: Callable[[str], None] | None = None,
    ) -> None:
        self._appended = appended
        self._folder = worker.spool
        self._identity = spool_identity(worker.spool)
        self._quarantine = Quarantine(worker.quarantine)
        self._store = worker.store
        self._leave = leave
        self._load_bytes = load_bytes
        self._attempts = Attempts(worker.spool)
        self._batches = Batches(worker, self._versions)
        self._large_in_a_row = 0
        self.resume()

    def resume(self) -> None:
        """Ask the tables where they stand; needed at start and after a failed commit."""
        self._batches.forget(self._store)
        self._held = {
            table: self._store.last_transaction(table, self._application(table)) or 0
            for table in LOADED_TABLES
        }
        self._marked = dict.fromkeys(LOADED_TABLES, 0)
        # A table without rows remembers nothing; without the mark it would all be decoded again.
        self._floor = max(min(self._held.values()), read_mark(self._folder))
        self._is_synced = False

    def step(self) -> LoadReport | None:
        """Load the next batch; None when nothing waits.

        Raises :class:`span_store.errors.StoreUnavailableError`; call :meth:`resume` before the
        next step then, because the commit may have happened. Raises :class:`WorkerDiedError`
        when an added worker died; the loader is of no use then.
        """
        extent = self._batches.first(self._order())
        if not extent.records:
            self._large_in_a_row = 0
            self._delete_finished(extent)
            return None
        self._large_in_a_row += 1
        if not extent.is_large(self._load_bytes):
            self._large_in_a_row = 0
        self._attempts.begin(extent.first_number, extent.records)
        try:
            understood, files = self._batches.finished()
            for record, reason in understood.failed:
                self._quarantine.add(item_id(self._identity, record), record, reason)
            self._commit(files, extent.last_number)
        except (SpanStoreError, OSError):
            # The place is at fault, not the batch.
            self._attempts.end()
            raise
        write_mark(self._folder, extent.last_number)
        self._attempts.end()
        self._delete_finished(extent)
        counts = {table: understood.rows[table] for table in files}
        return LoadReport(
            last_number=extent.last_number,
            records=extent.records,
            body_bytes=extent.body_bytes,
            received_at=extent.received_at,
            rows=dict.fromkeys(LOADED_TABLES, 0) | counts,
            quarantined=len(understood.failed),
            decoded_slowly=understood.decoded_slowly,
        )

    @property
    def help_wanted(self) -> bool:
        """Whether more waited than one worker loads, for some batches in a row."""
        return self._large_in_a_row >= _LARGE_IN_A_ROW

    def add_worker(self, worker: LoadWorker) -> None:
        """Let another worker take batches too."""
        self._batches.add(worker)

    def remove_added_workers(self) -> None:
        """Work alone again, as after the last step found nothing."""
        self._batches.remove_added()

    def close(self) -> None:
        """Let go of what is under way; no step follows."""
        self._batches.close(self._store)

    def _order(self) -> BatchOrder:
        """What comes next; where it begins matters for the first one only."""
        return BatchOrder(
            position=SpoolPosition(after=self._floor),
            load_bytes=self._load_bytes,
            records_max=self._attempts.records_max,
            borders=tuple(self._held.values()),
            deadly=self._attempts.deadly,
        )

    def _versions(self, extent: Extent, understood: Understood) -> dict[str, int]:
        """What the rows are marked with, of each table that does not hold them yet.

        Later batches get higher marks, although the ones before are not committed yet.
        """
        if self._leave is not None and understood.found is not None:
            self._leave(extent.first_number, extent.last_number, understood.found)
        marks: dict[str, int] = {}
        for table in understood.rows:
            if extent.last_number > self._held[table]:
                marks[table] = max(self._marked[table] + 1, self._store.next_version(table))
        self._marked.update(marks)
        return marks

    def _commit(self, files: dict[str, Any], last_number: int) -> None:
        left = dict(files)
        try:
            for table in files:
                self._store.commit(
                    table, [left.pop(table)], (self._application(table), last_number)
                )
                self._held[table] = last_number
                if self._appended is not None:
                    self._appended(table)
        finally:
            for table, file in left.items():
                self._store.drop(table, file)

    def standing(self) -> LoadReport:
        """Where the tables stand, as the report of a step that did nothing."""
        return LoadReport(last_number=self._floor, records=0, body_bytes=0, received_at=0)

    def _delete_finished(self, extent: Extent) -> None:
        """Delete the segments before the one that a batch ended in, once it is loaded."""
        if extent.finished_segment is not None:
            delete_finished(self._folder, extent.finished_segment, self._make_tables_durable)

    def _application(self, table: str) -> str:
        return f"{self._identity}:{table}"

    def _make_tables_durable(self) -> None:
        """Deleting a segment is only safe when the tables would survive a loss of power.

        Every commit is synced before :meth:`SpanStore.append` returns. Left are the commits that
        an earlier loader died in, and the names of new folders.
        """
        if "://" in self._store.place:
            return
        if not self._is_synced:
            _sync_file_system(self._store.place)
            self._is_synced = True
        for folder in (self._store.place, *map(self._store.table_uri, LOADED_TABLES)):
            if Path(folder).is_dir():
                sync_folder(Path(folder))


def _sync_file_system(place: str) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        ctypes.CDLL(None, use_errno=True).syncfs(descriptor)
    except AttributeError:
        os.sync()
    finally:
        os.close(descriptor)
