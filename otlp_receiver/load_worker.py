"""The work on one batch of the spool: read it, understand it, write it to files.

All of it but the commits, so that several batches can be worked on at once, in threads or in
processes of their own, while one loader commits them in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from otlp_receiver.decoding import LOADED_TABLES
from otlp_receiver.quarantine import Quarantine
from otlp_receiver.spool_folder import spool_identity
from otlp_receiver.spool_reader import SpoolPosition, SpoolReader
from span_store.ready_rows import ready_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from otlp_receiver.decoding import Decode, Find
    from otlp_receiver.record import SpoolRecord
    from span_store.ready_rows import ReadyRows
    from span_store.store import SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """Where a batch begins, and how far it may go."""

    position: SpoolPosition
    load_bytes: int
    records_max: int | None = None
    borders: tuple[int, ...] = ()
    """Record numbers that tables already hold: a batch lies on one side of each."""
    deadly: int | None = None
    """A record that killed too many loaders: not decoded when it stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What is known of a batch without its bytes."""

    position: SpoolPosition
    """Where the next batch begins."""
    ticket: int = 0
    """Which of the worker's reads it was."""
    records: int = 0
    first_number: int = 0
    last_number: int = 0
    body_bytes: int = 0
    received_at: int = 0
    """When the newest record was received."""
    finished_segment: int | None = None
    """Segments before this one hold nothing but this batch and older ones; None: not known."""

    def is_large(self, load_bytes: int) -> bool:
        """Whether there was about as much as is loaded in one go, so that more may well wait."""
        return self.body_bytes >= load_bytes // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a batch was decoded to; its rows stay with the worker."""

    rows: dict[str, int]
    """How many there are, for each table that gets any."""
    failed: list[tuple[SpoolRecord, str]]
    """Records that go to quarantine, with the reason."""
    decoded_slowly: int
    found: Any = None
    """What :class:`otlp_receiver.decoding.Find` found in the rows."""


class LoadWorker(Protocol):
    """Works on a batch in three calls, which come in this order.

    The next one may be read meanwhile, from another thread; the other two are for one alone.
    """

    def read(self, order: BatchOrder) -> Extent:
        """Read the batch; an extent without records when nothing waits."""

    def understand(self, ticket: int) -> Understood:
        """Decode the batch with the extent of this ticket; what was read before is forgotten."""

    def write(self, versions: Mapping[str, int]) -> dict[str, Any]:
        """Write the rows of these tables, marked with these versions; the files to commit.

        Raises :class:`span_store.errors.SpanStoreError` or :class:`OSError` where the place is at
        fault. Rows of other tables are dropped.
        """


@dataclass(slots=True, kw_only=True)
class LocalWorker:
    """Does the work where it is called."""

    spool: Path
    quarantine: Path
    store: SpanStore
    decode: Decode
    find: Find | None = None
    _reader: SpoolReader = field(init=False)
    _tickets: int = field(init=False, default=0)
    _was_read: dict[int, list[SpoolRecord]] = field(init=False, default_factory=dict)
    _deadly: int | None = field(init=False, default=None)
    _ready: dict[str, ReadyRows] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._reader = SpoolReader(self.spool)

    def read(self, order: BatchOrder) -> Extent:
        """Records that lie on one side of every border."""
        reader = self._reader
        reader.position = order.position
        records = reader.read(order.load_bytes, records_max=order.records_max)
        position = reader.position
        finished: int | None = reader.segment
        if not records:
            return Extent(position=position, finished_segment=finished)
        border = min((held for held in order.borders if held >= records[0].number), default=None)
        if border is not None and border < records[-1].number:
            records = [record for record in records if record.number <= border]
            position, finished = _again(order.position, after=border), None
        self._deadly = order.deadly
        self._tickets += 1
        self._was_read[self._tickets] = records
        return Extent(
            position=position,
            ticket=self._tickets,
            records=len(records),
            first_number=records[0].number,
            last_number=records[-1].number,
            body_bytes=sum(len(record.body) for record in records),
            received_at=records[-1].received_at,
            finished_segment=finished,
        )

    def understand(self, ticket: int) -> Understood:
        """Rows, and the records that have none; a record in quarantine is not tried again."""
        self._ready = {}
        forgotten = [number for number in self._was_read if number < ticket]
        for number in forgotten:
            del self._was_read[number]
        records = self._was_read.pop(ticket)
        if len(records) == 1 and records[0].number == self._deadly:
            rows = self.decode([])
            failed = [(records[0].number, "the loader died of it each time")]
        else:
            rows = self.decode(self._wanted(records))
            failed = rows.failed
        frames: dict[str, pl.DataFrame] = {table: getattr(rows, table) for table in LOADED_TABLES}
        self._ready = {
            table: ready_rows(table, frame)
            for table, frame in frames.items()
            if not frame.is_empty()
        }
        by_number = {record.number: record for record in records}
        return Understood(
            rows={table: ready.rows.height for table, ready in self._ready.items()},
            failed=[(by_number[number], reason) for number, reason in failed],
            decoded_slowly=rows.decoded_slowly,
            found=None if self.find is None else self.find(rows),
        )

    def write(self, versions: Mapping[str, int]) -> dict[str, Any]:
        """A file for each of these tables, durable when this returns."""
        ready, self._ready = self._ready, {}
        files: dict[str, Any] = {}
        try:
            for table, version in versions.items():
                files[table] = self.store.write(table, ready[table], version)
        except BaseException:
            for table, file in files.items():
                self.store.drop(table, file)
            raise
        return files

    def _wanted(self, records: Sequence[SpoolRecord]) -> list[SpoolRecord]:
        """The records that are not in quarantine."""
        held = Quarantine(self.quarantine).ids()
        if not held:
            return list(records)
        identity = spool_identity(self.spool)
        return [record for record in records if item_id(identity, record) not in held]


def item_id(identity: str, record: SpoolRecord) -> str:
    """What a record of this spool is called in quarantine."""
    return f"{identity[:8]}-{record.number}"


def _again(position: SpoolPosition, *, after: int) -> SpoolPosition:
    """The same place once more, without the records up to this number."""
    return SpoolPosition(after=after, segment=position.segment, offset=position.offset)
