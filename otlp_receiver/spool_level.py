"""How full the spool is: bytes, age, and what that means for callers.

What waits for the tables and what waits for ``[forward]`` alone have limits of their own: an
endpoint that is away for hours must neither slow callers down nor make them be refused.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from otlp_receiver.segment import segments

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.config import ReceiverConfig

_DELAY_SECONDS_MAX = 2.0
"""Well below the patience of exporters, which give up after 10 s."""


class SpoolLevel:
    """Measured now and then, asked at every request."""

    def __init__(self, folder: Path, config: ReceiverConfig) -> None:
        self._folder = folder
        self._config = config
        self.bytes = 0
        """Of the segments that hold something which is not in the tables yet."""
        self.kept_bytes = 0
        """Of the segments that only forwarding still needs."""
        self.age_seconds = 0.0
        self.free_bytes: float = math.inf
        """On the disk of the spool."""

    def measure(
        self, age_seconds: float, *, loaded_number: int = 0, is_loaded: bool = False
    ) -> None:
        """Look at the folder; the age is that of the oldest request not in the tables.

        ``loaded_number`` is the last record that is in the tables. When everything is loaded, the
        segment that is being written does not count: it is only deleted once a newer one is begun.
        """
        waiting = kept = 0
        sizes = segment_sizes(self._folder)
        ends = [first - 1 for first, _ in sizes[1:]]
        for (_, size), end in zip(sizes, ends, strict=False):
            if is_loaded or end <= loaded_number:
                kept += size
            else:
                waiting += size
        if sizes and not is_loaded:
            waiting += sizes[-1][1]
        self.bytes, self.kept_bytes, self.age_seconds = waiting, kept, age_seconds
        disk = os.statvfs(self._folder)
        self.free_bytes = disk.f_bavail * disk.f_frsize

    def took(self, size: int) -> None:
        """So many bytes were written since the last look: senders are quicker than looks."""
        self.bytes += size
        self.free_bytes -= size

    def is_full(self) -> bool:
        """Whether requests are refused."""
        return (
            self.bytes > self._config.spool_bytes_hard
            or self.kept_bytes > self._config.forward_bytes_max
            or self.age_seconds > self._config.spool_age_hard_seconds
            or self.free_bytes < self._config.disk_free_bytes_min
        )

    def what_is_behind(self) -> str:
        """Why the spool is full, for the client."""
        if self.kept_bytes > self._config.forward_bytes_max:
            return "forwarding is behind"
        if self.free_bytes < self._config.disk_free_bytes_min:
            return "the disk is nearly full"
        return "the loader is behind"

    def delay_seconds(self) -> float:
        """How long a caller is held up: nothing below the soft limit, most at the hard one.

        Rises steeply at first, so that senders and loader find their balance near the soft limit.
        """
        config = self._config
        share = max(
            _share(self.bytes, config.spool_bytes_soft, config.spool_bytes_hard),
            _share(self.age_seconds, config.spool_age_soft_seconds, config.spool_age_hard_seconds),
        )
        return math.sqrt(share) * _DELAY_SECONDS_MAX


def _share(value: float, soft: float, hard: float) -> float:
    """Where a value lies between two limits, from 0 to 1."""
    if value <= soft:
        return 0.0
    return 1.0 if value >= hard else (value - soft) / (hard - soft)


def segment_sizes(folder: Path) -> list[tuple[int, int]]:
    """The first number and the bytes of every segment, oldest first."""
    found = []
    for first, path in segments(folder):
        try:
            found.append((first, path.stat().st_size))
        except FileNotFoundError:
            continue
    return found


def spool_bytes(folder: Path) -> int:
    """Bytes of all segments."""
    return sum(size for _, size in segment_sizes(folder))
