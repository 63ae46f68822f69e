"""Moves what the spool holds into the tables, exactly once."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from otlp_receiver.attempts import Attempts
from otlp_receiver.decoding import LOADED_TABLES, DecodeInSteps
from otlp_receiver.load_mark import read_mark, write_mark
from otlp_receiver.quarantine import Quarantine
from otlp_receiver.spool_folder import delete_finished, spool_identity, sync_folder
from otlp_receiver.spool_reader import SpoolReader
from span_store.errors import SpanStoreError
from span_store.ready_rows import ReadyRows, ready_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from otlp_receiver.decoding import Decode, LoadedRows, Note
    from otlp_receiver.record import SpoolRecord
    from otlp_receiver.rows import ReadRecords
    from span_store.store import SpanStore


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


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What a batch was decoded to."""

    ready: dict[str, ReadyRows]
    """The rows of each table that gets any, ready to be appended."""
    failed: list[tuple[SpoolRecord, str]]
    decoded_slowly: int


@dataclass(frozen=True, slots=True)
class _Extent:
    """What is known of a batch without its bytes."""

    first_number: int
    last_number: int
    records: int
    body_bytes: int
    received_at: int

    @staticmethod
    def of(records: Sequence[SpoolRecord]) -> _Extent | None:
        """None for no records."""
        if not records:
            return None
        return _Extent(
            first_number=records[0].number,
            last_number=records[-1].number,
            records=len(records),
            body_bytes=sum(len(record.body) for record in records),
            received_at=records[-1].received_at,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records that are loaded together."""

    extent: _Extent | None
    """None when there are none."""
    records: list[SpoolRecord]
    """Given to the decoder, they are not kept here."""
    finished_segment: int | None
    """Segments before this one hold nothing but this batch and older ones; None: not known."""
    read: ReadRecords | None = None
    """The records, when their bytes were read while the batch before was understood."""
    decoded: Future[_Decoded] | None = None
    """The rows, when they are made while the batch before is written."""

    def is_large(self, load_bytes: int) -> bool:
        """Whether there was about as much as is loaded in one go, so that more may well wait."""
        return self.extent is not None and self.extent.body_bytes >= load_bytes // 2


class Loader:
    """Reads the spool in order and appends to the tables with the application transaction.

    Each table remembers the number of the last record that it holds, in the same commit as the
    rows. After a crash the tables may stand at different numbers: a step never crosses one of
    them, and a table takes no rows of records that it already holds.

    ``note`` is told of every batch that was decoded, before it is written; perhaps not in the
    thread that steps, and of the same batch again after a failure. ``appended`` is told the name of
    a table after each commit to it.

    While much waits, one batch is written, the next one understood and the one after that read at
    the same time, each on a thread of its own. Not so after a loader died in the middle of a
    batch: then the one that kills must be found.
    """

    def __init__(
        self,
        *,
        spool: Path,
        quarantine: Path,
        store: SpanStore,
        decode: Decode,
        load_bytes: int,
        note: Note | None = None,
        appended: Callable[[str], None] | None = None,
    ) -> None:
        self._appended = appended
        self._folder = spool
        self._identity = spool_identity(spool)
        self._quarantine = Quarantine(quarantine)
        self._store = store
        self._decode = decode
        self._in_steps = decode if isinstance(decode, DecodeInSteps) else None
        self._note = note
        self._load_bytes = load_bytes
        self._attempts = Attempts(spool)
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="decode-ahead")
        self._ahead: _Batch | None = None
        self._spool_reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._read_ahead: Future[_Batch] | None = None
        self.resume()

    def resume(self) -> None:
        """Ask the tables where they stand; needed at start and after a failed commit."""
        if self._ahead is not None and self._ahead.decoded is not None:
            wait([self._ahead.decoded])
        if self._read_ahead is not None:
            wait([self._read_ahead])
        self._ahead = self._read_ahead = None
        self._held = {
            table: self._store.last_transaction(table, self._application(table)) or 0
            for table in LOADED_TABLES
        }
        # A table without rows remembers nothing; without the mark it would all be decoded again.
        self._floor = max(min(self._held.values()), read_mark(self._folder))
        self._reader = SpoolReader(self._folder, after=self._floor)
        self._pending: list[SpoolRecord] = []
        self._is_synced = False

    def step(self) -> LoadReport | None:
        """Load the next batch; None when nothing waits.

        Raises :class:`span_store.errors.StoreUnavailableError`; call :meth:`resume` before the
        next step then, because the commit may have happened.
        """
        batch = self._ahead or self._taken()
        self._ahead = None
        extent = batch.extent
        if extent is None:
            self._delete_finished(batch)
            return None
        self._attempts.begin(extent.first_number, extent.records)
        try:
            decoded = batch.decoded.result() if batch.decoded else self._decoded(batch)
            if batch.is_large(self._load_bytes):
                self._decode_ahead()
            for record, reason in decoded.failed:
                self._quarantine.add(self._item_id(record), record, reason)
            counts = self._append(decoded.ready, extent.last_number)
        except (SpanStoreError, OSError):
            # The place is at fault, not the batch.
            self._attempts.end()
            raise
        write_mark(self._folder, extent.last_number)
        self._attempts.end()
        self._delete_finished(batch)
        return LoadReport(
            last_number=extent.last_number,
            records=extent.records,
            body_bytes=extent.body_bytes,
            received_at=extent.received_at,
            rows=counts,
            quarantined=len(decoded.failed),
            decoded_slowly=decoded.decoded_slowly,
        )

    def _decoded(self, batch: _Batch) -> _Decoded:
        """Rows, and the records that have none; a record in quarantine is not tried again."""
        records = batch.records
        if self._attempts.is_deadly(records[0].number, len(records)):
            rows = self._decode([])
            failed = [(records[0].number, "the loader died of it each time")]
        else:
            rows = self._rows(batch)
            failed = rows.failed
        if self._note is not None:
            self._note(records, rows)
        frames: dict[str, pl.DataFrame] = {table: getattr(rows, table) for table in LOADED_TABLES}
        by_number = {record.number: record for record in records}
        return _Decoded(
            ready={
                table: ready_rows(table, frame)
                for table, frame in frames.items()
                if not frame.is_empty()
            },
            failed=[(by_number[number], reason) for number, reason in failed],
            decoded_slowly=rows.decoded_slowly,
        )

    def _rows(self, batch: _Batch) -> LoadedRows:
        if batch.read is not None and self._in_steps is not None:
            return self._in_steps.understand(batch.read)
        return self._decode(self._wanted(batch.records))

    def _wanted(self, records: Sequence[SpoolRecord]) -> list[SpoolRecord]:
        """The records that are not in quarantine."""
        held = self._quarantine.ids()
        return [record for record in records if self._item_id(record) not in held]

    def _append(self, ready: dict[str, ReadyRows], last_number: int) -> dict[str, int]:
        counts = dict.fromkeys(LOADED_TABLES, 0)
        for table, rows in ready.items():
            if last_number > self._held[table]:
                self._store.append(table, rows, (self._application(table), last_number))
                self._held[table] = last_number
                counts[table] = rows.rows.height
                if self._appended is not None:
                    self._appended(table)
        return counts

    def standing(self) -> LoadReport:
        """Where the tables stand, as the report of a step that did nothing."""
        return LoadReport(last_number=self._floor, records=0, body_bytes=0, received_at=0)

    def _next_batch(self) -> _Batch:
        """Records that lie on one side of every table's number."""
        records_max = self._attempts.records_max
        if not self._pending:
            self._pending = self._reader.read(self._load_bytes, records_max=records_max)
        records = self._pending
        if records:
            borders = [held for held in self._held.values() if held >= records[0].number]
            border = min(borders, default=records[-1].number)
            records = [record for record in records if record.number <= border]
            records = records[:records_max]
        self._pending = self._pending[len(records) :]
        finished = None if self._pending else self._reader.segment
        return _Batch(_Extent.of(records), records, finished)

    def _decode_ahead(self) -> None:
        """Begin with the batch after the one that is written now, and read the one after that."""
        if self._attempts.records_max is None:
            batch = self._taken()
            if batch.is_large(self._load_bytes):
                self._read_ahead = self._spool_reader.submit(self._read_batch)
            if batch.extent is not None:
                decoded = self._decoder.submit(self._decoded, batch)
                self._ahead = replace(batch, records=[], read=None, decoded=decoded)

    def _read_batch(self) -> _Batch:
        """The next batch, with its bytes read where that is a step of its own."""
        batch = self._next_batch()
        if self._in_steps is None or batch.extent is None:
            return batch
        return replace(batch, read=self._in_steps.read(self._wanted(batch.records)))

    def _taken(self) -> _Batch:
        """The batch that was read ahead, or what is there now."""
        reading, self._read_ahead = self._read_ahead, None
        batch = None if reading is None else reading.result()
        return batch if batch is not None and batch.extent is not None else self._next_batch()

    def _item_id(self, record: SpoolRecord) -> str:
        return f"{self._identity[:8]}-{record.number}"

    def _delete_finished(self, batch: _Batch) -> None:
        """Delete the segments before the one that a batch ended in, once it is loaded."""
        if batch.finished_segment is not None:
            delete_finished(self._folder, batch.finished_segment, self._make_tables_durable)

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
