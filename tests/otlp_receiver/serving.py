"""A receiver as a person starts it: a process of its own, with its loader."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc
import psutil

from span_store.store import SpanStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent.parent
EXPORT = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"
TRACES = EXPORT.format("trace", "Trace")
LOGS = EXPORT.format("logs", "Logs")
METRICS = EXPORT.format("metrics", "Metrics")


class Served:
    """``spandocket serve`` on free ports."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        config: str = "",
        command: Sequence[str] = ("serve",),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.ready = data_dir / "ready.json"
        self.ready.unlink(missing_ok=True)
        self.log = data_dir / "serve.log"
        settings = data_dir / "settings.toml"
        settings.write_text(_patient(config), encoding="utf-8")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPANDOCKET_", "OTEL_"))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "cli", "--data-dir", str(data_dir)),
                    *("--config", str(settings), *command, "--ready-file", str(self.ready)),
                    *("--grpc-port", "0", "--http-port", "0", *options),
                ],
                env=clean | {"PYTHONPATH": str(REPOSITORY)} | dict(environment or {}),
                stdout=log,
                stderr=log,
            )

    def wait(self, patience_seconds: float = 200) -> Served:
        """Return once requests are accepted."""
        deadline = time.monotonic() + patience_seconds
        while not self.ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"serve did not start: {self.log.read_text()}")
            time.sleep(0.01)
        addresses = json.loads(self.ready.read_text())
        self.grpc, self.http = addresses["grpc"], addresses["http"]
        return self

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        return grpc.insecure_channel(
            self.grpc,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_send_message_length", -1),
                ("grpc.initial_reconnect_backoff_ms", 100),
            ],
        )

    def export(self, body: bytes, method: str = TRACES, **options: object) -> bytes:
        """Send one request and wait for its answer."""
        with self.channel() as channel:
            call = channel.unary_unary(method)
            return bytes(call(body, timeout=120, wait_for_ready=True, **options))

    def metric(self, name: str) -> float:
        """One of the receiver's own numbers; 0 before one with labels was counted."""
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=120) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"spandocket_receiver_{name} "):
                    return float(line.rpartition(" ")[2])
        assert "{" in name, f"no metric {name}"
        return 0.0

    def loader(self) -> psutil.Process | None:
        """The loader process, once it runs."""
        try:
            children = psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return None
        return next((child for child in children if _runs(child, "loader_process")), None)

    def worker(self) -> psutil.Process | None:
        """The process that shares in the loader's work, while there is one."""
        loader = self.loader()
        try:
            children = [] if loader is None else loader.children()
        except psutil.NoSuchProcess:
            return None
        return next((child for child in children if _runs(child, "worker_process")), None)

    def hold_loader(self, patience_seconds: float = 200) -> psutil.Process:
        """Suspend the loader once it runs its own program.

        Before that it is a fork of the receiver, and stopping it would stop the receiver with it.
        """
        deadline = time.monotonic() + patience_seconds
        while (loader := self.loader()) is None:
            assert time.monotonic() < deadline, "no loader was started"
            time.sleep(0.05)
        loader.suspend()
        return loader

    def kill(self, *, with_loader: bool = False) -> None:
        """``kill -9``, of the receiver or of everything."""
        loader = self.loader() if with_loader else None
        self.process.kill()
        if loader is not None:
            loader.kill()
        self.process.wait()

    def stop(self, patience_seconds: float = 250) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience_seconds)

    def __enter__(self) -> Self:
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill(with_loader=True)


def run_command(
    data_dir: Path, *arguments: str, under: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """``spandocket ARGUMENTS`` until it ends, with what it said; ``under`` another program."""
    return subprocess.run(
        [*under, sys.executable, "-m", "cli", "--data-dir", str(data_dir), *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def _patient(config: str) -> str:
    """The settings with a long drain: on a busy machine the loader takes its time to start."""
    if "drain_seconds" in config:
        return config
    section, drain = "[receiver]\n", 'drain_seconds = "10m"\n'
    if section in config:
        return config.replace(section, section + drain, 1)
    return f"{section}{drain}{config}"


def _runs(process: psutil.Process, program: str) -> bool:
    try:
        return any(program in word for word in process.cmdline())
    except psutil.Error:
        return False


def eventually(check: Callable[[], object], patience_seconds: float = 200) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience_seconds
    while not check():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)


def rows(data_dir: Path) -> set[tuple[str, str]]:
    """The ids of the spans in the table, by trace and span."""
    return set(SpanStore(data_dir).scan("spans").select("trace_id", "span_id").collect().rows())
