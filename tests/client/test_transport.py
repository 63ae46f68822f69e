"""What is tried again, and what answers that are not the API's become."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from spandocket_client import (
    Client,
    ServerError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)

EMPTY = {"issues": []}
AWAY = {"error": "StoreUnavailable", "message": "away", "remedy": "try again later"}


@pytest.fixture
def server():
    """Answers what the test put into ``answers``, one a request, and notes the requests."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.server.asked.append(self.command)
            status, body = self.server.answers.pop(0)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answers, server.asked = [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(server, pauses):
    with Client(f"http://127.0.0.1:{server.server_port}", sleep=pauses.append) as client:
        yield client


def test_reads_are_tried_again_with_growing_pauses(client, server, pauses):
    server.answers = [(503, AWAY), (502, b"<html>"), (200, EMPTY)]

    assert client.list_issues() == []
    assert pauses == [0.2, 0.4]


def test_reads_are_given_up(client, server, pauses):
    server.answers = [(503, AWAY)] * 4

    with pytest.raises(UnavailableError, match="away"):
        client.list_issues()
    assert len(pauses) == 3


def test_writes_are_sent_once(client, server, pauses):
    server.answers = [(503, AWAY)]

    with pytest.raises(UnavailableError):
        client.create_issue("curt")
    assert (server.asked, pauses) == (["POST"], [])


def test_nobody_there_is_told_with_the_address(server, pauses):
    server.server_close()
    url = f"http://127.0.0.1:{server.server_port}"
    with Client(url, sleep=pauses.append) as client:
        with pytest.raises(UnreachableError) as away:
            client.list_issues()
        assert (away.value.url, len(pauses)) == (url, 3)
        with pytest.raises(UnreachableError):
            client.create_issue("curt")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, {"issues": [{"id": 1}]}),
        (200, {"issues": [5]}),
        (404, b"Not Found"),
        (404, ["what"]),
    ],
)
def test_what_is_not_the_api_is_told_so(client, server, status, body):
    server.answers = [(status, body)]

    with pytest.raises(UnexpectedAnswerError):
        client.list_issues()


def test_a_defect_of_the_server_is_its_own_error(client, server):
    server.answers = [(500, {"error": "Internal", "message": "KeyError", "remedy": "the log"})]

    with pytest.raises(ServerError) as defect:
        client.list_issues()
    assert (str(defect.value), defect.value.remedy) == ("KeyError (the log)", "the log")
