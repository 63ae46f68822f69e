"""What a server makes possible: many writers beside each other, and connections that break."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event

import pytest
from sqlalchemy import create_engine, event, text

from queue_store import database
from queue_store.config import QueueConfig
from queue_store.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NotFoundError,
    QueueStoreError,
    StoreUnavailableError,
)
from queue_store.model import AnnotationDraft, DatasetEntry, HookEvent, ObjectType, Queue
from queue_store.soundness import problems_of
from queue_store.store import QueueStore
from tests.queue_store.desk import PROJECT, Clock, Desk

PATIENCE_SECONDS = 120


@pytest.fixture
def desk(postgres_url):
    opened = QueueStore.open(postgres_url, QueueConfig())
    yield Desk(opened, Clock())
    opened.close()


def test_a_claim_waits_for_no_other_write_of_the_queue(desk):
    desk.queue()
    desk.add(4)
    with ThreadPoolExecutor(1) as pool, desk.store.database.engine.connect() as other:
        other.execute(text("SELECT 1 FROM queue_counters FOR UPDATE"))
        claims = [
            pool.submit(desk.next, name).result(timeout=PATIENCE_SECONDS) for name in ("ana", "ben")
        ]
        other.rollback()

    assert [claim.item.id for claim in claims] == [1, 2]
    progress = desk.progress()
    assert (progress.pending, progress.in_progress) == (2, 2)
    assert [entry.action for entry in desk.store.audit(project=PROJECT)][:2] == ["claim", "claim"]
    assert problems_of(desk.store) == []


def end_connections(url):
    """As a restart of the server does."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_rested_connection_that_broke_is_replaced(desk, postgres_url, monkeypatch):
    monkeypatch.setattr(database, "REST_SECONDS", 0.0)
    desk.queue()
    end_connections(postgres_url)

    assert desk.add(1).added == 1


def test_a_connection_that_breaks_in_use_is_told_once(desk, postgres_url, monkeypatch):
    monkeypatch.setattr(database, "REST_SECONDS", 1e9)
    desk.queue()
    end_connections(postgres_url)

    with pytest.raises(StoreUnavailableError):
        desk.add(1)
    assert desk.add(1).added == 1


def test_of_two_who_end_the_last_two_items_the_second_tells_that_the_queue_is_finished(desk):
    """Scenario: both writes are under way before either is stored."""
    desk.queue()
    desk.add(2)
    desk.store.create_webhook(
        project=PROJECT,
        url="http://a.example",
        events=[HookEvent.QUEUE_FINISHED],
        now=desk.clock.now,
        actor="mia",
    )
    first, second = desk.next("ana"), desk.next("ben")
    reached, go_on = Event(), Event()

    @event.listens_for(desk.store.database.engine, "commit")
    def _hold(_connection):
        if not reached.is_set():
            reached.set()
            go_on.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(desk.complete, first)
        assert reached.wait(PATIENCE_SECONDS)
        other = pool.submit(desk.complete, second)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with desk.store.database.engine.connect() as connection:
            while not other.done() and not connection.scalar(text(waiting)):
                time.sleep(0.01)
        go_on.set()
        one.result(timeout=PATIENCE_SECONDS)
        other.result(timeout=PATIENCE_SECONDS)

    assert [told.event for told in desk.store.due(now=desk.clock.now)] == [HookEvent.QUEUE_FINISHED]


def at_once(*actions):
    """Do these at the same time; gives what each gave, or its error."""
    start = Barrier(len(actions))

    def act(action):
        start.wait(PATIENCE_SECONDS)
        try:
            return action()
        except QueueStoreError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def test_what_managers_change_at_once_is_all_kept(desk):
    store, said = desk.store, {"project": PROJECT, "now": desk.clock.now, "actor": "mia"}
    desk.queue()
    store.create_dataset(name="kept", **said)

    def change(key, value):
        return lambda: store.update_queue(name="spot_checks", changes={key: value}, **said)

    def keep(number):
        entry = DatasetEntry(
            object_type=ObjectType.TRACE,
            object_id=f"{number}",
            input=None,
            output=None,
            expected=None,
            annotations=[],
            provenance={},
        )
        return lambda: store.add_entries(dataset="kept", entries=[entry], **said)

    settings = {"description": "d", "instructions": "i", "labels_wanted": 3, "adjudicate": True}
    for turn in range(3):
        desk.queue(f"other_{turn}")
        at_once(*(change(key, value) for key, value in settings.items()))
        versions = at_once(*(keep(f"{turn}-{number}") for number in range(4)))
        assert not any(isinstance(found, Exception) for found in versions), versions
        same = at_once(*[partial(desk.field, f"field_{turn}")] * 4)
        assert len({field.version for field in same}) == 1
        rename = partial(store.update_queue, name=f"other_{turn}", **said)
        taken = at_once(
            *(partial(rename, changes={"name": name}) for name in ("one", "one", "spot_checks"))
        )
        assert {type(found) for found in taken} <= {Queue, AlreadyExistsError, NotFoundError}

    queue = store.queue(project=PROJECT, name="spot_checks")
    assert {key: getattr(queue, key) for key in settings} == settings
    assert store.dataset(project=PROJECT, name="kept").version == 12
    assert store.dataset(project=PROJECT, name="kept").entries == 12


def test_a_reviewer_in_two_windows_loses_nothing(desk):
    desk.field()
    desk.queue(fields=("correct",))
    desk.add(1)

    def answer(value):
        return desk.annotate(1, "ana", AnnotationDraft(field="correct", value=value))[0]

    for _ in range(8):
        desk.clock.pass_seconds(1)
        standing = answer(value=False)
        mine = {"annotation_id": standing.id, "project": PROJECT, "actor": "ana"}
        mine["now"] = desk.clock.now
        found = at_once(
            partial(desk.store.edit_annotation, value=True, **mine),
            partial(answer, value=True),
            partial(desk.store.withdraw_annotation, **mine),
        )
        errors = [type(one) for one in found if isinstance(one, Exception)]
        assert set(errors) <= {InvalidValueError}, found
        assert "cannot be stored" not in str(found)
    assert problems_of(desk.store) == []
