"""Turns: writers of one SQLite file wait in line instead of asking again and again.

SQLite lets a busy writer sleep and retry, which is slow and unfair: under load some wait for
seconds while others pass. Here each writer draws a number from a file beside the database and
holds a lock on the byte of that number until it has written. Whoever has a lower number goes
first; a process that dies lets go of its byte. The line orders writers only: what keeps the data
right is SQLite's own lock, so that one may always go ahead without having waited.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Locks that belong to an open file, not to the process, are Linux's; elsewhere writers fall back
# to SQLite's own waiting.
fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None
AVAILABLE = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK") and sys.maxsize > 2**32

_LOCK = struct.Struct("@hhqqi0q")
_NUMBER = struct.Struct("<q")
_FIRST_BYTE = 64
"""Numbers begin here; the bytes before hold the next number and the lock on it."""
NEAR = 2
"""So many places from the front one looks often whether it is one's turn."""
SHORT_SECONDS = 0.0002
PLACE_SECONDS = 0.001


class Turns:
    """The line of writers of one database file, across threads and processes."""

    def __init__(self, path: Path, stuck_seconds: float) -> None:
        self.path = path
        self.stuck_seconds = stuck_seconds
        """How long the line may stand still before its head is passed: it was stopped."""
        self._idle: list[int] = []
        # Numbers up to here are waited for no more: their holders were stopped, or are slow.
        self._passed = _FIRST_BYTE - 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, hold it inside. Where files cannot be locked, go ahead."""
        handle = self._handle() if AVAILABLE else None
        if handle is None:
            yield
            return
        place = None
        try:
            place = self._draw(handle)
            if place is not None:
                self._wait(handle, place)
            yield
        finally:
            if place is not None:
                _lock(handle, fcntl.F_UNLCK, place, 1)
            self._idle.append(handle)

    def _draw(self, handle: int) -> int | None:
        """Draw the next number and lock its byte; None when the file cannot be used."""
        give_up = time.monotonic() + self.stuck_seconds
        while not _lock(handle, fcntl.F_WRLCK, 0, 1):
            if time.monotonic() > give_up:
                return None
            time.sleep(SHORT_SECONDS)
        try:
            written = os.pread(handle, _NUMBER.size, 0)
            number = _NUMBER.unpack(written)[0] if len(written) == _NUMBER.size else 0
            place = _FIRST_BYTE + max(number, 0) % 2**60
            os.pwrite(handle, _NUMBER.pack(number + 1), 0)
            return place if _lock(handle, fcntl.F_WRLCK, place, 1) else None
        except OSError:
            return None
        finally:
            _lock(handle, fcntl.F_UNLCK, 0, 1)

    def _wait(self, handle: int, place: int) -> None:
        """Wait until nobody holds a lower number, but for those who did not move for too long."""
        front = _first_held(handle, self._passed + 1, place)
        moved = time.monotonic()
        while front is not None:
            # Whoever is far back looks seldom: a turn takes longer than a place is worth here.
            places = place - front
            time.sleep(SHORT_SECONDS if places <= NEAR else min(places * PLACE_SECONDS, 0.05))
            now, before = time.monotonic(), front
            front = _first_held(handle, self._passed + 1, place)
            if front != before:
                moved = now
            elif front is not None and now - moved > self.stuck_seconds:
                self._passed, moved = max(self._passed, front), now

    def _handle(self) -> int | None:
        """A handle of the file that nobody uses; each handle waits for itself."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None

    def close(self) -> None:
        """Close the handles."""
        while self._idle:
            os.close(self._idle.pop())


def _lock(handle: int, kind: int, start: int, length: int) -> bool:
    """Try to take or drop a lock on bytes of the file, without waiting."""
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))
    except OSError:
        return False
    return True


def _first_held(handle: int, start_place: int, place: int) -> int | None:
    """The lowest number from here up to one's own that somebody holds; None for none."""
    lowest, end = None, place
    while end > start_place:
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start_place, end - start_place, 0)
        try:
            kind, _, start, _, _ = _LOCK.unpack(fcntl.fcntl(handle, fcntl.F_OFD_GETLK, asked))
        except OSError:
            return None
        if kind == fcntl.F_UNLCK:
            return lowest
        lowest = end = start
    return lowest
