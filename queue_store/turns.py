"""Turns: writers of one SQLite file wait in line instead of asking again and again.

SQLite lets a busy writer sleep and retry, which is slow and unfair: under load some wait for
seconds while others pass. A lock on a file beside the database makes them wait in the kernel's
line. It orders writers only; what keeps the data right is SQLite's own lock.
"""

from __future__ import annotations

import threading
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
        self._own = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, hold it inside. Where files cannot be locked, go ahead."""
        held = self._file()
        if held is None:
            yield
            return
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(held, fcntl.LOCK_UN)

    def _file(self) -> BinaryIO | None:
        """This thread's handle of the file; each handle waits for itself."""
        if fcntl is None:
            return None
        held: BinaryIO | None = getattr(self._own, "file", None)
        if held is None:
            try:
                held = self.path.open("ab")
            except OSError:
                return None
            self._own.file = held
        return held

    def close(self) -> None:
        """Close this thread's handle; other threads' go with them."""
        held = getattr(self._own, "file", None)
        if held is not None:
            held.close()
            self._own.file = None
