"""The line of SQLite's writers: first come, first served; nobody waits for ever for one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from queue_store.config import QueueConfig
from queue_store.errors import StoreUnavailableError
from queue_store.store import QueueStore
from queue_store.turns import AVAILABLE, Turns
from tests.queue_store.desk import Clock, Desk

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not AVAILABLE, reason="SKIPPED LOUDLY: only Linux has this line")


@pytest.fixture
def desk(tmp_path):
    store = QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())
    yield Desk(store, Clock())
    store.close()


def test_writers_go_in_the_order_in_which_they_came(tmp_path):
    turns = Turns(tmp_path / "turn", stuck_seconds=60)
    served = []
    drawn = threading.Semaphore(0)
    drawing = turns._draw

    def draw_and_tell(handle):
        place = drawing(handle)
        drawn.release()
        return place

    turns._draw = draw_and_tell

    def write(name):
        with turns.taken():
            served.append(name)

    with turns.taken():
        drawn.acquire()
        threads = []
        for name in range(6):
            threads.append(threading.Thread(target=write, args=(name,)))
            threads[-1].start()
            drawn.acquire()
    for thread in threads:
        thread.join()

    assert served == list(range(6))
    turns.close()


HOLDER = """
import sys, time
from pathlib import Path
from queue_store.turns import Turns
with Turns(Path(sys.argv[1]), stuck_seconds=60).taken():
    print("held", flush=True)
    time.sleep(600)
"""


def holder(path):
    """Another process that is in line and does not move."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_writer_that_stands_still_is_passed(tmp_path):
    config = QueueConfig(busy_timeout_seconds=1.5)
    store = QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", config)
    desk = Desk(store, Clock())
    stands = holder(tmp_path / "queue.sqlite3-turn")
    try:
        desk.queue()
        desk.add(3)
        assert desk.next().item.id == 1
    finally:
        store.close()
        stands.kill()
        stands.wait()
        stands.stdout.close()


def test_a_writer_that_was_killed_leaves_the_line(tmp_path):
    killed = holder(tmp_path / "turn")
    killed.kill()
    killed.wait()
    killed.stdout.close()

    turns = Turns(tmp_path / "turn", stuck_seconds=3600)
    with turns.taken():
        pass

    turns.close()


def test_a_file_of_the_line_that_holds_nonsense_is_no_obstacle(desk, tmp_path):
    (tmp_path / "queue.sqlite3-turn").write_bytes(b"\xff" * 200)

    desk.queue()

    assert desk.progress().total == 0


def test_a_transaction_that_never_ends_is_a_clear_error_for_the_others(tmp_path):
    config = QueueConfig(busy_timeout_seconds=0.2)
    url = f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    stuck, waiting = QueueStore.open(url, config), QueueStore.open(url, config)
    Desk(waiting, Clock()).queue()

    with (
        stuck.database.writing(),
        pytest.raises(StoreUnavailableError, match="locked"),
    ):
        Desk(waiting, Clock()).add(1)

    Desk(waiting, Clock()).add(1)
    stuck.close()
    waiting.close()
