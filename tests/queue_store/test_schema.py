"""The schema: fresh equals migrated, on both engines, and opening is safe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, inspect, text

from queue_store.config import QueueConfig
from queue_store.database import Database
from queue_store.errors import InvalidValueError, StoreUnavailableError
from queue_store.schema import SCHEMA_VERSION, bring_up_to_date, migrate, schema_version
from queue_store.store import QueueStore
from tests.queue_store.desk import NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request, tmp_path):
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    return request.getfixturevalue("bare_postgres_url")


def described(database):
    """Everything that makes a schema: columns, constraints, indexes, triggers."""
    inspector = inspect(database.engine)
    tables = {}
    for name in inspector.get_table_names():
        tables[name] = {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            ],
            "key": inspector.get_pk_constraint(name),
            "foreign": sorted(map(str, inspector.get_foreign_keys(name))),
            "unique": sorted(map(str, inspector.get_unique_constraints(name))),
            "checks": sorted(map(str, inspector.get_check_constraints(name))),
        }
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') ORDER BY name"
        if database.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "UNION ALL SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
        "ORDER BY 1"
    )
    with database.engine.connect() as connection:
        return tables, [tuple(row) for row in connection.execute(text(query))]


def test_a_fresh_schema_equals_the_migrated_one(bare_url):
    database = Database(bare_url, QueueConfig())
    with database.writing() as connection:
        migrate(connection)
    migrated = described(database)
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for name in migrated[0]:
                connection.execute(text(f"DROP TABLE {name}"))
        else:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))

    bring_up_to_date(database)

    with database.reading() as connection:
        assert schema_version(connection) == SCHEMA_VERSION
    assert described(database) == migrated
    database.close()


def test_many_may_open_a_new_database_at_once(bare_url):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: QueueStore.open(bare_url, QueueConfig()), range(4)))

    assert all(store.queues(project="p") == [] for store in stores)
    for store in stores:
        store.close()


def test_a_database_of_a_newer_version_is_refused(bare_url):
    QueueStore.open(bare_url, QueueConfig()).close()
    engine = create_engine(Database(bare_url, QueueConfig()).url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreUnavailableError, match="install the version that wrote it"):
        QueueStore.open(bare_url, QueueConfig())


@pytest.mark.parametrize("url", ["mysql://root@localhost/db", "not a url"])
def test_a_url_of_another_engine_is_refused(url):
    with pytest.raises(InvalidValueError, match="sqlite"):
        QueueStore.open(url, QueueConfig())


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nonexistent-folder/queue.sqlite3",
        "postgresql://nobody@127.0.0.1:1/nothing",
    ],
)
def test_a_place_that_cannot_be_used_is_a_clear_error(url):
    with pytest.raises(StoreUnavailableError) as caught:
        QueueStore.open(url, QueueConfig())

    assert caught.value.__cause__ is not None


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path):
    (tmp_path / "queue.sqlite3").write_text("this is not a database" * 100)

    with pytest.raises(StoreUnavailableError, match="not a database"):
        QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())


def test_a_filled_store_of_the_first_version_is_brought_up_to_date(bare_url):
    """What people did under the first schema is all there under the newest."""
    database = Database(bare_url, QueueConfig())
    with database.writing() as connection:
        migrate(connection, "0001")
        connection.execute(
            text(
                "INSERT INTO queues (link, project, name, kind, description, instructions, "
                "assignees, state, shown, labels_wanted, overlap_share, extra_reviewers_max, "
                "adjudicate, blind, assignment, revision, created_at, created_by, updated_at) "
                "VALUES ('q1', 'shop', 'old', 'manual', '', '', '[]', 'active', '[]', 1, 1, 0, "
                "false, true, 'self_claim', 1, 5, 'mia', 5)"
            )
        )
        connection.execute(
            text("INSERT INTO queue_counters (queue_id, stripe) VALUES (1, 0), (1, 1), (1, 2)")
        )
        connection.execute(
            text(
                "INSERT INTO items (queue_id, object_type, object_id, priority, source, revision, "
                "labels_wanted, added_at, added_by, updated_at) "
                "VALUES (1, 'trace', 'abc', 1.5, 'person', 1, 1, 5, 'mia', 5)"
            )
        )
        connection.execute(
            text("UPDATE queue_counters SET pending = 1 WHERE queue_id = 1 AND stripe = 1")
        )
    database.close()

    store = QueueStore.open(bare_url, QueueConfig())
    claim = store.claim_next(project="shop", queue="old", reviewer="ana", now=NOW)

    assert (claim.item.object_id, claim.item.priority) == ("abc", 1.5)
    assert store.progress(project="shop", queue="old").in_progress == 1
    store.close()
