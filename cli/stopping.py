"""Stopping a command that runs until it is told to end: SIGINT and SIGTERM."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType
    from typing import Self


class Stop:
    """Whether a signal asked to stop; a context that has the signals' handlers in place.

    A ``threading.Event`` would not do: a handler runs between any two steps of the main thread,
    and when that is just inside the event's ``wait``, its ``set`` waits for itself for ever.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._told)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # As it was given.
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as a signal came."""
        select.select([self._reading], [], [], seconds)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        if not self.is_set:
            self.is_set = True
            os.write(self._writing, b".")
