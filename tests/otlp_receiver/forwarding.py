"""An endpoint, a spool, and a forwarder between them, for the tests of forwarding."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.config import ForwardConfig
from otlp_receiver.forward_target import open_target
from otlp_receiver.forwarder import Forwarder
from otlp_receiver.spool_writer import SpoolWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = {"retry_initial_seconds": 0.01, "retry_max_seconds": 0.05, "timeout_seconds": 60.0}


class Endpoint:
    """An OTLP endpoint over gRPC and HTTP that keeps what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.refusals: list[tuple[grpc.StatusCode, float | None]] = []
        self.is_poison: Callable[[bytes], bool] = lambda _: False
        self._server = grpc.server(ThreadPoolExecutor(2), handlers=[_Handler(self)])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def export(self, path: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        if self.refusals:
            code, delay = self.refusals.pop(0)
            _refuse(context, code, delay)
        if self.is_poison(body):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "poison")
        self.headers.append({key: str(value) for key, value in context.invocation_metadata()})
        self.bodies.append((path.split(".")[3], body))
        return b""

    def stop(self) -> None:
        self._server.stop(None).wait()


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        path = details.method
        return grpc.unary_unary_rpc_method_handler(
            lambda body, context: self.endpoint.export(path, body, context)
        )


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, delay: float | None) -> None:
    if delay is None:
        context.abort(code, "not now")
    status = Status(code=code.value[0], message="not now")
    wait = Duration()
    wait.FromNanoseconds(int(delay * 1e9))
    status.details.add().Pack(RetryInfo(retry_delay=wait))
    context.abort_with_status(rpc_status.to_status(status))


class http_endpoint:  # noqa: N801  # Reads as a function.
    """An HTTP endpoint that always gives one answer."""

    def __init__(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.seen.append((self.path, dict(self.headers), body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> tuple[int, list[tuple[str, dict[str, str], bytes]]]:
        self.thread.start()
        return self.server.server_port, self.seen

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def fill(spool: Path, *requests: Any, segment_bytes: int = 2**20, first: int = 1) -> list[bytes]:
    """Write requests to a spool; their bodies."""
    spool.mkdir(exist_ok=True)
    writer = SpoolWriter(
        spool, next_number=first, segment_bytes=segment_bytes, clock=lambda: 1_000 + first
    )
    bodies = [request.SerializeToString() for request in requests]
    for request, body in zip(requests, bodies, strict=True):
        written = threading.Event()
        is_trace = isinstance(request, ExportTraceServiceRequest)
        signal: Any = "traces" if is_trace else "logs"
        writer.append("p", signal, body, lambda _, event=written: event.set())
        assert written.wait(120)
    writer.close()
    return bodies


def forwarder(spool: Path, port: int, **given: Any) -> Forwarder:
    waits = given.pop("waits", [])
    attempts = given.pop("attempts", 1000)
    enrich = given.pop("enrich", None)
    config = ForwardConfig(endpoint=f"http://127.0.0.1:{port}", **(CONFIG | given))

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) < attempts

    return Forwarder(
        spool=spool, target=open_target(config), config=config, wait=wait, enrich=enrich
    )


def run(one: Forwarder) -> None:
    try:
        while one.step(lambda _: None):
            pass
    finally:
        one._target.close()
