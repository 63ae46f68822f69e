"""What other receivers do with the same requests on the same machine, beside ours.

    python -m benchmarks.peers --collector PATH --phoenix PATH --mlflow PATH [--seconds 10]

``--collector`` is the program of an OpenTelemetry Collector that has the components ``otlp``,
``file`` or ``otlp_grpc``, and ``file_storage``; ``--phoenix`` and ``--mlflow`` are the commands of
environments of their own (``pip install arize-phoenix``, ``pip install mlflow``). What is not given
is not measured. Each peer gets 512 spans of 1.85 KB a request, over gRPC, MLflow over HTTP because
it has nothing else; what it has stored is counted after it was killed, which is where
acknowledging early shows.
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from benchmarks.load import Load, Requests, grpc_load, http_load
from benchmarks.receiver import LARGE, Empty, Measured, Receiver, measured

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_SECONDS = 120
_COLLECTOR = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "{address}", max_recv_msg_size_mib: 64}}}}}}
  {receiver}
extensions: {{file_storage: {{directory: {folder}, fsync: {fsync}}}}}
exporters: {{{exporters}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  extensions: [file_storage]
  pipelines: {{{pipelines}}}
"""
_QUEUE = (
    "otlp_grpc: {{endpoint: '{sink}', tls: {{insecure: true}}, "
    "sending_queue: {{storage: file_storage, queue_size: 100000}}}}"
)
_FILE = "file: {{path: {folder}/out.json}}"
_INNER = "otlp/inner: {{protocols: {{grpc: {{endpoint: '{inner}'}}}}}}"


@dataclass(frozen=True, kw_only=True)
class CollectorCase:
    """What is behind the Collector's receiver."""

    title: str
    exporters: str
    pipelines: str
    inner_receiver: str = ""
    fsync: bool = False


_TO_QUEUE = "traces: {{receivers: [otlp], exporters: [otlp_grpc]}}"
_COLLECTOR_CASES = (
    CollectorCase(
        title="persistent queue, fsync", exporters=_QUEUE, pipelines=_TO_QUEUE, fsync=True
    ),
    CollectorCase(title="persistent queue, no fsync", exporters=_QUEUE, pipelines=_TO_QUEUE),
    # The file exporter has no queue; one stands before it by way of a second pipeline.
    CollectorCase(
        title="persistent queue, fsync, then file exporter",
        exporters=f"{_QUEUE.replace('{sink}', '{inner}')}, {_FILE}",
        pipelines=f"{_TO_QUEUE}, traces/inner: {{{{receivers: [otlp/inner], exporters: [file]}}}}",
        inner_receiver=_INNER,
        fsync=True,
    ),
    CollectorCase(
        title="file exporter alone, JSON, neither queue nor sync",
        exporters=_FILE,
        pipelines="traces: {{receivers: [otlp], exporters: [file]}}",
    ),
)


def main() -> None:
    """Measure what is given, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collector", type=Path)
    parser.add_argument("--phoenix", type=Path)
    parser.add_argument("--mlflow", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    Requests(LARGE["spans"])
    with Empty() as empty:
        ceiling = measured(empty.process, lambda: grpc_load(empty.address, 5, **LARGE))
        print(f"empty handler: {ceiling.rate:,.0f} spans/s, {ceiling.microseconds:.1f} us a span")
        ours(options.seconds, ceiling)
        if options.collector:
            for case in _COLLECTOR_CASES:
                collector(options, ceiling, empty.address, case)
        if options.phoenix:
            phoenix(options, ceiling)
        if options.mlflow:
            mlflow(options, ceiling)


def ours(seconds: float, ceiling: Measured) -> None:
    """Acknowledged and loaded, until it is killed; then the rest is loaded at the next start."""
    with Receiver() as receiver:
        run = measured(receiver.process, lambda: grpc_load(receiver.grpc, seconds, **LARGE))
        waiting = receiver.waiting_spans()
        tell("spandocket", run, ceiling)
        print(f"  in the table {receiver.loaded_spans():,} spans, in the spool {waiting:,}")


def collector(
    options: argparse.Namespace, ceiling: Measured, sink: str, case: CollectorCase
) -> None:
    """A Collector with a persistent queue before an endpoint that does nothing, or with a file."""
    with tempfile.TemporaryDirectory(prefix="spandocket-bench-") as folder:
        address, inner = free_address(), free_address()
        names = {"sink": sink, "folder": folder, "inner": inner}
        text = _COLLECTOR.format(
            address=address,
            folder=folder,
            receiver=case.inner_receiver.format(**names),
            exporters=case.exporters.format(**names),
            pipelines=case.pipelines.format(**names),
            fsync=str(case.fsync).lower(),
        )
        config = Path(folder) / "config.yaml"
        config.write_text(text, encoding="utf-8")
        try:
            with Peer([str(options.collector), "--config", str(config)], address) as peer:
                run = measured(peer.process, lambda: grpc_load(address, options.seconds, **LARGE))
        except PeerEndedError:
            print(f"Collector, {case.title}: this program has not the components", flush=True)
        else:
            tell(f"Collector, {case.title}", run, ceiling)


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


def mlflow(options: argparse.Namespace, ceiling: Measured) -> None:
    """MLflow's tracking server with its SQLite file, over HTTP."""
    with tempfile.TemporaryDirectory(prefix="spandocket-bench-") as folder:
        address, database = free_address(), Path(folder) / "mlflow.db"
        host, port = address.split(":")
        command = [
            *(str(options.mlflow), "server", "--host", host, "--port", port, "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{database}"),
            *("--default-artifact-root", f"{folder}/artifacts"),
        ]
        headers = {"x-mlflow-experiment-id": "0"}
        with Peer(command, address, {"MLFLOW_DISABLE_TELEMETRY": "true"}) as peer:
            run = measured(
                peer.process,
                lambda: http_load(
                    address, options.seconds, "protobuf", LARGE["spans"], headers=headers
                ),
            )
        with closing(sqlite3.connect(database)) as connection:
            (stored,) = connection.execute("SELECT count(*) FROM spans").fetchone()
        tell("MLflow", run, ceiling)
        print(f"  stored {stored:,} spans")


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
            self.command,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
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
