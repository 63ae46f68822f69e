"""What a connection lives through: pages of other origins, probes, old age."""

from __future__ import annotations

import http.client
import re
import select
import socket
import struct
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.otlp_receiver.requests import trace_request
from tests.otlp_receiver.serving import TRACES, Served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance

CONFIG = """
[receiver]
cors_origins = ["https://app.example"]
connection_age_seconds = "2s"
keepalive_seconds = "1s"
"""
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("short") / "data", config=CONFIG) as running:
        yield running


def ask(
    served: Served, method: str, origin: str, body: bytes = b"", **headers: str
) -> http.client.HTTPResponse:
    host, port = served.http.split(":")
    given = {"Origin": origin} | {name.replace("_", "-"): text for name, text in headers.items()}
    with closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request(method, "/v1/traces", body, given)
        answer = connection.getresponse()
        answer.read()
        return answer


def test_a_page_of_an_allowed_origin_may_ask_and_send(short_lived: Served) -> None:
    body = trace_request(2, seed=11).SerializeToString()

    asked = ask(
        short_lived,
        "OPTIONS",
        "https://app.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type,authorization",
    )
    sent = ask(
        short_lived,
        "POST",
        "https://app.example",
        body,
        Content_Type="application/x-protobuf",
    )

    assert (asked.status, sent.status) == (204, 200)
    assert asked.headers["access-control-allow-methods"] == "POST"
    assert asked.headers["access-control-allow-headers"] == "content-type,authorization"
    for answer in (asked, sent):
        assert answer.headers[ALLOWED] == "https://app.example"
        assert answer.headers["vary"] == "origin"


def test_a_refusal_can_be_read_by_the_page_that_sent_it(short_lived: Served) -> None:
    refused = ask(
        short_lived,
        "POST",
        "https://app.example",
        b"\xff\xff",
        Content_Type="application/x-protobuf",
    )

    assert refused.status == 400
    assert refused.headers[ALLOWED] == "https://app.example"


def test_pages_of_other_origins_are_told_nothing(short_lived: Served) -> None:
    asked = ask(
        short_lived, "OPTIONS", "https://evil.example", Access_Control_Request_Method="POST"
    )

    assert asked.status == 405
    assert ALLOWED not in asked.headers


def test_by_default_no_page_may_send(served: Served) -> None:
    asked = ask(served, "OPTIONS", "https://app.example", Access_Control_Request_Method="POST")

    assert asked.status == 405
    assert ALLOWED not in asked.headers


def test_an_old_connection_is_ended_gracefully_and_no_call_fails(short_lived: Served) -> None:
    was_ready, is_new = threading.Event(), threading.Event()

    def watch(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            was_ready.set()
        elif was_ready.is_set():
            is_new.set()

    body = trace_request(1, seed=12).SerializeToString()
    with short_lived.channel() as channel:
        channel.subscribe(watch, try_to_connect=True)
        call = channel.unary_unary(TRACES)
        answers = [call(body, timeout=120, wait_for_ready=True)]
        for _ in range(3000):
            if is_new.wait(0.05):
                break
            answers.append(call(body, timeout=120, wait_for_ready=True))
        answers.append(call(body, timeout=120, wait_for_ready=True))
        channel.unsubscribe(watch)

    assert is_new.is_set(), "the connection was never ended"
    assert set(answers) == {b""}


def test_a_silent_connection_is_probed(short_lived: Served) -> None:
    """By hand, because a client library would answer the probe unseen."""
    settings, ping, acknowledged = 4, 6, 1
    host, port = short_lived.grpc.split(":")
    frames = []
    with socket.create_connection((host, int(port)), timeout=200) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, b""))
        while ping not in frames:
            head = read(connection, 9)
            length = int.from_bytes(head[:3], "big")
            kind, flags = head[3], head[4]
            read(connection, length)
            frames.append(kind)
            if kind == settings and not flags & acknowledged:
                connection.sendall(frame(settings, acknowledged, b""))

    assert ping in frames


def frame(kind: int, flags: int, payload: bytes, stream: int = 0) -> bytes:
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        assert part, "the connection was ended before it was probed"
        found += part
    return found


@pytest.mark.parametrize(
    ("encoding", "message", "code"),
    [
        # We undo gzip, and find no request; gRPC itself refuses the others.
        (b"gzip", b"\1\0\0\0\7no gzip", grpc.StatusCode.INVALID_ARGUMENT),
        (b"zstd", b"\1\0\0\0\7no zstd", grpc.StatusCode.INTERNAL),
        (b"identity", b"\1\0\0\0\7nothing", grpc.StatusCode.INTERNAL),
    ],
)
def test_a_message_that_is_not_compressed_as_it_says_is_an_error_and_no_line_in_the_log(
    served: Served, encoding: bytes, message: bytes, code: grpc.StatusCode
) -> None:
    """By hand, because a client library sends nothing of the kind."""
    before = served.log.read_text()
    data, headers, settings, last, acknowledged = 0, 1, 4, 1, 1
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": TRACES.encode(),
        b":authority": b"x",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        b"grpc-encoding": encoding,
    }
    packed = b"".join(
        bytes([0, len(name)]) + name + bytes([len(text)]) + text for name, text in fields.items()
    )
    host, port = served.grpc.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=200) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, b""))
        connection.sendall(frame(headers, 4, packed, 1) + frame(settings, acknowledged, b""))
        connection.sendall(frame(data, last, message, 1))
        while (found := re.search(rb"grpc-status.(\d+)", answer, re.DOTALL)) is None:
            part = connection.recv(65536)
            assert part, "the connection was ended without an answer"
            answer += part

    assert int(found[1]) == code.value[0]
    assert served.log.read_text() == before


CROWDED = """
[receiver]
request_bytes_max = "1MiB"
waiting_bytes_max = "1MiB"
request_seconds = "5m"
"""


def test_bodies_that_arrive_at_the_same_time_are_bounded_together(tmp_path: Path) -> None:
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: 900000\r\n\r\n"
    )
    with Served(tmp_path / "data", config=CROWDED) as served, ExitStack() as open_ones:
        host, port = served.http.split(":")
        slow = [
            open_ones.enter_context(socket.create_connection((host, int(port)), timeout=120))
            for _ in range(2)
        ]
        for connection in slow:
            connection.sendall(head + bytes(600_000))
        answered, _, _ = select.select(slow, [], [], 120)
        answer = http.client.HTTPResponse(answered[0])
        answer.begin()
        small = ask(
            served,
            "POST",
            "",
            trace_request(1, seed=1).SerializeToString(),
            Content_Type="application/x-protobuf",
        )

    assert len(answered) == 1
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert small.status == 200


def test_settings_beyond_what_grpc_counts_are_endless(tmp_path: Path) -> None:
    settings = 'request_bytes_max = "1GiB"\nconnection_age_seconds = "60d"\n'
    with Served(
        tmp_path / "data", config=f'[receiver]\n{settings}keepalive_seconds = "60d"\n'
    ) as large:
        body = trace_request(2, seed=12).SerializeToString()
        with large.channel() as channel:
            export = channel.unary_unary(TRACES)
            answers = [export(body, timeout=60) for _ in range(2)]

    assert answers == [b"", b""]
