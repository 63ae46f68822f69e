from __future__ import annotations

from datetime import timedelta

from analytics.job import run
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.spans import AS_OF, chat, frame


def test_the_page_of_a_run_shows_cohorts_and_is_the_same_twice(tmp_path, spandocket):
    data = tmp_path / "data"
    store = SpanStore(data)
    rows = [chat(f"t{n}", at=n * 60, seconds=9 if n == 90 else 1 + n % 7 / 50) for n in range(100)]
    store.append("spans", frame(rows))
    queues = QueueStore.open(f"sqlite:///{data}/queue.sqlite3", QueueConfig())
    run(store, queues, project="default", as_of=AS_OF + timedelta(days=1))
    queues.close()

    done = [
        spandocket("runs", "report", "--html", tmp_path / f"{n}.html", data_dir=data)
        for n in (1, 2)
    ]

    assert [one.code for one in done] == [0, 0], done[0].err
    pages = [(tmp_path / f"{n}.html").read_text(encoding="utf-8") for n in (1, 2)]
    assert pages[0] == pages[1]
    assert "<svg" in pages[0]
    assert "resource_outliers" in pages[0]
