"""The path that both servers share: inspect, store durably, answer."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from otlp_receiver.inspection import Inspected, inspect_logs, inspect_metrics, inspect_traces
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otlp_receiver.record import Signal
    from otlp_receiver.spool_writer import SpoolWriter

logger = logging.getLogger(__name__)

_INSPECT = {"traces": inspect_traces, "logs": inspect_logs, "metrics": inspect_metrics}


class Intake:
    """Accepts requests of both transports; nothing is answered before it is durable."""

    def __init__(self, *, spool_bytes_hard: int, spool_bytes: Callable[[], int]) -> None:
        self._spool_bytes_hard = spool_bytes_hard
        self._spool_bytes = spool_bytes
        self._writer: SpoolWriter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_stopping = False

    def attach(self, writer: SpoolWriter, loop: asyncio.AbstractEventLoop) -> None:
        """Say where accepted requests are written and where their calls wait."""
        self._writer = writer
        self._loop = loop

    def settle(self, calls: Sequence[Callable[[], None]]) -> None:
        """Wake the calls of one group; runs on the writer's thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_call_each, calls)

    async def accept(self, signal: str, body: bytes, project: str) -> Inspected:
        """Store a request; returns once it is durable.

        Raises :class:`Refusal` when it is not stored.
        """
        if self.is_stopping:
            raise Refusal(Reason.STOPPING, "send again in a moment")
        inspected = _INSPECT[signal](body)
        if inspected.accepted and signal != "metrics":
            if self._spool_bytes() > self._spool_bytes_hard:
                raise Refusal(Reason.SPOOL_FULL, "the loader is behind")
            self._in_flight += 1
            self._idle.clear()
            try:
                await self._store("traces" if signal == "traces" else "logs", inspected, project)
            finally:
                self._in_flight -= 1
                if not self._in_flight:
                    self._idle.set()
        if inspected.rejected:
            reasons = Counter(span.reason for span in inspected.rejected)
            logger.warning(inspected.message(), extra={"project": project, "reasons": reasons})
        return inspected

    async def settled(self) -> None:
        """Wait until no call is in flight."""
        await self._idle.wait()

    async def _store(self, signal: Signal, inspected: Inspected, project: str) -> None:
        assert self._writer is not None
        assert self._loop is not None
        durable: asyncio.Future[None] = self._loop.create_future()

        def done(error: OSError | None) -> None:
            if durable.done():
                return
            if error is None:
                durable.set_result(None)
            else:
                reason = error.strerror or str(error)
                durable.set_exception(Refusal(Reason.NOT_DURABLE, reason))

        self._writer.append(project, signal, inspected.body, done)
        await durable


def _call_each(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
