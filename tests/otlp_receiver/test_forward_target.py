"""What endpoints answer, and what is made of it: delays, long texts, connections that end, TLS."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import grpc
import pytest
import trustme
from google.rpc.status_pb2 import Status

from otlp_receiver.config import ForwardConfig
from otlp_receiver.forward_target import Delivery, Outcome, open_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = "Sun, 22 Nov 2026 21:{}:00 GMT"


class Pages:
    """An HTTP endpoint that answers the same to everything."""

    def __init__(
        self,
        status: int = 200,
        content: bytes = b"",
        context: ssl.SSLContext | None = None,
        **headers: str,
    ) -> None:
        self.requests = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.requests += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                # Without a word about it, as endpoints do after a while.
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def sent(times: int = 1, **settings: Any) -> list[Delivery]:
    """What becomes of empty requests."""
    target = open_target(ForwardConfig(timeout_seconds=60.0, **settings))
    try:
        return [target.send("traces", b"") for _ in range(times)]
    finally:
        target.close()


def over_http(endpoint: Pages, times: int = 1) -> list[Delivery]:
    return sent(times, endpoint=f"http://127.0.0.1:{endpoint.port}", protocol="http")


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": " 7 "}, 7.0),
        ({"Retry_After": DAY.format("02"), "Date": DAY.format("00")}, 120.0),
        ({"Retry_After": DAY.format("00"), "Date": DAY.format("02")}, 0.0),
        ({"Retry_After": DAY.format("02")}, None),
        ({"Retry_After": "soon", "Date": DAY.format("00")}, None),
        ({"Retry_After": "-5"}, None),
    ],
)
def test_seconds_and_times_are_understood(headers: dict[str, str], delay: float | None) -> None:
    with Pages(503, **headers) as endpoint:
        answer = over_http(endpoint)[0]

    assert (answer.outcome, answer.delay_seconds) == (Outcome.LATER, delay)


def test_a_connection_that_the_endpoint_ended_is_no_failure() -> None:
    with Pages() as endpoint:
        answers = over_http(endpoint, times=3)

    assert [answer.outcome for answer in answers] == [Outcome.DELIVERED] * 3
    assert endpoint.requests == 3


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_long_answer_is_told_shortly(status: int) -> None:
    """The receiver reads it as a line, and lines have a limit."""
    page = Status(message="x" * 200_000).SerializeToString()
    with Pages(status, page) as endpoint:
        answer = over_http(endpoint)[0]

    assert len(answer.reason) < 600


class Rpc(grpc.GenericRpcHandler):
    """A gRPC endpoint that refuses with these trailers, or takes everything."""

    def __init__(self, trailers: tuple[tuple[str, bytes], ...] | None = None) -> None:
        self.trailers = trailers

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self.answer)

    def answer(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        if self.trailers is not None:
            context.set_trailing_metadata(self.trailers)
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return b""


@pytest.mark.parametrize(
    ("trailers", "delay"),
    [
        ((("grpc-status-details-bin", b"\xff\xff"),), None),
        ((("google.rpc.retryinfo-bin", b"\xff\xff"),), None),
        ((("google.rpc.retryinfo-bin", b"\x0a\x02\x08\x05"),), 5.0),
        (
            (
                ("grpc-status-details-bin", b"\xff"),
                ("google.rpc.retryinfo-bin", b"\x0a\x02\x08\x05"),
            ),
            5.0,
        ),
    ],
)
def test_trailers_that_nobody_can_read_say_nothing(
    trailers: tuple[tuple[str, bytes], ...], delay: float | None
) -> None:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Rpc(trailers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    answer = sent(endpoint=f"http://127.0.0.1:{port}")[0]

    server.stop(None).wait()
    assert (answer.outcome, answer.delay_seconds) == (Outcome.LATER, delay)


class Guarded:
    """Two endpoints, gRPC and HTTP, that ask for our certificate."""

    def __init__(self, folder: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        own = authority.issue_cert("127.0.0.1", "localhost")
        ours = authority.issue_cert("forwarder.example")
        strange = stranger.issue_cert("forwarder.example")
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        stranger.cert_pem.write_to_path(str(folder / "stranger-ca.pem"))
        for name, cert in (("ours", ours), ("strange", strange)):
            cert.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
            cert.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        pair = (own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())
        credentials = grpc.ssl_server_credentials(
            [pair], authority.cert_pem.bytes(), require_client_auth=True
        )
        self._server = grpc.server(ThreadPoolExecutor(2), handlers=[Rpc()])
        port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        self._pages = Pages(context=context)
        self._pages.__enter__()
        self.ports = {"grpc": port, "http": self._pages.port}
        self._folder = folder

    def send(self, protocol: str, ca: str, client: str) -> Delivery:
        settings = {"tls_ca_file": str(self._folder / f"{ca}.pem")}
        if client:
            settings["tls_cert_file"] = str(self._folder / f"{client}.pem")
            settings["tls_key_file"] = str(self._folder / f"{client}.key")
        endpoint = f"https://127.0.0.1:{self.ports[protocol]}"
        return sent(endpoint=endpoint, protocol=protocol, **settings)[0]

    def stop(self) -> None:
        self._server.stop(None).wait()
        self._pages.__exit__()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    found = Guarded(tmp_path_factory.mktemp("guarded"))
    yield found
    found.stop()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    ("ca", "client", "outcome"),
    [
        ("ca", "ours", Outcome.DELIVERED),
        ("stranger-ca", "ours", Outcome.LATER),
        ("ca", "strange", Outcome.LATER),
        ("ca", "", Outcome.LATER),
    ],
)
def test_certificates_are_shown_and_checked_and_a_wrong_one_loses_nothing(
    guarded: Guarded, protocol: str, ca: str, client: str, outcome: Outcome
) -> None:
    assert guarded.send(protocol, ca, client).outcome is outcome
