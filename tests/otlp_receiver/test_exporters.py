"""Real exporters: what they send is stored, and under overload they come back and lose nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from otlp_receiver.tokens import TokenFile
from span_store.store import SpanStore
from tests.otlp_receiver.requests import trace_request
from tests.otlp_receiver.serving import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psutil

pytestmark = pytest.mark.acceptance


NO_ROOM = """
[receiver]
spool_bytes_soft = 0
spool_bytes_hard = 0
segment_bytes = 1
load_interval_seconds = "20ms"
retry_delay_seconds = "3s"
"""
"""Whatever waits for the loader is too much: requests are refused, to be sent again in 3 s."""


class Recording(SpanExporter):
    """Passes on, and remembers what the exporter made of it."""

    def __init__(self, inner: SpanExporter) -> None:
        self.inner = inner
        self.results: list[SpanExportResult] = []

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        result = self.inner.export(spans)
        self.results.append(result)
        return result

    def shutdown(self) -> None:
        self.inner.shutdown()


def exporter(kind: str, served: Served, **options: Any) -> SpanExporter:
    if kind == "grpc":
        return GrpcSpanExporter(endpoint=served.grpc, insecure=True, **options)
    return HttpSpanExporter(endpoint=f"http://{served.http}/v1/traces", **options)


def send(inner: SpanExporter, count: int) -> list[SpanExportResult]:
    recording = Recording(inner)
    provider = TracerProvider(resource=Resource({"service.name": "real"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(recording))
    tracer = provider.get_tracer("tests")
    for number in range(count):
        with tracer.start_as_current_span(f"chat {number}") as span:
            span.set_attribute("gen_ai.operation.name", "chat")
    provider.shutdown()
    return recording.results


def names(data_dir: Path) -> list[str]:
    return sorted(SpanStore(data_dir).scan("spans").select("name").collect()["name"])


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_python_exporters_are_stored(tmp_path: Path, kind: str) -> None:
    tokens = TokenFile(tmp_path / "data" / "tokens.json")
    _, token = tokens.create("default", now=1)
    header = {"authorization": f"Bearer {token}"}
    options = {"headers": tuple(header.items()) if kind == "grpc" else header}
    with Served(tmp_path / "data") as served:
        results = send(exporter(kind, served, **options), 5)
        served.stop()

    assert results == [SpanExportResult.SUCCESS] * 5
    assert names(tmp_path / "data") == sorted(f"chat {number}" for number in range(5))


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_python_exporters_come_back_after_overload(tmp_path: Path, kind: str) -> None:
    with Served(tmp_path / "data", config=NO_ROOM) as served:
        loader = refuse(served)
        before = refused(served, kind)
        resuming = threading.Thread(target=resume_after, args=(loader, served, kind, before + 1))
        resuming.start()
        results = send(exporter(kind, served, timeout=100), 1)
        resuming.join()
        served.stop()

    assert results == [SpanExportResult.SUCCESS]
    assert "chat 0" in names(tmp_path / "data")


def refused(served: Served, kind: str) -> float:
    """How many requests of this transport the receiver refused because the spool is full."""
    labels = f'{{transport="{kind}",reason="spool_full"}}'
    return served.metric(f"refused_requests_total{labels}")


def resume_after(loader: psutil.Process, served: Served, kind: str, count: int) -> None:
    """Let the loader go on once the exporter was refused, however long that takes."""
    wait_for(lambda: refused(served, kind) >= count)
    loader.resume()


def refuse(served: Served) -> psutil.Process:
    """Suspend the loader while something waits for it, so that requests are refused; the loader.

    It has loaded something before, so that it goes on at once when it is resumed.
    """
    body = trace_request(1).SerializeToString()
    served.export(body)
    wait_for(lambda: served.metric("loaded_requests_total") >= 1)
    loader = served.hold_loader()
    # Until the spool is measured again, requests may be refused because of the first one.
    wait_for(lambda: is_accepted(served, body))
    wait_for(lambda: served.metric("loader_lag_requests") >= 1)
    return loader


def is_accepted(served: Served, body: bytes) -> bool:
    try:
        served.export(body)
    except grpc.RpcError:
        return False
    return True


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory):
    """The JavaScript exporters, installed into a folder of the run.

    Without node on the machine these tests are skipped, in CI too. With node, an install that
    fails is a failure in CI, and a skip on a person's machine, which may be offline.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("SKIPPED LOUDLY: node and npm are not on this machine")
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copy(Path(__file__).parent / "data" / "javascript" / "package.json", folder)
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent"],
        cwd=folder,
        check=False,
        timeout=240,
    )
    if installed.returncode and "CI" not in os.environ:
        pytest.skip("SKIPPED LOUDLY: npm cannot install the JavaScript exporters")
    assert installed.returncode == 0
    shutil.copy(Path(__file__).parent / "data" / "javascript" / "send.mjs", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grpc", "http-protobuf", "http-json"])
def test_javascript_exporters_are_stored(tmp_path: Path, node_modules: Path, kind: str) -> None:
    with Served(tmp_path / "data") as served:
        address = served.grpc if kind == "grpc" else f"{served.http}/v1/traces"
        done = subprocess.run(
            ["node", "send.mjs", kind, f"http://{address}", "7"],
            cwd=node_modules,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        served.stop()

    assert done.returncode == 0, done.stderr
    found = SpanStore(tmp_path / "data").scan("spans").collect()
    assert sorted(found["name"]) == [f"chat {number}" for number in range(7)]
    assert set(found["request_model"]) == {"gpt-4o"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["http-protobuf", "http-json"])
def test_javascript_exporters_come_back_after_overload(
    tmp_path: Path, node_modules: Path, kind: str
) -> None:
    """Over HTTP; their gRPC exporter drops what was refused, whatever it is told."""
    with Served(tmp_path / "data", config=NO_ROOM) as served:
        loader = refuse(served)
        before = refused(served, "http")
        with subprocess.Popen(
            ["node", "send.mjs", kind, f"http://{served.http}/v1/traces", "3"],
            cwd=node_modules,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as sending:
            resume_after(loader, served, "http", before + 1)
            said, _ = sending.communicate(timeout=200)
        served.stop()

    assert sending.returncode == 0, said
    assert {f"chat {number}" for number in range(3)} <= set(names(tmp_path / "data"))
