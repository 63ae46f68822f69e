"""The page of a run: what it shows, and that the same input gives the same bytes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from analytics.job import run
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.spans import AS_OF, chat, frame, tool

LATER = AS_OF + timedelta(days=1)


def rows():
    """Traces of two agents; one takes nine seconds, one calls a tool that fails."""
    chats = [
        chat(
            f"t{n}",
            at=n * 60,
            seconds=9 if n == 90 else 1 + n % 7 / 50,
            agent_name="guide" if n % 3 else "clerk",
        )
        for n in range(100)
    ]
    failed = tool("t5", "search", at=301, seconds=0.1, parent=chats[5], result={"error": "down"})
    return [*chats, failed]


def test_the_page_shows_limits_flags_hours_and_what_moved(store, queues, command, tmp_path):
    store.append("spans", frame(rows()))
    run(store, queues, project="default", as_of=AS_OF)
    slower = [
        chat(f"u{n}", at=9e4 + n * 60, seconds=3 + n % 7 / 50, agent_name="guide")
        for n in range(150)
    ]
    store.append("spans", frame(slower))
    run(store, queues, project="default", as_of=LATER)

    said = command("runs", "report", "--html", tmp_path / "run.html", "--cohorts", "1")
    first = store.scan("runs").collect().sort("as_of")["run_id"][0]
    before = command("runs", "report", first, "--html", tmp_path / "first.html")

    assert (said.code, before.code) == (0, 0), said.err + before.err
    page, earlier = ((tmp_path / f"{name}.html").read_text() for name in ("run", "first"))
    for shown in (
        "The 1 largest of 2 cohorts",
        "limit",
        "Mon",
        "times usual",
        "flagged",
        "Baselines that moved",
        "resource_outliers",
    ):
        assert shown in page
    assert page.count("<h3>") == 1
    # The first run knows neither later traces nor a run before it.
    assert "Baselines that moved" not in earlier
    assert "66 traces" in earlier or "67 traces" in earlier


def written(tmp_path, name, batches):
    """Everything that a run over these spans writes, as bytes."""
    place = tmp_path / name
    store = SpanStore(place)
    for batch in batches:
        store.append("spans", frame(batch))
    queues = QueueStore.open(f"sqlite:///{place / 'queue.sqlite3'}", QueueConfig())
    report = run(store, queues, project="default", as_of=LATER)
    items = [
        (item.queue, item.object_id, item.priority, item.priority_terms, item.reason)
        for queue in queues.queues(project="default")
        for item in queues.items(project="default", queue=queue.name, limit=500).items
    ]
    queues.close()
    findings = store.scan("findings").collect().sort("finding_id").write_ndjson()
    traces = store.scan("traces").collect().sort("trace_id").write_ndjson()
    return json.dumps(report.as_json(), default=str), items, findings, traces


@pytest.mark.parametrize("order", ["backwards", "twice"])
def test_the_order_and_the_repetition_of_what_arrives_change_no_byte(tmp_path, spandocket, order):
    once = rows()
    batches = [once[::-1]] if order == "backwards" else [once[:40], once, once[::2]]

    one, other = written(tmp_path, "one", [once]), written(tmp_path, "other", batches)
    done = [
        spandocket("runs", "report", "--html", tmp_path / f"{name}.html", data_dir=tmp_path / name)
        for name in ("one", "other")
    ]

    assert one == other
    assert [said.code for said in done] == [0, 0], done[0].err
    pages = [(tmp_path / f"{name}.html").read_bytes() for name in ("one", "other")]
    assert pages[0] == pages[1]
    assert b"<svg" in pages[0]
