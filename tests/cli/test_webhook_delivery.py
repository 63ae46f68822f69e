"""Events reach their webhooks signed, whatever the other receivers do; nobody has to ask twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli import webhook_delivery
from cli.context import Context
from cli.webhook_delivery import Courier, deliver_due
from queue_store.model import HookEvent, ItemDraft, ObjectType, QueueDraft

PATIENCE_SECONDS = 60


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent and answers as it was told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.put((self.headers, body))
        self.send_response(self.server.answer)
        if self.server.answer == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.taken, server.answer = queue.Queue(), 200
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def context(tmp_path):
    made = Context(data_dir=str(tmp_path), config_file=None, project="shop")
    yield made
    made.queue_store.close()


@pytest.fixture
def said(context):
    made = {"project": "shop", "now": context.now(), "actor": "mia"}
    context.queue_store.create_queue(draft=QueueDraft(name="checks"), **made)
    return made


def happen(context, said, number):
    """Something that webhooks are told."""
    draft = ItemDraft(object_type=ObjectType.TRACE, object_id=f"{number:032x}")
    context.queue_store.add_items(queue="checks", drafts=[draft], **said)


def hook(context, said, url):
    events = [HookEvent.ITEMS_ADDED]
    return context.queue_store.create_webhook(url=url, events=events, **said)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_what_is_delivered_is_signed_and_delivered_once(context, said, receiver):
    secret = hook(context, said, receiver.url).secret
    happen(context, said, 1)

    assert deliver_due(context) == (1, 0)
    assert deliver_due(context) == (0, 0)
    headers, body = receiver.taken.get(timeout=PATIENCE_SECONDS)
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Spandocket-Signature"] == f"sha256={digest}"
    assert json.loads(body)["event"] == "items_added"


def test_a_receiver_that_is_away_keeps_no_other_waiting_and_is_tried_once_a_round(
    context, said, receiver
):
    hook(context, said, f"http://127.0.0.1:{closed_port()}/")
    hook(context, said, receiver.url)
    for number in range(5):
        happen(context, said, number)

    assert deliver_due(context) == (5, 1)
    away, there = context.queue_store.webhooks(project="shop")
    assert (away.waiting, away.failed, there.waiting) == (5, 0, 0)


@pytest.mark.parametrize("answer", [302, 404, 500])
def test_every_other_answer_is_a_refusal(context, said, receiver, answer):
    receiver.answer = answer
    hook(context, said, receiver.url)
    happen(context, said, 1)

    assert deliver_due(context) == (0, 1)
    assert receiver.taken.qsize() == 1


@pytest.mark.parametrize("url", ["http://a b/", "http://x.invalid/\n", "http://127.0.0.1:99999/"])
def test_a_url_that_nothing_can_be_sent_to_is_a_refusal(context, said, url):
    hook(context, said, url)
    happen(context, said, 1)

    assert deliver_due(context, timeout_seconds=1.0) == (0, 1)


def test_an_answer_that_is_no_http_is_a_refusal(context, said):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"what?\r\n\r\n")
            connection.close()

        threading.Thread(target=babble, daemon=True).start()
        hook(context, said, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        happen(context, said, 1)

        assert deliver_due(context) == (0, 1)


def test_a_courier_delivers_while_others_work(context, said, receiver, monkeypatch):
    monkeypatch.setattr(webhook_delivery, "PAUSE_SECONDS", 0.01)
    hook(context, said, receiver.url)
    with Courier(context):
        for number in range(3):
            happen(context, said, number)
            receiver.taken.get(timeout=PATIENCE_SECONDS)
