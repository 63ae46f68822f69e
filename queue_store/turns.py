"""Turns: writers of one SQLite file wait in line instead of asking again and again.

SQLite lets a busy writer sleep and retry, which is slow and unfair: under load some wait for
seconds while others pass. A lock on a file beside the database makes them wait in the kernel's
line. It orders writers only; what keeps the data right is SQLite's own lock.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Windows has none: writers fall back to SQLite's own waiting.
fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None


class Turns:
    """The line of writers of one database file, across threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[BinaryIO] = []

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, hold it inside. Where files cannot be locked, go ahead."""
        handle = self._handle()
        if handle is None:
            yield
            return
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
            self._idle.append(handle)

    def _handle(self) -> BinaryIO | None:
        """A handle of the file that nobody uses; each handle waits for itself."""
        if fcntl is None:
            return None
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self.path.open("ab")
        except OSError:
            return None

    def close(self) -> None:
        """Close the handles."""
        while self._idle:
            self._idle.pop().close()
