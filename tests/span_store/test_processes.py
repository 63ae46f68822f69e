"""Several processes on one table: writers, keepers, readers, and ``kill -9`` at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from span_store.store import SpanStore
from tests.span_store.appending import ROWS
from tests.span_store.rows import span, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

PROGRAM = Path(__file__).with_name("appending.py")
WRITERS = 3
BATCHES = 15


@pytest.fixture
def start() -> Iterator[type[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(PROGRAM), *map(str, arguments)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield begin  # type: ignore[misc]
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def test_writers_keepers_and_readers_do_not_disturb_each_other(tmp_path, start) -> None:
    place = tmp_path / "data"
    writers = [start("append", place, writer, 1, BATCHES) for writer in range(WRITERS)]
    keepers = [start("compact", place) for _ in range(2)]
    store = SpanStore(place)
    seen = [0]

    while any(writer.poll() is None for writer in writers):
        found = store.scan("spans").select("name", "span_id").collect()
        assert found.height % ROWS == 0
        assert found.height >= seen[-1]
        seen.append(found.height)
    for process in [*writers, *keepers]:
        if process in keepers:
            process.kill()
        process.wait()

    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert len(set(seen)) > 2
    assert store.scan("spans").collect().height == WRITERS * BATCHES * ROWS
    assert store.scan_raw("spans").collect().height == WRITERS * BATCHES * ROWS
    numbers = [store.last_transaction("spans", f"writer-{n}") for n in range(WRITERS)]
    assert numbers == [BATCHES] * WRITERS
    _, files = store.table_log("spans").live_files()
    assert files.height < WRITERS * BATCHES


def test_after_a_kill_the_transaction_number_says_the_truth(tmp_path, start) -> None:
    place = tmp_path / "data"
    rand = random.Random(20)
    last = 0
    for _ in range(8):
        writer = start("append", place, 0, last + 1, 10_000)
        assert int(writer.stdout.readline()) == last + 1
        time.sleep(rand.random() * 0.3)
        writer.kill()
        announced = [int(line) for line in writer.stdout.read().split()] or [last + 1]

        store = SpanStore(place)
        last = store.last_transaction("spans", "writer-0")
        stored = store.scan_raw("spans").group_by("name").len().collect()

        # The last batch may be committed although the writer died before it could say so.
        assert last in {announced[-1], announced[-1] + 1}
        assert dict(stored.rows()) == {f"{number}": ROWS for number in range(1, last + 1)}


def test_thousands_of_commits_leave_a_short_log(tmp_path) -> None:
    store = SpanStore(tmp_path / "data")

    for number in range(60):
        store.append("spans", spans(span(number=number)), ("writer", number))

    checkpoints = list((tmp_path / "data" / "spans" / "_delta_log").glob("*.checkpoint.parquet"))
    assert len(checkpoints) >= 2
    assert SpanStore(store.place).last_transaction("spans", "writer") == 59
