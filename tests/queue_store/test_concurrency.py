"""Many processes on one store: nobody gets what another has, and a killed one leaves no half."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from queue_store.config import QueueConfig
from queue_store.errors import NoItemsAvailableError
from queue_store.model import ItemState
from queue_store.soundness import problems_of
from queue_store.store import QueueStore
from tests.queue_store.desk import NOW, PROJECT, Clock, Desk

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request, tmp_path):
    """A store that several processes can open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def shared(shared_url):
    opened = QueueStore.open(shared_url, QueueConfig())
    yield Desk(opened, Clock())
    opened.close()


def test_threads_adding_the_same_objects_make_each_once(shared):
    shared.queue()
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: shared.add(50), range(6)))

    assert sum(result.added for result in results) == 50
    assert sum(result.duplicates for result in results) == 250
    assert len({result.item_ids for result in results}) == 1
    assert shared.progress().total == 50
    assert problems_of(shared.store) == []


def test_threads_importing_the_same_answers_store_each_once(shared):
    from queue_store.model import ImportRow

    shared.field()
    rows = [
        ImportRow(
            line=number,
            object_type="trace",
            object_id=f"{number}",
            reviewer="ana",
            field="correct",
            value=True,
        )
        for number in range(30)
    ]

    def bring(_):
        return shared.store.import_annotations(
            project=PROJECT, rows=rows, now=NOW, actor="mia"
        ).added

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(bring, range(4))) == 30


def drain(url, name, answers):
    """One process: claims and finishes until nothing is left."""
    store = QueueStore.open(url, QueueConfig())
    desk = Desk(store, Clock())
    taken = []
    while True:
        try:
            claim = desk.next(name)
        except NoItemsAvailableError as error:
            if error.why == "held":
                time.sleep(0.01)
                continue
            break
        taken.append(claim.item.id)
        desk.complete(claim)
    store.close()
    answers.put(taken)


@pytest.mark.acceptance
def test_processes_draining_a_queue_take_every_item_once(shared, shared_url):
    shared.queue()
    shared.add(60)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [
        context.Process(target=drain, args=(shared_url, f"r{number}", answers))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    taken = [item for _ in workers for item in answers.get(timeout=120)]
    for worker in workers:
        worker.join()

    assert len(taken) == len(set(taken)) == 60
    assert shared.progress().completed == 60
    assert problems_of(shared.store) == []


VICTIM = """
import sys
from queue_store.config import QueueConfig
from queue_store.model import AnnotationDraft
from queue_store.store import QueueStore
from tests.queue_store.desk import Clock, Desk

desk = Desk(QueueStore.open(sys.argv[1], QueueConfig()), Clock())
while True:
    claim = desk.next("ana")
    print("claimed", claim.item.id, claim.token, flush=True)
    desk.complete(claim, *[AnnotationDraft(field=f"field_{n}", value=True) for n in range(12)])
    print("stored", claim.item.id, flush=True)
"""


@pytest.mark.acceptance
def test_a_reviewer_killed_in_mid_submit_changed_nothing_or_everything(shared, shared_url):
    names = tuple(f"field_{number}" for number in range(12))
    for name in names:
        shared.field(name, required=True)
    shared.queue(fields=names)
    shared.add(400)
    chance = random.Random(7)

    for _ in range(3):
        victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, shared_url],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        told = [victim.stdout.readline()]
        time.sleep(chance.uniform(0.0, 0.3))
        victim.send_signal(signal.SIGKILL)
        told += victim.stdout.readlines()
        victim.wait()
        victim.stdout.close()
        stored = {int(line.split()[1]) for line in told if line.startswith("stored")}

        done = {item.id for item in shared.listed(status=ItemState.COMPLETED, limit=1000).items}
        answers = {}
        for row in shared.annotations():
            answers.setdefault(row.item_id, set()).add(row.field)
        assert stored <= done
        assert all(given == set(names) for given in answers.values())
        assert set(answers) == done
        assert problems_of(shared.store) == []


def test_a_full_disk_refuses_the_write_and_keeps_the_store(tmp_path):
    url = f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    store = QueueStore.open(url, QueueConfig())
    desk = Desk(store, Clock())
    desk.queue()
    with store.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    store.close()
    small = QueueStore.open(url, QueueConfig())
    from sqlalchemy import event

    @event.listens_for(small.database.engine, "connect")
    def _limited(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    small.database.engine.dispose()
    from queue_store.errors import StoreUnavailableError

    with pytest.raises(StoreUnavailableError, match="full"):
        Desk(small, Clock()).add(2000)

    assert Desk(small, Clock()).progress().total == 0
    small.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_clear_error(tmp_path):
    from queue_store.errors import StoreUnavailableError

    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreUnavailableError):
            QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())
    finally:
        tmp_path.chmod(0o700)
