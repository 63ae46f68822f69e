"""What other receivers do with the same requests on the same machine, beside ours.

    python -m benchmarks.peers --collector PATH --phoenix PATH [--seconds 10]

``--collector`` is the program of an OpenTelemetry Collector that has the components ``otlp``,
``file`` or ``otlp_grpc``, and ``file_storage``; ``--phoenix`` the ``phoenix`` command of an
environment of its own (``pip install arize-phoenix``). What is not given is not measured. Each
peer gets 512 spans of 1.85 KB a request over gRPC; what it has stored is counted after it was
killed, which is where acknowledging early shows.
"""

from __future__ import annotations

import argparse
import os
import socket
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from benchmarks.load import Load, Requests, grpc_load
from benchmarks.receiver import LARGE, Empty, Measured, Receiver, measured

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_SECONDS = 120
_COLLECTOR = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "{address}", max_recv_msg_size_mib: 64}}}}}}}}
extensions: {{file_storage: {{directory: {folder}, fsync: {fsync}}}}}
exporters: {{{exporter}: {settings}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  extensions: [file_storage]
  pipelines: {{traces: {{receivers: [otlp], exporters: [{exporter}]}}}}
"""
_EXPORTERS = {
    "otlp_grpc": "{{endpoint: '{sink}', tls: {{insecure: true}}, "
    "sending_queue: {{storage: file_storage, queue_size: 100000}}}}",
    "file": "{{path: {folder}/out.json}}",
}
_COLLECTOR_CASES = (
    # exporter, whether the queue on disk is synced, what it is called
    ("otlp_grpc", True, "persistent queue, fsync"),
    ("otlp_grpc", False, "persistent queue, no fsync"),
    ("file", False, "file exporter, JSON"),
)


def main() -> None:
    """Measure what is given, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collector", type=Path)
    parser.add_argument("--phoenix", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    Requests(LARGE["spans"])
    with Empty() as empty:
        ceiling = measured(empty.process, lambda: grpc_load(empty.address, 5, **LARGE))
        print(f"empty handler: {ceiling.rate:,.0f} spans/s, {ceiling.microseconds:.1f} us a span")
        ours(options.seconds, ceiling)
        if options.collector:
            for case in _COLLECTOR_CASES:
                collector(options, ceiling, empty.address, *case)
        if options.phoenix:
            phoenix(options, ceiling)


def ours(seconds: float, ceiling: Measured) -> None:
    """Acknowledged and loaded, until it is killed; then the rest is loaded at the next start."""
    with Receiver() as receiver:
        run = measured(receiver.process, lambda: grpc_load(receiver.grpc, seconds, **LARGE))
        waiting = receiver.waiting_spans()
        tell("spandocket", run, ceiling)
        print(f"  in the table {receiver.loaded_spans():,} spans, in the spool {waiting:,}")


def collector(
    options: argparse.Namespace,
    ceiling: Measured,
    sink: str,
    exporter: str,
    fsync: bool,
    title: str,
) -> None:
    """A Collector with a persistent queue before an endpoint that does nothing, or with a file."""
    with tempfile.TemporaryDirectory(prefix="spandocket-bench-") as folder:
        address = free_address()
        settings = _EXPORTERS[exporter].format(sink=sink, folder=folder)
        text = _COLLECTOR.format(
            address=address,
            folder=folder,
            exporter=exporter,
            settings=settings,
            fsync=str(fsync).lower(),
        )
        config = Path(folder) / "config.yaml"
        config.write_text(text, encoding="utf-8")
        try:
            with Peer([str(options.collector), "--config", str(config)], address) as peer:
                run = measured(peer.process, lambda: grpc_load(address, options.seconds, **LARGE))
        except PeerEndedError:
            print(f"Collector, {title}: this program has not the components", flush=True)
        else:
            tell(f"Collector, {title}", run, ceiling)


def phoenix(options: argparse.Namespace, ceiling: Measured) -> None:
    """Arize Phoenix with its SQLite file; its rows are counted after a kill."""
    with tempfile.TemporaryDirectory(prefix="spandocket-bench-") as name:
        address, web = free_address(), free_address()
        environment = {
            "PHOENIX_WORKING_DIR": name,
            "PHOENIX_GRPC_PORT": address.split(":")[1],
            "PHOENIX_PORT": web.split(":")[1],
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        with Peer([str(options.phoenix), "serve"], address, environment) as peer:
            run = measured(peer.process, lambda: grpc_load(address, options.seconds, **LARGE))
        with closing(sqlite3.connect(Path(name) / "phoenix.db")) as database:
            (stored,) = database.execute("SELECT count(*) FROM spans").fetchone()
        tell("Phoenix", run, ceiling)
        lost = run.load.answered * run.load.spans - stored
        print(f"  stored {stored:,} spans; acknowledged and lost by the kill {lost:,}")


class PeerEndedError(Exception):
    """It ended instead of listening."""


class Peer:
    """Another receiver's process; killed with all its children at the end."""

    def __init__(
        self, command: list[str], address: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command, self.address = command, address
        self.environment = os.environ | (environment or {})

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdout=subprocess.DEVNULL, text=True
        )
        host, port = self.address.split(":")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            if self.process.poll() is not None:
                raise PeerEndedError(self.command[0])
            assert time.monotonic() < deadline, f"{self.command[0]} does not listen"
            try:
                socket.create_connection((host, int(port)), 1).close()
            except OSError:
                time.sleep(0.2)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        for child in psutil.Process(self.process.pid).children(recursive=True):
            child.kill()
        self.process.kill()
        self.process.wait()


def free_address() -> str:
    """An address on this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def tell(name: str, run: Measured, ceiling: Measured) -> None:
    """One line: acknowledged a second, beside the empty handler."""
    load: Load = run.load
    if not load.answered:
        print(f"{name}: nothing acknowledged, refused {load.refused}", flush=True)
        return
    print(
        f"{name}: acknowledged {load.answered * load.spans:,} spans, {run.rate:,.0f} a second, "
        f"ratio {run.rate / ceiling.rate:.3f} of the rates, "
        f"{ceiling.microseconds / run.microseconds:.3f} of the processor time "
        f"({run.microseconds:.1f} us); refused {load.refused}",
        flush=True,
    )


if __name__ == "__main__":
    main()
