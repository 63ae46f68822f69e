"""Bounds the files that appends leave, when the care of the tables is given no time for them.

That care runs at the lowest priority, so that senders who take every processor keep it from its
work. The loader then merges files itself: it falls behind, the limits on the spool slow the senders
down, and both find their balance.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from span_store.compaction import compact, is_mergeable
from span_store.config import COMPACT_BYTES
from span_store.errors import SpanStoreError
from span_store.maintenance import Maintenance

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from span_store.store import SpanStore

logger = logging.getLogger(__name__)

FILES_MAX = 5_000
"""An hour of one commit a second, and half of it again."""
_LOOK_EVERY = 100
"""Commits between two looks: one reads the list of the files."""
_FILES_MIN = 2


class FileBound:
    """Told of every append, it merges some files of a table that has too many."""

    def __init__(
        self,
        store: SpanStore,
        now: Callable[[], datetime],
        *,
        files_max: int = FILES_MAX,
        look_every: int = _LOOK_EVERY,
    ) -> None:
        self._store = store
        self._now = now
        self._files_max = files_max
        self._look_every = look_every
        self._commits: Counter[str] = Counter()

    def appended(self, table: str) -> None:
        """Look at the table now and then, and merge until few enough are left; never raises."""
        self._commits[table] += 1
        if self._commits[table] % self._look_every:
            return
        try:
            before = self._mergeable(table)
            if before > self._files_max:
                self._merge(table, before)
        except (SpanStoreError, OSError) as error:
            # Whoever else cares for the table was quicker, or its place is away for the moment.
            logger.warning(
                "Left the many files of %s: %s", table, error, extra={"event": "many_files"}
            )

    def _merge(self, table: str, before: int) -> None:
        left = before
        while left > self._files_max:
            keeper = Maintenance(self._store, table, self._now())
            report = compact(keeper, target_bytes=COMPACT_BYTES, files_min=_FILES_MIN, groups_max=1)
            if report.files_before == 0:
                break
            left = self._mergeable(table)
        if left == before:
            return
        logger.warning(
            "Merged %d files of %s beside loading: nothing else had time to.",
            before - left,
            table,
            extra={"event": "many_files"},
        )

    def _mergeable(self, table: str) -> int:
        _, files = self._store.table_log(table).live_files()
        return 0 if files.is_empty() else files.filter(is_mergeable(COMPACT_BYTES)).height
