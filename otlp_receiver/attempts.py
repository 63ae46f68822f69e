"""Remembers what the loader is about to load, so that a request that kills it is found.

Written before each batch, removed after it. A loader that finds the file at its start knows that
the last one died in the middle. After some deaths at the same place batches are halved, until one
request stands alone; if that kills the loader too, it is put into quarantine.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DEATHS_MAX = 3
"""A loader may be killed for other reasons: one death proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A batch that was begun."""

    first_number: int
    records: int
    deaths: int
    """Loaders that died with a batch of this size at this place."""


class Attempts:
    """The file ``attempt.json`` in the spool's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "attempt.json"
        self._last = self._read()
        self.records_max: int | None = None
        """How many records the next batch may hold; None for any number."""
        if self._last is not None:
            deaths = self._last.deaths + 1
            size = self._last.records
            if deaths >= DEATHS_MAX and size > 1:
                size, deaths = max(1, size // 2), 0
            self._last = Attempt(first_number=self._last.first_number, records=size, deaths=deaths)
            self.records_max = size

    @property
    def deadly(self) -> int | None:
        """The one record that has killed too many loaders; None for none."""
        last = self._last
        if last is None or last.records != 1 or last.deaths < DEATHS_MAX:
            return None
        return last.first_number

    def begin(self, first_number: int, records: int) -> None:
        """A batch is about to be loaded; a full disk keeps nobody from loading it elsewhere."""
        last = self._last
        is_same = last is not None and last.first_number == first_number
        deaths = last.deaths if last is not None and is_same and last.records == records else 0
        attempt = Attempt(first_number=first_number, records=records, deaths=deaths)
        with contextlib.suppress(OSError):
            self._path.write_text(json.dumps(asdict(attempt)), encoding="utf-8")

    def end(self) -> None:
        """The batch is in the tables."""
        self._path.unlink(missing_ok=True)
        self._last = None
        if self.records_max is not None:
            # Back to full size step by step: what killed it may be near.
            self.records_max = self.records_max * 2 if self.records_max < 10_000 else None

    def _read(self) -> Attempt | None:
        try:
            return Attempt(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
