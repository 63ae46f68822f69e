"""Processor seconds of processes and their children: what a shared machine does not distort."""

from __future__ import annotations

from typing import Self

import psutil


class ProcessorSeconds:
    """What processes and all their children used within a ``with`` block, per process id."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._before = self._used()
        return self

    def __exit__(self, *_: object) -> None:
        after = self._used()
        self.seconds = sum(after.values()) - sum(
            used for pid, used in self._before.items() if pid in after
        )

    def _used(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for pid in self._pids:
            process = psutil.Process(pid)
            for each in [process, *process.children(recursive=True)]:
                try:
                    times = each.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                found[each.pid] = times.user + times.system
        return found
