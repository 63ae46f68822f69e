"""A real Collector running one of the shipped pipelines."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc
import pytest

from tests.otlp_receiver.serving import LOGS, TRACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_receiver.record import SpoolRecord

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "configs" / "collector"
_NAMES = ("otelcol-spandocket", "otelcol-contrib")


def collector_program() -> str:
    """The Collector of this machine; skips the test when there is none."""
    built = ROOT / ".venv" / "collector" / _NAMES[0]
    found = str(built) if built.exists() else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        can_build = shutil.which("go") and not os.environ.get("SPANDOCKET_NO_COLLECTOR")
        if os.environ.get("CI") and can_build:
            pytest.fail("no Collector; `make collector` builds one")
        pytest.skip("SKIPPED LOUDLY: no Collector on this machine; `make collector` builds one")
    return found


def free_ports(count: int) -> list[int]:
    """As many ports that nothing listens on, each another one."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Collector:
    """One pipeline, started; ``environment`` names the endpoints behind it."""

    def __init__(self, pipeline: str, folder: Path, **environment: str) -> None:
        program = collector_program()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "queue").mkdir(exist_ok=True)
        self.address, over_http, self.health = (f"127.0.0.1:{port}" for port in free_ports(3))
        self.log = folder / "collector.log"
        settings = {
            "COLLECTOR_GRPC": self.address,
            "COLLECTOR_HTTP": over_http,
            "COLLECTOR_HEALTH": self.health,
            "COLLECTOR_QUEUE": str(folder / "queue"),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, "--config", str(PIPELINES / pipeline)],
                env=os.environ | settings | environment,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> Self:
        """Return once all of its pipelines run.

        Its port is open before: what then comes for a queue that has not begun ends the Collector.
        """
        deadline = time.monotonic() + 200
        while not self._is_healthy():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self

    def _is_healthy(self) -> bool:
        connection = HTTPConnection(self.health, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def send(self, records: Sequence[SpoolRecord]) -> None:
        """Export requests in order."""
        with grpc.insecure_channel(self.address) as channel:
            calls = {"traces": channel.unary_unary(TRACES), "logs": channel.unary_unary(LOGS)}
            for record in records:
                calls[record.signal](record.body, timeout=120, wait_for_ready=True)

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        try:
            return self.wait()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
