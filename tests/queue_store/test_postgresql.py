"""What a server makes possible: many writers beside each other, and connections that break."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from queue_store import database
from queue_store.config import QueueConfig
from queue_store.errors import StoreUnavailableError
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
