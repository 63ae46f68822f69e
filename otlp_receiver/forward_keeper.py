"""Keeps the forwarding process alive beside the receiver, and knows how far it came."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from otlp_receiver.forward_state import ForwardState, register, unregister

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from otlp_receiver.metrics import Metrics

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 2.0
_LINE_BYTES_MAX = 2**20
_STATE_NAMES = frozenset(entry.name for entry in fields(ForwardState))


class ForwardKeeper:
    """Starts the process again when it dies, and stops it in order.

    ``command`` starts it; None when forwarding is off, which also ends the spool's waiting for it.
    ``descriptors`` stay open in the process: the spool's lock is held until it has ended.
    """

    def __init__(
        self,
        spool: Path,
        command: Sequence[str] | None,
        *,
        descriptors: Sequence[int],
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._command = command
        self._descriptors = descriptors
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopping = False
        self._metrics = metrics
        self._clock = clock
        self._running: asyncio.Task[None] | None = None
        self.state = ForwardState()
        if command is None:
            unregister(spool)
        else:
            register(spool)

    def start(self) -> None:
        """Run the process until :meth:`stop`."""
        if self._command is not None:
            self._running = asyncio.create_task(self._keep())

    def measure(self) -> None:
        """Set the receiver's numbers about forwarding."""
        state = self.state
        lag = (self._clock() - state.waiting_since) / 1e9 if state.waiting_since else 0.0
        self._metrics.set("forwarded_requests_total", state.requests)
        self._metrics.set("forwarded_bytes_total", state.body_bytes)
        self._metrics.set("forward_refused_requests_total", state.refused_requests)
        self._metrics.set("forward_rejected_items_total", state.rejected_items)
        self._metrics.set("forward_lag_seconds", max(0.0, lag))
        self._metrics.set("forward_failing", float(state.is_failing))

    async def _keep(self) -> None:
        while self._command is not None and not self._is_stopping:
            code, reason = None, ""
            try:
                code = await self._run(self._command)
            except (OSError, ValueError) as error:
                # No file or memory left for a process, or it said what is no report.
                reason = f" ({error})"
                await self._end()
            if not self._is_stopping:
                logger.error(
                    "Forwarding ended with code %s%s; starting it again.",
                    code,
                    reason,
                    extra={"event": "forwarding_restarted", "code": code},
                )
                await asyncio.sleep(_RESTART_SECONDS)

    async def _run(self, command: Sequence[str]) -> int:
        """Start the process and follow it to its end; its exit code."""
        self._process = None
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES_MAX,
            pass_fds=tuple(self._descriptors),
            # A Ctrl-C at the terminal is for the receiver, which then stops this process.
            start_new_session=True,
        )
        await self._follow(self._process)
        return await self._process.wait()

    async def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self, patience_seconds: float) -> None:
        """Let it forward what waits, as far as the endpoint and the time allow.

        What is left stays in the spool and is forwarded after the next start.
        """
        self._is_stopping = True
        process = self._process
        if process is None or process.stdin is None:
            return
        if process.returncode is None:
            process.stdin.write(b"drain\n")
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), max(0.0, patience_seconds))
        except TimeoutError:
            await self._end()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self.measure()

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        """Read the reports; say once when the endpoint goes away, and once when it is back."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            document = json.loads(line)
            known = {name: value for name, value in document.items() if name in _STATE_NAMES}
            before, self.state = self.state, replace(ForwardState(), **known)
            if self.state.problem and not before.problem:
                logger.warning(
                    "Forwarding has a problem: %s",
                    self.state.problem,
                    extra={"event": "forwarding_has_a_problem"},
                )
            elif before.problem and not self.state.problem:
                logger.info("Forwarding goes on.", extra={"event": "forwarding_goes_on"})
