"""Care of the tables while ``serve`` runs: a process now and then, beside the receiver."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from otlp_receiver.memory import POLARS_ALLOCATOR

if TYPE_CHECKING:
    from cli.context import Context

logger = logging.getLogger(__name__)

_NICE = 15
_ONE_THREAD = {"POLARS_MAX_THREADS": "1"}
"""The receiver and its loader come first."""
_ALLOCATOR = {POLARS_ALLOCATOR[0]: f"{POLARS_ALLOCATOR[1]},narenas:1"}
"""Freed pages of one thread need one place (measured: 431 MiB at most instead of 503)."""


class Background:
    """Runs ``store maintain`` at intervals, in a process of its own at low priority.

    A stop in its middle is harmless: every step of it is one commit.
    """

    def __init__(self, context: Context) -> None:
        self._interval_seconds = context.configuration.store.maintenance_interval_seconds
        self._command = [sys.executable, "-m", "cli", "--data-dir", str(context.data_path)]
        if context.config_file is not None:
            self._command += ["--config", context.config_file]
        self._command += ["store", "maintain"]
        self._stop = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def __enter__(self) -> Self:
        if self._interval_seconds > 0:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**_ALLOCATOR, **os.environ, **_ONE_THREAD},
            )
            step_back(self._process.pid)
            _, said = self._process.communicate()
            for line in said.splitlines():
                logger.info("Maintenance: %s", line, extra={"event": "maintenance"})
            if self._process.returncode and not self._stop.is_set():
                code = self._process.returncode
                logger.error(
                    "Maintenance ended with code %d.",
                    code,
                    extra={"event": "maintenance_failed", "code": code},
                )


def step_back(pid: int) -> None:
    """Let everybody else come first.

    Linux may weigh whole sessions against each other before it looks at their processes; then the
    session has to step back as well.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICE), encoding="ascii")
