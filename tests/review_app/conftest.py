"""A queue with two traces and a form, behind the real application."""

from __future__ import annotations

import json
import os
import shutil
import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import uvicorn
from starlette.testclient import TestClient

from otlp_receiver.tokens import REVIEWER_PREFIX, TokenFile
from queue_store.config import QueueConfig
from queue_store.model import (
    AnnotationDraft,
    FieldDraft,
    FieldOption,
    FieldType,
    ItemDraft,
    ObjectType,
    QueueDraft,
)
from queue_store.store import QueueStore
from review_app.access import Access
from review_app.application import create_application
from review_app.browsing import PageCalls
from span_store.schema import SPANS, TRACES
from span_store.store import SpanStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, SECOND = "a" * 32, "b" * 32


class Clock:
    """A clock that tests move."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now

    def pass_time(self, **duration):
        self.now += timedelta(**duration)


def said(role, text):
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def model_call(trace_id, number, history, answer):
    return {
        "project": "default",
        "trace_id": trace_id,
        "span_id": f"{number:016x}",
        "name": "chat",
        "start_time": number * 1_000_000_000,
        "end_time": number * 1_000_000_000 + 5,
        "received_at": 1,
        "is_model_call": True,
        "is_error": False,
        "input_messages": json.dumps(history),
        "output_messages": json.dumps([answer]),
    }


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def spans(tmp_path):
    store = SpanStore(tmp_path)
    ask, answer, thank = said("user", "Where?"), said("assistant", "There."), said("user", "Sure?")
    rows = [
        model_call(FIRST, 1, [ask], answer),
        model_call(FIRST, 2, [ask, answer, thank], said("assistant", "Yes.")),
        model_call(SECOND, 1, [said("user", "<b>bold</b>")], said("assistant", "No.")),
    ]
    store.append("spans", pl.DataFrame(rows, schema=SPANS.polars))
    return store


@pytest.fixture
def traces(spans):
    rows = [
        dict.fromkeys(TRACES.names)
        | {"project": "default", "trace_id": trace_id, "revision": 1, "start_time": number}
        for number, trace_id in enumerate((FIRST, SECOND), start=1)
    ]
    spans.append("traces", pl.DataFrame(rows, schema=TRACES.polars))
    return spans


@pytest.fixture
def queues(tmp_path, clock):
    store = QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())
    common = {"project": "default", "now": clock(), "actor": "lead"}
    options = tuple(FieldOption(value=value) for value in ("good", "bad"))
    verdict = FieldDraft(name="verdict", type=FieldType.CATEGORICAL, options=options, required=True)
    store.create_field(draft=verdict, **common)
    note = FieldDraft(name="note", type=FieldType.STRING)
    store.create_field(draft=note, **common)
    draft = QueueDraft(name="doubts", instructions="Read it all.", fields=("verdict", "note"))
    store.create_queue(draft=draft, **common)
    drafts = [
        ItemDraft(object_type=ObjectType.TRACE, object_id=FIRST, priority=2, reason="First."),
        ItemDraft(object_type=ObjectType.TRACE, object_id=SECOND, priority=1, reason="Second."),
    ]
    store.add_items(queue="doubts", drafts=drafts, **common)
    yield store
    store.close()


@pytest.fixture
def application(queues, spans, clock, reviewer_tokens):
    calls = PageCalls(queues=queues, spans=spans, project="default", clock=clock)
    access = Access(reviewer_tokens, project="default", session_seconds=3600, clock=clock)
    return create_application(calls, ["127.0.0.1", "localhost"], access)


@pytest.fixture
def reviewer_tokens(tmp_path):
    """No reviewer has a token yet."""
    return TokenFile(tmp_path / "reviewers.json", REVIEWER_PREFIX)


@pytest.fixture
def client(application):
    with TestClient(application, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def disputed(queues, clock):
    """An item on which two reviewers disagree."""
    common = {"project": "default", "now": clock()}
    draft = QueueDraft(name="pairs", fields=("verdict",), labels_wanted=2, adjudicate=True)
    queues.create_queue(draft=draft, actor="lead", **common)
    drafts = [ItemDraft(object_type=ObjectType.TRACE, object_id=FIRST)]
    (item_id,) = queues.add_items(queue="pairs", drafts=drafts, actor="lead", **common).item_ids
    for reviewer, verdict in (("ann", "good"), ("bob", "bad")):
        claim = queues.claim_next(queue="pairs", reviewer=reviewer, **common)
        values = [AnnotationDraft(field="verdict", value=verdict)]
        queues.complete(item_id=item_id, token=claim.token, values=values, **common)
    return item_id


@pytest.fixture
def address(application):
    config = uvicorn.Config(application, port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser():
    """One Chromium for the tests of a module; each has a profile of its own.

    Not for longer: while it runs, nothing else in this thread may run an event loop.
    """
    browser_path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser_path is None and "CI" not in os.environ:
        pytest.skip("SKIPPED LOUDLY: no Chromium on this machine; CI has one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    context.close()
    assert page.errors == []
