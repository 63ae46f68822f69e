"""The receiver as a whole: lock, repair, servers, loader process, and an orderly stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

from otlp_receiver.access import Access, allows_anonymous, check_binding
from otlp_receiver.backlog import Backlog
from otlp_receiver.endpoints import Addresses, Endpoints
from otlp_receiver.forward_keeper import ForwardKeeper
from otlp_receiver.intake import Intake
from otlp_receiver.loader_keeper import LoaderKeeper
from otlp_receiver.metrics import Metrics
from otlp_receiver.progress import Progress
from otlp_receiver.readiness import follow_readiness
from otlp_receiver.rejections import RejectionLog
from otlp_receiver.spool_folder import FolderLock, open_folder, repair, spool_identity
from otlp_receiver.spool_level import SpoolLevel
from otlp_receiver.spool_writer import SpoolWriter
from otlp_receiver.tls import Certificates
from otlp_receiver.tokens import TokenFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.own_traces import OwnTraces
    from otlp_receiver.spool_folder import Repair

logger = logging.getLogger(__name__)


class Service:
    """A receiver on one data directory.

    ``clock`` gives nanoseconds since 1970 UTC. ``started`` is called once requests are accepted,
    with the addresses. ``forward_command`` starts the forwarding process; without it nothing is
    forwarded. ``loader_command`` starts a loader that does more than load. ``traces_protocol`` says
    how own traces are sent, if they are.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        data_dir: Path,
        store_place: str,
        project: str,
        config: ReceiverConfig,
        clock: Callable[[], int],
        started: Callable[[Addresses], None],
        store_options: dict[str, str] | None = None,
        forward_command: Sequence[str] | None = None,
        loader_command: Sequence[str] | None = None,
        traces_protocol: str = "grpc",
    ) -> None:
        self._traces_protocol = traces_protocol
        self._forward_command = forward_command
        self._loader_command = loader_command
        self._store_options = store_options
        self._data_dir = data_dir
        self._spool = data_dir / "spool"
        self._store_place = store_place
        self._project = project
        self._config = config
        self._clock = clock
        self._started = started
        self.is_drained = False
        """Whether everything acknowledged was in the tables at the end."""
        self.is_computing = False
        """Whether at the end some thread still computed for callers that were sent away."""

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop in order.

        Raises :class:`otlp_receiver.errors.ReceiverError` when it cannot start.
        """
        tokens = TokenFile(self._data_dir / "tokens.json")
        check_binding(self._config, tokens)
        certificates = Certificates(self._config) if self._config.tls_certificate else None
        traces = self._own_traces()
        open_folder(self._spool)
        lock = FolderLock(self._spool)
        lock.acquire()
        try:
            spool_identity(self._spool)
            is_open = allows_anonymous(self._config)
            access_kind = Access if traces is None else traces.access
            access = access_kind(tokens, self._project, allow_anonymous=is_open)
            await self._serve(lock, access, certificates, traces)
        finally:
            lock.release()

    async def _serve(
        self,
        lock: FolderLock,
        access: Access,
        certificates: Certificates | None,
        traces: OwnTraces | None,
    ) -> None:
        metrics = Metrics()
        level = SpoolLevel(self._spool, self._config)
        backlog = Backlog()
        intake = self._intake(level, metrics, Intake if traces is None else traces.intake)
        endpoints = Endpoints(
            self._config, intake, access, certificates, metrics.exposition, traces
        )
        addresses = await endpoints.start()
        try:
            writer = await self._writer(intake, backlog)
        except BaseException:
            await endpoints.stop(0.0)
            raise
        progress = Progress(self._data_dir, metrics, level, backlog, self._clock)
        keeper = LoaderKeeper(
            self._loader_settings(),
            lock.descriptor,
            metrics,
            progress.loaded if traces is None else traces.loaded(progress.loaded),
            self._loader_command,
        )
        forward = self._forwarding(lock, metrics)
        stop = _stop_signal()
        keeper.start()
        forward.start()
        following = asyncio.gather(
            progress.watch(writer, addresses, forward.measure),
            follow_readiness(intake, endpoints, self._spool),
        )
        endpoints.tell(is_ready=True)
        self._started(addresses)
        await stop.wait()
        deadline = time.monotonic() + self._config.drain_seconds
        await endpoints.stop(self._config.drain_seconds / 3)
        intake.is_stopping = True
        await intake.settled()
        writer.close()
        left_seconds = deadline - time.monotonic()
        self.is_drained, *_ = await asyncio.gather(
            keeper.drain(left_seconds),
            forward.stop(left_seconds),
            _send_the_last(traces, left_seconds),
        )
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        progress.measure(writer)
        progress.write(None)
        self.is_computing = intake.is_computing

    def _intake(self, level: SpoolLevel, metrics: Metrics, kind: type[Intake]) -> Intake:
        return kind(
            config=self._config,
            level=level,
            metrics=metrics,
            rejections=RejectionLog(self._data_dir),
            clock=self._clock,
        )

    async def _writer(self, intake: Intake, backlog: Backlog) -> SpoolWriter:
        """Check what the spool holds, and accept requests from now on.

        A spool of gigabytes takes seconds: meanwhile callers are told to come back.
        """
        repaired = await asyncio.to_thread(repair, self._spool, self._data_dir / "quarantine")
        _tell_of(repaired)
        for number, received_at in repaired.waiting:
            backlog.add(number, received_at)
        writer = SpoolWriter(
            self._spool,
            next_number=repaired.next_number,
            segment_bytes=self._config.segment_bytes,
            clock=self._clock,
            settle=intake.settle,
            backlog=backlog,
        )
        intake.attach(writer)
        return writer

    def _own_traces(self) -> OwnTraces | None:
        """None when they are off; the SDK is not even imported then."""
        if not self._config.own_traces:
            return None
        from otlp_receiver.own_traces import OwnTraces

        return OwnTraces(self._traces_protocol, self._clock)

    def _forwarding(self, lock: FolderLock, metrics: Metrics) -> ForwardKeeper:
        return ForwardKeeper(
            self._spool,
            self._forward_command,
            descriptors=[lock.descriptor],
            metrics=metrics,
            clock=self._clock,
        )

    def _loader_settings(self) -> dict[str, object]:
        return {
            "spool": str(self._spool),
            "quarantine": str(self._data_dir / "quarantine"),
            "store": self._store_place,
            "store_options": self._store_options,
            "load_bytes": self._config.load_bytes,
            "attributes": self._config.attributes,
            "prices": self._config.prices,
            "load_interval_seconds": self._config.load_interval_seconds,
        }


def _tell_of(repaired: Repair) -> None:
    if repaired.records or repaired.cut_bytes or repaired.damaged:
        logger.warning(
            "Found %d requests in the spool, cut %d torn bytes, kept %d damaged stretches.",
            repaired.records,
            repaired.cut_bytes,
            len(repaired.damaged),
            extra={
                "event": "spool_repaired",
                "requests": repaired.records,
                "torn_bytes": repaired.cut_bytes,
                "damaged": len(repaired.damaged),
            },
        )


async def _send_the_last(traces: OwnTraces | None, seconds: float) -> None:
    if traces is not None:
        await asyncio.to_thread(traces.stop, seconds)


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
