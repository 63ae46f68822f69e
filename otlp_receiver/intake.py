"""The path that both servers share: inspect, store durably, answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from otlp_receiver.aside import Aside
from otlp_receiver.inspection import Inspected, inspect_logs, inspect_metrics, inspect_traces
from otlp_receiver.limits import decompress
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.metrics import Metrics
    from otlp_receiver.record import Signal
    from otlp_receiver.rejections import RejectionLog
    from otlp_receiver.spool_level import SpoolLevel
    from otlp_receiver.spool_writer import SpoolWriter

logger = logging.getLogger(__name__)

_THREAD_BYTES = 4 * 2**20
"""Requests from this size on are inspected on a thread, so that others are answered meanwhile."""
_COMPRESSED_THREAD_BYTES = 32 * 2**10
"""Compressed bodies from this size on are undone on a thread: smaller ones stay below 16 MiB."""
_START_SECONDS = 2.0
"""Well below the patience of exporters."""
_INSPECT = {"traces": inspect_traces, "logs": inspect_logs, "metrics": inspect_metrics}
_UNITS = {"traces": "spans_total", "logs": "log_records_total", "metrics": "metrics_total"}


class Intake:
    """Accepts requests of both transports; nothing is answered before it is durable.

    ``clock`` gives nanoseconds since 1970 UTC. Lives on one event loop.
    """

    def __init__(
        self,
        *,
        config: ReceiverConfig,
        level: SpoolLevel,
        metrics: Metrics,
        rejections: RejectionLog,
        clock: Callable[[], int],
    ) -> None:
        self._config = config
        self._level = level
        self._metrics = metrics
        self._rejections = rejections
        self._clock = clock
        self._writer: SpoolWriter | None = None
        self._loop = asyncio.get_running_loop()
        self.aside = Aside()
        """For what would keep other requests waiting."""
        self._unpacking = Aside()
        """Apart from it: what is compressed does not wait for long texts of JSON."""
        self._in_flight = 0
        self._waiting_bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._attached = asyncio.Event()
        self.is_writable = True
        """Whether the last write to the spool succeeded."""
        self.is_stopping = False

    @property
    def is_computing(self) -> bool:
        """Whether a thread still computes, waited for or not."""
        return self.aside.running + self._unpacking.running > 0

    def attach(self, writer: SpoolWriter) -> None:
        """Say where accepted requests are written; until then they wait."""
        self._writer = writer
        self._attached.set()

    def settle(self, calls: Sequence[Callable[[], None]]) -> None:
        """Wake the calls of one group; runs on the writer's thread."""
        self._loop.call_soon_threadsafe(_call_each, calls)

    async def decompressed(self, body: bytes, encoding: str) -> bytes:
        """The body as it was before it was sent; raises :class:`Refusal` above the limits."""
        undo = partial(
            decompress,
            body,
            encoding,
            bytes_max=self._config.request_bytes_max,
            ratio_max=self._config.compression_ratio_max,
        )
        if not encoding or len(body) < _COMPRESSED_THREAD_BYTES:
            return undo()
        return await self._unpacking.run(undo)

    async def accept(
        self, signal: str, body: bytes, project: str, *, transport: str, began: float
    ) -> Inspected:
        """Store a request; returns once it is durable.

        ``began`` is when the whole request had arrived, by ``time.perf_counter``.
        Raises :class:`Refusal` when it is not stored.
        """
        self._in_flight += 1
        self._idle.clear()
        try:
            inspected = await self._accept(signal, body, project)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
        self._metrics.add("requests_total", 1, transport, signal)
        self._metrics.add(_UNITS[signal], inspected.accepted, transport)
        self._metrics.add("request_bytes_total", len(body), transport)
        self._metrics.observe("request_seconds", time.perf_counter() - began, transport)
        if inspected.rejected:
            self._remember(inspected, project)
        return inspected

    @contextlib.contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """A request of this many bytes, decompressed, is in memory; bounds all of them together.

        Raises :class:`Refusal`.
        """
        if self._waiting_bytes + size > max(self._config.waiting_bytes_max, size):
            raise Refusal(Reason.OVERLOADED, "too much is in memory")
        self._wait_for(size)
        try:
            yield
        finally:
            self._wait_for(-size)

    def _wait_for(self, size: int) -> None:
        self._waiting_bytes += size
        self._metrics.set("waiting_bytes", self._waiting_bytes)

    def refused(self, transport: str, refusal: Refusal) -> None:
        """Count a refusal."""
        self._metrics.add("refused_requests_total", 1, transport, refusal.reason.name.lower())

    def readiness(self) -> tuple[bool, str]:
        """Whether a request would be stored now, and why not."""
        if self._writer is None:
            return False, "starting"
        if self.is_stopping:
            return False, "stopping"
        if not self.is_writable:
            return False, "the spool cannot be written"
        if self._level.is_full():
            return False, f"the spool is full: {self._level.what_is_behind()}"
        return True, "ready"

    async def settled(self) -> None:
        """Wait until no call is in flight."""
        await self._idle.wait()

    async def _accept(self, signal: str, body: bytes, project: str) -> Inspected:
        if self.is_stopping:
            raise Refusal(Reason.STOPPING, "send again in a moment")
        if self._writer is None:
            await self._attached_soon()
        if signal == "metrics" and not self._config.accept_metrics:
            raise Refusal(Reason.UNKNOWN_PATH, "metrics are not received here")
        inspect = partial(_INSPECT[signal], body, slots_max=self._config.slots_max)
        large = len(body) >= _THREAD_BYTES
        inspected = await self.aside.run(inspect) if large else inspect()
        if inspected.accepted and signal != "metrics":
            await self._make_room()
            self._level.took(len(inspected.body))
            await self._store("traces" if signal == "traces" else "logs", inspected, project)
        return inspected

    async def _attached_soon(self) -> None:
        """After most starts the spool is checked before anybody would have come back."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._attached.wait()
        except TimeoutError as error:
            raise Refusal(Reason.STARTING, "the spool is being checked") from error

    async def _make_room(self) -> None:
        """Slow the caller down, or refuse, when too much waits."""
        if self._level.is_full():
            raise Refusal(Reason.SPOOL_FULL, self._level.what_is_behind())
        delay = self._level.delay_seconds()
        if delay:
            await asyncio.sleep(delay)

    async def _store(self, signal: Signal, inspected: Inspected, project: str) -> None:
        assert self._writer is not None
        durable: asyncio.Future[None] = self._loop.create_future()

        def done(error: OSError | None) -> None:
            self.is_writable = error is None
            if durable.done():
                return
            if error is None:
                durable.set_result(None)
            else:
                reason = error.strerror or str(error)
                durable.set_exception(Refusal(Reason.NOT_DURABLE, reason))

        self._writer.append(project, signal, inspected.body, done, items=inspected.accepted)
        await durable

    def _remember(self, inspected: Inspected, project: str) -> None:
        reasons = Counter(item.reason for item in inspected.rejected)
        name = f"rejected_{inspected.items.replace(' ', '_')}_total"
        for reason, count in reasons.items():
            self._metrics.add(name, count, reason)
        self._rejections.add(project, inspected.rejected, self._clock(), inspected.items)
        logger.warning(
            "%s",
            inspected.message(),
            extra={"event": "spans_rejected", "project": project, "reasons": dict(reasons)},
        )


def _call_each(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
