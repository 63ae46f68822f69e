"""How full the spool is: bytes, age, and what that means for callers."""

from __future__ import annotations

import math
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
        self.age_seconds = 0.0

    def measure(self, age_seconds: float, *, is_loaded: bool = False) -> None:
        """Look at the folder; the age is that of the oldest request not in the tables.

        When everything is loaded, the segment that is being written does not count: it is only
        deleted once a newer one is begun.
        """
        self.bytes = spool_bytes(self._folder, without_newest=is_loaded)
        self.age_seconds = age_seconds

    def is_full(self) -> bool:
        """Whether requests are refused."""
        return (
            self.bytes > self._config.spool_bytes_hard
            or self.age_seconds > self._config.spool_age_hard_seconds
        )

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


def spool_bytes(folder: Path, *, without_newest: bool = False) -> int:
    """Bytes of all segments."""
    total = 0
    known = segments(folder)
    for _, path in known[:-1] if without_newest else known:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
