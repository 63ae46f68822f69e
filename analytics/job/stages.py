"""How long each stage of a run took, by a clock that was handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Stages:
    """Seconds by stage, by a clock that was handed in; without one, nothing is measured."""

    def __init__(self, clock: Callable[[], datetime] | None) -> None:
        self.clock = clock
        self.seconds: dict[str, float] = {}
        self._name = "intake"
        self._first = self._since = None if clock is None else clock()

    def next(self, name: str) -> None:
        """End the present stage and begin the next."""
        if self.clock is not None and self._since is not None:
            now = self.clock()
            self.seconds[self._name] = round((now - self._since).total_seconds(), 3)
            self._since = now
        self._name = name

    def finish(self) -> None:
        """End the last stage."""
        self.next("")

    def bounds(self, otherwise: datetime) -> tuple[datetime, datetime]:
        """When the run began and ended."""
        if self._first is None or self._since is None:
            return otherwise, otherwise
        return self._first, self._since
