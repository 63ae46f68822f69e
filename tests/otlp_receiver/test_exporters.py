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
    from collections.abc import Sequence
pytestmark = pytest.mark.acceptance


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
    config = """
[receiver]
spool_bytes_soft = 0
spool_bytes_hard = 0
segment_bytes = 1
load_interval_seconds = "20ms"
retry_delay_seconds = "1s"
"""
    with Served(tmp_path / "data", config=config) as served:
        refuse(served)
        threading.Timer(2.0, served.loader().resume).start()
        results = send(exporter(kind, served, timeout=60), 3)
        served.stop()
        numbers = (served.data_dir / "receiver-stats.json").read_text()

    assert results == [SpanExportResult.SUCCESS] * 3
    assert {f"chat {number}" for number in range(3)} <= set(names(tmp_path / "data"))
    assert f'"{kind}/spool_full"' in numbers


def refuse(served: Served) -> None:
    """Stop the loader and fill the spool, until requests are refused."""
    deadline = time.monotonic() + 60
    served.hold_loader()
    refusal = ""
    while "spool is full" not in refusal:
        assert time.monotonic() < deadline
        try:
            served.export(trace_request(1).SerializeToString())
        except grpc.RpcError as error:
            refusal = error.details()


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
