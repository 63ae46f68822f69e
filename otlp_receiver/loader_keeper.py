"""Runs the loader process: starts it, follows its reports, starts it again, drains it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otlp_receiver.metrics import Metrics

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
_DRAIN_RESTART_SECONDS = 0.1
_LINE_BYTES_MAX = 2**20
_COMMAND = (sys.executable, "-m", "otlp_receiver.loader_process")


class LoaderKeeper:
    """One loader process at a time.

    ``lock_descriptor`` is handed down, so that the data directory stays locked while the loader
    lives. ``reported`` is called with every report. ``command`` starts a loader that does more;
    the settings follow as its last argument.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        lock_descriptor: int,
        metrics: Metrics,
        reported: Callable[[dict[str, Any]], None],
        command: Sequence[str] | None = None,
    ) -> None:
        self._settings = settings
        self._command = command or _COMMAND
        self._lock_descriptor = lock_descriptor
        self._metrics = metrics
        self._reported = reported
        self._process: asyncio.subprocess.Process | None = None
        self._is_draining = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep a loader running."""
        self._task = asyncio.create_task(self._keep())

    async def drain(self, seconds: float) -> bool:
        """Let the loader empty the spool; True when it did within the time."""
        self._is_draining = True
        assert self._task is not None
        self._order_drain()
        try:
            await asyncio.wait_for(self._task, max(0.0, seconds))
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                if self._process is not None:
                    self._process.kill()
            return False
        return self._process is not None and self._process.returncode == 0

    async def _keep(self) -> None:
        while True:
            code, reason = None, ""
            try:
                code = await self._run()
            except (OSError, ValueError) as error:
                # No file or memory left for a process, or it said what is no report.
                reason = f" ({error})"
                await self._end()
            if code == 0 and self._is_draining:
                return
            self._metrics.add("loader_restarts_total")
            logger.error(
                "The loader ended with code %s%s; starting it again.",
                code,
                reason,
                extra={"event": "loader_restarted", "code": code},
            )
            await asyncio.sleep(_DRAIN_RESTART_SECONDS if self._is_draining else _RESTART_SECONDS)

    async def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _run(self) -> int:
        """Start a loader and follow it to its end; its exit code."""
        self._process = None
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            json.dumps(self._settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES_MAX,
            pass_fds=(self._lock_descriptor,),
            # A Ctrl-C at the terminal is for the receiver, which then drains the loader.
            start_new_session=True,
        )
        if self._is_draining:
            self._order_drain()
        await self._follow(self._process)
        return await self._process.wait()

    def _order_drain(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
                process.stdin.write(b"drain\n")

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            report: dict[str, Any] = json.loads(line)
            if "error" in report:
                self._metrics.add("loader_errors_total")
                logger.error(
                    "The loader cannot write, and tries again: %s",
                    report["error"],
                    extra={"event": "loader_cannot_write"},
                )
            else:
                self._reported(report)
