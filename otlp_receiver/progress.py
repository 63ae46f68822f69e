"""Follows the spool and the loader: gauges, limits, and the file that ``receiver stats`` reads."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from otlp_receiver.quarantine import Quarantine
from otlp_receiver.stats import STATS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otlp_receiver.backlog import Backlog
    from otlp_receiver.metrics import Metrics
    from otlp_receiver.spool_level import SpoolLevel
    from otlp_receiver.spool_writer import SpoolWriter

logger = logging.getLogger(__name__)

_MEASURE_SECONDS = 0.25
_WRITE_EVERY = 4


class Progress:
    """``clock`` gives nanoseconds since 1970 UTC."""

    def __init__(
        self,
        data_dir: Path,
        metrics: Metrics,
        level: SpoolLevel,
        backlog: Backlog,
        clock: Callable[[], int],
    ) -> None:
        self._path = data_dir / STATS_FILE
        self._quarantine = Quarantine(data_dir / "quarantine")
        self._metrics = metrics
        self._level = level
        self._backlog = backlog
        self._clock = clock
        self._loaded_number = 0
        self._is_measured = True

    def loaded(self, report: dict[str, Any]) -> None:
        """Take in one report of the loader."""
        self._loaded_number = max(self._loaded_number, report["last_number"])
        self._backlog.loaded(report["last_number"])
        self._metrics.add("loaded_requests_total", report["records"])
        self._metrics.add("decoded_slowly_total", report["decoded_slowly"])
        self._metrics.add("quarantined_total", report["quarantined"])
        for table, rows in report["rows"].items():
            self._metrics.add("loaded_rows_total", rows, table)

    def measure(self, writer: SpoolWriter) -> None:
        """Look at the spool and set the gauges."""
        oldest = self._backlog.oldest()
        age_seconds = 0.0 if oldest is None else max(0.0, (self._clock() - oldest) / 1e9)
        requests, items = self._backlog.size()
        self._level.measure(age_seconds, loaded_number=self._loaded_number, is_loaded=requests == 0)
        self._metrics.set("spool_bytes", self._level.bytes + self._level.kept_bytes)
        self._metrics.set("forward_kept_bytes", self._level.kept_bytes)
        self._metrics.set("disk_free_bytes", self._level.free_bytes)
        self._metrics.set("spool_age_seconds", age_seconds)
        self._metrics.set("loader_lag_requests", requests)
        self._metrics.set("loader_lag_spans", items)
        self._metrics.set("spool_syncs_total", writer.groups)
        self._metrics.set("quarantined_requests", self._quarantine.count())

    async def watch(
        self,
        writer: SpoolWriter,
        addresses: dict[str, str | None],
        measure_more: Callable[[], None],
    ) -> None:
        """Measure until cancelled; what cannot be looked at now is looked at again."""
        rounds = 0
        while True:
            try:
                self.measure(writer)
                self._is_measured = True
            except OSError as error:
                if self._is_measured:
                    logger.warning(
                        "Cannot look at the spool: %s", error, extra={"event": "spool_unreadable"}
                    )
                self._is_measured = False
            measure_more()
            if rounds % _WRITE_EVERY == 0:
                self.write(addresses)
            rounds += 1
            await asyncio.sleep(_MEASURE_SECONDS)

    def write(self, addresses: dict[str, str | None] | None) -> None:
        """Write the numbers for ``receiver stats``; None when the receiver has stopped."""
        facts = {
            "running": addresses is not None,
            "pid": os.getpid(),
            "grpc": addresses["grpc"] if addresses else None,
            "http": addresses["http"] if addresses else None,
            "time": self._clock(),
            **self._metrics.snapshot(),
        }
        temporary = self._path.with_suffix(".part")
        try:
            temporary.write_text(json.dumps(facts), encoding="utf-8")
            temporary.replace(self._path)
        except OSError as error:
            logger.warning(
                "Cannot write the numbers of the receiver: %s",
                error,
                extra={"event": "stats_unwritable"},
            )
