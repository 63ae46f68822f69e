"""Everybody who means harm at the same time, and honest clients who notice nothing."""

from __future__ import annotations

import gzip
import http.client
import ssl
import threading
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
import pytest
import trustme

from otlp_receiver.tokens import TokenFile
from span_store.store import SpanStore
from tests.otlp_receiver.requests import span_ids, trace_request
from tests.otlp_receiver.serving import TRACES, Served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = """
[receiver]
tls_certificate = "{folder}/cert.pem"
tls_key = "{folder}/key.pem"
tls_client_ca = "{folder}/ca.pem"
request_bytes_max = "2MiB"
request_seconds = "6s"
load_interval_seconds = "50ms"
"""
PROTOBUF = {"content-type": "application/x-protobuf"}
RETRY_INFO = "google.rpc.retryinfo-bin"
HONEST = trace_request(1, seed=0).SerializeToString()
BOMB = gzip.compress(bytes(2**27))
OVERSIZE = bytes(3 * 2**20)


class Siege:
    """A guarded receiver, and clients of each kind."""

    def __init__(self, served: Served, authority: trustme.CA, token: str) -> None:
        self.served = served
        self.token = token
        self.authority = authority
        self.known = authority.issue_cert("client.example")
        self.expired = authority.issue_cert(
            "client.example", not_after=datetime(2020, 1, 1, tzinfo=UTC)
        )

    def context(self, client: trustme.LeafCert) -> ssl.SSLContext:
        """For HTTP."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        client.configure_cert(context)
        return context

    def connection(self, client: trustme.LeafCert | None = None) -> http.client.HTTPSConnection:
        """Over HTTP, with a certificate."""
        context = self.context(client or self.known)
        return http.client.HTTPSConnection(self.served.http, context=context, timeout=120)

    def channel(self, client: trustme.LeafCert | None = None) -> grpc.Channel:
        """Over gRPC, with a certificate."""
        client = client or self.known
        credentials = grpc.ssl_channel_credentials(
            self.authority.cert_pem.bytes(),
            client.private_key_pem.bytes(),
            client.cert_chain_pems[0].bytes(),
        )
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        return grpc.secure_channel(self.served.grpc, credentials, options=options)

    def post(self, body: bytes, token: str = "", **headers: str) -> str:
        """The status of an answer over HTTP, and whether it may be sent again."""
        named = PROTOBUF | {name.replace("_", "-"): value for name, value in headers.items()}
        named["x-api-key"] = token or self.token
        with closing(self.connection()) as connection:
            connection.request("POST", "/v1/traces", body, named)
            answer = connection.getresponse()
            answer.read()
            again = ", again" if answer.headers["retry-after"] else ""
            return f"{answer.status}{again}"

    def call(
        self, body: bytes, token: str = "", compression: grpc.Compression | None = None
    ) -> str:
        """The code of an answer over gRPC, and whether it may be sent again."""
        with self.channel() as channel:
            return self.call_on(channel, body, token or self.token, compression)

    @staticmethod
    def call_on(
        channel: grpc.Channel,
        body: bytes,
        token: str,
        compression: grpc.Compression | None = None,
    ) -> str:
        """The same on a connection that is there."""
        try:
            channel.unary_unary(TRACES)(
                body,
                timeout=120,
                wait_for_ready=True,
                metadata=[("x-api-key", token)],
                compression=compression,
            )
        except grpc.RpcError as error:
            again = ", again" if RETRY_INFO in dict(error.trailing_metadata() or ()) else ""
            return f"{error.code().name}{again}"
        return "OK"

    def shake_hands_expired(self) -> str:
        """Whether a client with an expired certificate gets an answer over HTTP."""
        with closing(self.connection(self.expired)) as connection:
            try:
                connection.request("POST", "/v1/traces", HONEST, PROTOBUF)
                return str(connection.getresponse().status)
            except (ssl.SSLError, ConnectionError):
                return "no handshake"

    def call_expired(self) -> str:
        """Whether it is understood over gRPC."""
        with self.channel(self.expired) as channel:
            try:
                channel.unary_unary(TRACES)(HONEST, timeout=120)
            except grpc.RpcError as error:
                return "no handshake" if error.code() is grpc.StatusCode.UNAVAILABLE else "other"
        return "OK"

    def drip(self, beginning: bytes) -> str:
        """What a client reads that sends the beginning of a request, and then nothing."""
        with closing(self.connection()) as connection:
            connection.connect()
            connection.sock.sendall(beginning)
            try:
                answer = connection.sock.recv(4096)
            except (ssl.SSLError, ConnectionError):
                answer = b""
            return answer.split(b" ")[1].decode() if answer else "cut off"

    def slow_body(self) -> str:
        """A body that does not come."""
        return self.drip(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"X-Api-Key: " + self.token.encode() + b"\r\nContent-Length: 1000\r\n\r\nabc"
        )

    def slow_head(self) -> str:
        """A head that does not end."""
        return self.drip(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: ")

    def attacks(self) -> dict[str, tuple[Callable[[], str], str]]:
        """What each does, and what it must be answered."""
        gzipped = grpc.Compression.Gzip
        return {
            "slow body": (self.slow_body, "408"),
            "slow head": (self.slow_head, "cut off"),
            "zip bomb": (lambda: self.post(BOMB, content_encoding="gzip"), "413"),
            "zip bomb, gRPC": (
                lambda: self.call(bytes(2**24), compression=gzipped),
                "RESOURCE_EXHAUSTED",
            ),
            "oversize": (lambda: self.post(OVERSIZE), "413"),
            "oversize, gRPC": (lambda: self.call(OVERSIZE), "RESOURCE_EXHAUSTED"),
            "wrong content type": (lambda: self.post(HONEST, content_type="text/html"), "415"),
            "wrong token": (lambda: self.post(HONEST, token="sdk_1_2"), "401"),
            "wrong token, gRPC": (lambda: self.call(HONEST, token="sdk_1_2"), "UNAUTHENTICATED"),
            "garbage": (lambda: self.post(b"\xff\xff"), "400"),
            "garbage, gRPC": (lambda: self.call(b"\xff\xff"), "INVALID_ARGUMENT"),
            "expired certificate": (self.shake_hands_expired, "no handshake"),
            "expired certificate, gRPC": (self.call_expired, "no handshake"),
        }

    def honest_http(self, seed: int) -> tuple[str, list[tuple[str, str]]]:
        """One request; what was answered, and its spans."""
        request = trace_request(5, seed=seed)
        return self.post(request.SerializeToString()), span_ids(request)

    def honest_grpc(self, seed: int) -> tuple[str, list[tuple[str, str]]]:
        """The same over gRPC."""
        request = trace_request(5, seed=seed)
        return self.call(request.SerializeToString()), span_ids(request)


def besiege(siege: Siege) -> tuple[dict[str, set[str]], set[str], set[tuple[str, str]], int]:
    """Let everybody loose at once until each slow one was ended.

    Gives the answers by attack, the honest ones' answers and spans, and how many honest requests
    were answered while the slow ones were being waited for.
    """
    attacks = siege.attacks()
    answers: dict[str, set[str]] = defaultdict(set)
    honest_answers: set[str] = set()
    honest_spans: set[tuple[str, str]] = set()
    begun = threading.Barrier(len(attacks) + 2)
    lock = threading.Lock()
    slow = {"slow body", "slow head"}
    waiting = set(slow)
    over = threading.Event()
    meanwhile = 0

    def attack(name: str, act: Callable[[], str]) -> None:
        begun.wait(120)
        while True:
            answer = act()
            with lock:
                answers[name].add(answer)
                if name in slow:
                    waiting.discard(name)
                    if not waiting:
                        over.set()
            if name in slow or over.is_set():
                return

    def be_honest(act: Callable[[int], tuple[str, list[tuple[str, str]]]], seed: int) -> None:
        nonlocal meanwhile
        begun.wait(120)
        while True:
            seed += 1
            answer, spans = act(seed)
            with lock:
                honest_answers.add(answer)
                honest_spans.update(spans)
                meanwhile += not over.is_set()
            if over.is_set():
                return

    threads = [
        threading.Thread(target=attack, args=(name, act), daemon=True)
        for name, (act, _) in attacks.items()
    ]
    threads += [
        threading.Thread(target=be_honest, args=(act, seed), daemon=True)
        for act, seed in ((siege.honest_http, 10**6), (siege.honest_grpc, 2 * 10**6))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive(), "somebody was never answered"
    return answers, honest_answers, honest_spans, meanwhile


@pytest.mark.acceptance
def test_all_attacks_at_once_are_answered_by_the_table_while_honest_traffic_goes_on(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    data_dir = tmp_path / "data"
    _, token = TokenFile(data_dir / "tokens.json").create("shop", now=1)
    with Served(data_dir, config=CONFIG.format(folder=tmp_path)) as served:
        siege = Siege(served, authority, token)
        expected = {name: {answer} for name, (_, answer) in siege.attacks().items()}

        answers, honest_answers, honest_spans, meanwhile = besiege(siege)
        code = served.stop()

    stored = SpanStore(data_dir).scan_raw("spans").select("trace_id", "span_id").collect()
    assert dict(answers) == expected
    assert honest_answers == {"OK", "200"}
    assert meanwhile >= 2
    assert sorted(stored.rows()) == sorted(honest_spans)
    assert code == 0
