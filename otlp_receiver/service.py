"""The receiver as a whole: lock, repair, servers, loader process, and an orderly stop."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from otlp_receiver.grpc_server import GrpcServer
from otlp_receiver.intake import Intake
from otlp_receiver.segment import segments
from otlp_receiver.spool_folder import FolderLock, open_folder, repair, spool_identity
from otlp_receiver.spool_writer import SpoolWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otlp_receiver.config import ReceiverConfig

logger = logging.getLogger(__name__)

_LOADER_RESTART_SECONDS = 1.0


class Service:
    """A receiver on one data directory.

    ``clock`` gives nanoseconds since 1970 UTC. ``started`` is called once requests are accepted,
    with the addresses.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        store_place: str,
        project: str,
        config: ReceiverConfig,
        clock: Callable[[], int],
        started: Callable[[dict[str, str | None]], None],
    ) -> None:
        self._data_dir = data_dir
        self._spool = data_dir / "spool"
        self._store_place = store_place
        self._project = project
        self._config = config
        self._clock = clock
        self._started = started
        self._stop = asyncio.Event()
        self._spool_bytes = 0
        self._loader: asyncio.subprocess.Process | None = None
        self.is_drained = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop in order.

        Raises :class:`otlp_receiver.errors.ReceiverError` when it cannot start.
        """
        open_folder(self._spool)
        lock = FolderLock(self._spool)
        lock.acquire()
        try:
            await self._serve(lock)
        finally:
            lock.release()

    async def _serve(self, lock: FolderLock) -> None:
        spool_identity(self._spool)
        repaired = repair(self._spool, self._data_dir / "quarantine")
        if repaired.records or repaired.cut_bytes or repaired.damaged:
            logger.warning(
                "Found %d requests in the spool, cut %d torn bytes, kept %d damaged stretches.",
                repaired.records,
                repaired.cut_bytes,
                len(repaired.damaged),
            )
        loop = asyncio.get_running_loop()
        intake = Intake(
            spool_bytes_hard=self._config.spool_bytes_hard, spool_bytes=lambda: self._spool_bytes
        )
        writer = SpoolWriter(
            self._spool,
            next_number=repaired.next_number,
            segment_bytes=self._config.segment_bytes,
            clock=self._clock,
            settle=intake.settle,
        )
        intake.attach(writer, loop)
        server = GrpcServer(self._config, intake, lambda _token: self._project)
        address = await server.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        tasks = [
            asyncio.create_task(self._keep_loader(lock.descriptor)),
            asyncio.create_task(self._watch_spool()),
        ]
        self._started({"grpc": address, "http": None})
        await self._stop.wait()
        deadline = time.monotonic() + self._config.drain_seconds
        await server.stop(self._config.drain_seconds / 3)
        intake.is_stopping = True
        await intake.settled()
        writer.close()
        await self._drain_loader(deadline)
        for task in tasks:
            task.cancel()

    async def _keep_loader(self, lock_descriptor: int) -> None:
        """Run the loader process; start it again when it dies."""
        settings = {
            "spool": str(self._spool),
            "quarantine": str(self._data_dir / "quarantine"),
            "store": self._store_place,
            "load_bytes": self._config.load_bytes,
            "load_interval_seconds": self._config.load_interval_seconds,
        }
        while not self._stop.is_set():
            self._loader = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "otlp_receiver.loader_process",
                json.dumps(settings),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(lock_descriptor,),
                # A Ctrl-C at the terminal is for the receiver, which then drains the loader.
                start_new_session=True,
            )
            await self._follow(self._loader)
            code = await self._loader.wait()
            if not self._stop.is_set():
                logger.error("The loader ended with code %d; starting it again.", code)
                await asyncio.sleep(_LOADER_RESTART_SECONDS)

    async def _follow(self, loader: asyncio.subprocess.Process) -> None:
        """Read the loader's reports."""
        assert loader.stdout is not None
        while line := await loader.stdout.readline():
            report: dict[str, Any] = json.loads(line)
            if "error" in report:
                logger.error("The loader cannot write, and tries again: %s", report["error"])

    async def _drain_loader(self, deadline: float) -> None:
        """Let the loader empty the spool, as far as the time goes."""
        loader = self._loader
        if loader is None or loader.stdin is None:
            return
        if loader.returncode is None:
            loader.stdin.write(b"drain\n")
            loader.stdin.close()
        try:
            await asyncio.wait_for(loader.wait(), max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            loader.kill()
            await loader.wait()
        self.is_drained = loader.returncode == 0

    async def _watch_spool(self) -> None:
        """Measure the spool."""
        while True:
            self._spool_bytes = spool_bytes(self._spool)
            await asyncio.sleep(0.25)


def spool_bytes(folder: Path) -> int:
    """Bytes of all segments."""
    total = 0
    for _, path in segments(folder):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
