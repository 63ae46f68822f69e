"""The one writer of the spool: takes what waits, writes it, syncs once, answers everybody."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from otlp_receiver.backlog import Backlog
from otlp_receiver.block_files import BlockWriter, blocks
from otlp_receiver.record import Signal, SpoolRecord
from otlp_receiver.segment import encode, segment_name
from otlp_receiver.spool_folder import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_GROUP_BYTES_MAX = 64 * 2**20
_WRITE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class _Waiting:
    project: str
    signal: Signal
    body: bytes
    items: int
    done: Callable[[OSError | None], None]


class SpoolWriter:
    """Appends records durably from a thread of its own (group commit).

    ``done`` callbacks run on that thread, after the sync: with None when the record is durable,
    with the error when it is not and the caller must not acknowledge. After an error the segment
    is abandoned and its numbers are never used again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        next_number: int,
        segment_bytes: int,
        clock: Callable[[], int],
        settle: Callable[[Sequence[Callable[[], None]]], None] | None = None,
        backlog: Backlog | None = None,
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._clock = clock
        self._settle = settle or _call_each
        self._backlog = backlog or Backlog()
        self._next_number = next_number
        self._memory = blocks(_WRITE_BYTES)
        self._file: BlockWriter | None = None
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self.groups = 0
        self.written_bytes = 0
        self._open_segment()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    def append(
        self,
        project: str,
        signal: Signal,
        body: bytes,
        done: Callable[[OSError | None], None],
        *,
        items: int = 0,
    ) -> None:
        """Hand a request over; ``done`` is called once it is durable or has failed.

        ``items`` counts its spans or log records.
        """
        self._waiting.put(_Waiting(project, signal, body, items, done))

    def close(self) -> None:
        """Write what waits, begin an empty segment, so that readers can finish all others."""
        self._waiting.put(None)
        self._thread.join()
        self._close_segment()
        self._open_segment()
        self._close_segment()

    def _run(self) -> None:
        while True:
            group, is_last = self._group()
            if group:
                error: OSError | None = None
                try:
                    self._write(group)
                except OSError as problem:
                    error = problem
                self._settle([_bind(entry.done, error) for entry in group])
            if is_last:
                return

    def _group(self) -> tuple[list[_Waiting], bool]:
        """Wait for one record, then take all that wait with it."""
        first = self._waiting.get()
        if first is None:
            return [], True
        group = [first]
        size = len(first.body)
        while size < _GROUP_BYTES_MAX:
            try:
                entry = self._waiting.get_nowait()
            except Empty:
                break
            if entry is None:
                return group, True
            group.append(entry)
            size += len(entry.body)
        return group, False

    def _write(self, group: list[_Waiting]) -> None:
        if self._file is not None and self._file.offset >= self._segment_bytes:
            self._close_segment()
        file = self._file or self._open_segment()
        received_at = self._clock()
        buffers: list[bytes] = []
        for entry in group:
            record = SpoolRecord(
                number=self._next_number,
                project=entry.project,
                signal=entry.signal,
                received_at=received_at,
                body=entry.body,
            )
            self._next_number += 1
            buffers.extend(encode(record))
        begin = file.offset
        try:
            file.write(buffers)
            file.sync()
        except OSError:
            self._abandon_segment(file, begin)
            raise
        self.written_bytes += file.offset - begin
        self.groups += 1
        self._backlog.add(
            self._next_number - 1,
            received_at,
            requests=len(group),
            items=sum(entry.items for entry in group),
        )

    def _open_segment(self) -> BlockWriter:
        path = self._folder / segment_name(self._next_number)
        file = BlockWriter(path, self._memory)
        try:
            sync_folder(self._folder)
        except OSError:
            file.close()
            path.unlink(missing_ok=True)
            raise
        self._file = file
        # The name is taken: a second empty segment must not get the same one.
        self._next_number += 1
        return file

    def _close_segment(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _abandon_segment(self, file: BlockWriter, size: int) -> None:
        """Cut what was not synced; the next group goes to a new file.

        The cut may fail as the write did; the records are then loaded although they were refused,
        and the copy that the client sends again is dropped as a duplicate.
        """
        with contextlib.suppress(OSError):
            file.cut(size)
        self._close_segment()


def _bind(done: Callable[[OSError | None], None], error: OSError | None) -> Callable[[], None]:
    return lambda: done(error)


def _call_each(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
