"""The one writer of the spool: takes what waits, writes it, syncs once, answers everybody."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from otlp_receiver.backlog import Backlog
from otlp_receiver.record import Signal, SpoolRecord
from otlp_receiver.segment import encode, segment_name
from otlp_receiver.spool_folder import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_GROUP_BYTES_MAX = 64 * 2**20
_CACHED_BYTES = 32 * 2**20
"""How much of what was written stays in the system's memory for the loader to read.

A spool that grows would otherwise take page after page of fresh memory, which costs several times
what the copy into a page that was just given back costs (measured: 2.4 against 0.7 ms a MiB).
"""
_BUFFERS_MAX = 1000
"""Below IOV_MAX, the number of buffers that one write takes."""


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
        self._descriptor: int | None = None
        self._offset = self._given_back = 0
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
                    self._abandon_segment()
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
        if self._descriptor is not None and self._offset >= self._segment_bytes:
            self._close_segment()
        if self._descriptor is None:
            self._open_segment()
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
        assert self._descriptor is not None
        size = _write_all(self._descriptor, buffers)
        os.fdatasync(self._descriptor)
        self._offset += size
        self._give_back_memory()
        self.written_bytes += size
        self.groups += 1
        self._backlog.add(
            self._next_number - 1,
            received_at,
            requests=len(group),
            items=sum(entry.items for entry in group),
        )

    def _give_back_memory(self) -> None:
        """Drop synced pages that the loader should have read by now."""
        assert self._descriptor is not None
        while self._offset - self._given_back >= 2 * _CACHED_BYTES:
            os.posix_fadvise(
                self._descriptor, self._given_back, _CACHED_BYTES, os.POSIX_FADV_DONTNEED
            )
            self._given_back += _CACHED_BYTES

    def _open_segment(self) -> None:
        path = self._folder / segment_name(self._next_number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = os.open(path, flags, 0o644)
        try:
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self._descriptor = descriptor
        self._offset = self._given_back = 0
        # The name is taken: a second empty segment must not get the same one.
        self._next_number += 1

    def _close_segment(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _abandon_segment(self) -> None:
        """Cut what was not synced, and write the next group to a new file.

        The cut may fail as the write did; the records are then loaded although they were refused,
        and the copy that the client sends again is dropped as a duplicate.
        """
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._offset)
        self._close_segment()


def _write_all(descriptor: int, buffers: list[bytes]) -> int:
    """Write every byte; a short write (as on a full disk) goes on or raises."""
    total = 0
    for start in range(0, len(buffers), _BUFFERS_MAX):
        chunk: list[bytes | memoryview] = list(buffers[start : start + _BUFFERS_MAX])
        while chunk:
            written = os.writev(descriptor, chunk)
            total += written
            while chunk and written >= len(chunk[0]):
                written -= len(chunk.pop(0))
            if chunk and written:
                chunk[0] = memoryview(chunk[0])[written:]
    return total


def _bind(done: Callable[[OSError | None], None], error: OSError | None) -> Callable[[], None]:
    return lambda: done(error)


def _call_each(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
