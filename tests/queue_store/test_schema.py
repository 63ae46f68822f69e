"""The schema: fresh equals migrated, on both engines, and opening is safe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from queue_store import schema
from queue_store.config import QueueConfig
from queue_store.database import Database
from queue_store.errors import InvalidValueError, StoreUnavailableError
from queue_store.model import ItemState
from queue_store.schema import SCHEMA_VERSION, bring_up_to_date, migrate, schema_version
from queue_store.soundness import problems_of
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


EARLIER = ["0001", "0002"]
QUEUE = (
    "INSERT INTO queues (link, project, name, kind, description, instructions, "
    "assignees, state, shown, labels_wanted, overlap_share, extra_reviewers_max, "
    "adjudicate, blind, assignment, revision, created_at, created_by, updated_at) "
    "VALUES ('q1', 'shop', 'old', 'manual', '', '', '[]', 'active', '[]', 2, 1, 0, "
    "false, true, 'self_claim', 1, 5, 'mia', 5)"
)
ITEM = (
    "INSERT INTO items (id, queue_id, object_type, object_id, priority, source, revision, "
    "labels_wanted, labels_done, has_response, added_at, added_by, updated_at, state, came_from, "
    "holder, claimed_by, token, claimed_at, lease_until, completed_at) "
    "VALUES ({id}, 1, 'trace', 'abc{id}', 1.5, 'person', 1, 2, {done}, {done} > 0, 5, 'mia', 5, "
    "{rest})"
)
ITEMS = {
    1: (0, "'pending', NULL, NULL, NULL, NULL, NULL, NULL, NULL"),
    2: (1, "'in_progress', 'pending', 'ben', 'ben', 't2', 7, 9000000000000000, NULL"),
    3: (0, "'pending', 'in_progress', NULL, 'cem', 't3', 7, NULL, NULL"),
    4: (2, "'completed', 'in_progress', NULL, 'ben', NULL, NULL, NULL, 8"),
}
FILLED = (
    QUEUE,
    *(ITEM.format(id=number, done=done, rest=rest) for number, (done, rest) in ITEMS.items()),
    (
        "INSERT INTO queue_counters (queue_id, stripe, pending, in_progress, completed, "
        "with_responses) VALUES (1, 0, 0, 0, 0, 0), (1, 1, 1, 0, 0, 0), (1, 2, 0, 1, 0, 1), "
        "(1, 3, 1, 0, 0, 0), (1, 4, 0, 0, 1, 1), (1, 5, 0, 0, 0, 0), (1, 6, 0, 0, 0, 0), "
        "(1, 7, 0, 0, 0, 0)"
    ),
    (
        "INSERT INTO fields (project, name, version, type, description, options, multiple, "
        "required, purpose, created_at, created_by) VALUES ('shop', 'correct', 1, 'boolean', '', "
        "'[]', false, false, 'feedback', 5, 'mia')"
    ),
    (
        "INSERT INTO responses (item_id, reviewer, round, queue_id, kind, revision, at) "
        "VALUES (2, 'ana', 1, 1, 'submitted', 1, 6)"
    ),
    (
        "INSERT INTO annotations (project, object_type, object_id, queue_id, item_id, "
        "item_revision, reviewer, field_id, value, state, blind, source, slot, fingerprint, "
        "time, stored_at) VALUES ('shop', 'trace', 'abc2', 1, 2, 1, 'ana', 1, 'true', "
        "'submitted', true, 'person', 's', 'f', 6, 6)"
    ),
)

FILLED_SINCE_0002 = (
    (
        "INSERT INTO issues (project, title, description, state, created_at, created_by, "
        "updated_at) VALUES ('shop', 'curt', '', 'open', 5, 'mia', 5)"
    ),
    (
        "INSERT INTO datasets (project, name, description, version, created_at, created_by) "
        "VALUES ('shop', 'golden', '', 1, 5, 'mia')"
    ),
    (
        "INSERT INTO dataset_versions (dataset_id, version, note, created_at, created_by) "
        "VALUES (1, 1, '', 5, 'mia')"
    ),
    (
        "INSERT INTO dataset_entries (dataset_id, added_in, object_type, object_id, annotations, "
        "provenance) VALUES (1, 1, 'trace', 'abc1', '[]', '{}')"
    ),
    (
        "INSERT INTO views (project, name, queue_id, filters, created_at, created_by) "
        "VALUES ('shop', 'mine', 1, '{\"status\":\"pending\"}', 5, 'mia')"
    ),
    (
        "INSERT INTO webhooks (project, url, secret, events, queue_id, created_at, created_by) "
        "VALUES ('shop', 'http://a.example', 's', '[\"item_completed\"]', 1, 5, 'mia')"
    ),
    (
        "INSERT INTO outbox (webhook_id, event, body, created_at, next_attempt_at) "
        "VALUES (1, 'item_completed', '{}', 5, 5)"
    ),
)


@pytest.mark.parametrize("version", EARLIER)
def test_a_filled_store_of_every_earlier_version_is_brought_up_to_date(bare_url, version):
    """What people did under an earlier schema is all there, and goes on, under the newest."""
    database = Database(bare_url, QueueConfig())
    with database.writing() as connection:
        migrate(connection, version)
        for statement in FILLED + (FILLED_SINCE_0002 if version >= "0002" else ()):
            connection.execute(text(statement))
    database.close()

    store = QueueStore.open(bare_url, QueueConfig())

    def finish(item_id, token):
        return store.complete(project="shop", item_id=item_id, token=token, now=NOW)

    assert problems_of(store) == []
    assert [row.value for row in store.annotations(project="shop")] == [True]
    held = store.item(project="shop", item_id=2)
    assert (held.holder, held.open_seats, held.state) == ("ben", 0, ItemState.IN_PROGRESS)
    assert finish(2, "t2").state is ItemState.COMPLETED
    assert finish(3, "t3").labels_done == 1
    claim = store.claim_next(project="shop", queue="old", reviewer="ana", now=NOW)
    assert (claim.item.object_id, claim.item.open_seats) == ("abc1", 1)
    assert store.item(project="shop", item_id=4).state is ItemState.COMPLETED
    assert problems_of(store) == []
    if version >= "0002":
        kept(store)
    store.close()


def kept(store):
    """What people keep beside queues is all there, and goes on."""
    assert [issue.title for issue in store.issues(project="shop")] == ["curt"]
    assert store.dataset(project="shop", name="golden").entries == 1
    assert store.view(project="shop", name="mine").filters == {"status": "pending"}
    (hook,) = store.webhooks(project="shop")
    assert (hook.queue, hook.secret, hook.waiting) == ("old", "s", 2)
    assert [told.event.value for told in store.due(now=NOW)] == ["item_completed"] * 2


def test_every_earlier_version_is_tried():
    scripts = Path(schema.__file__).parent / "migrations" / "versions"
    numbers = sorted(path.name[1:5] for path in scripts.glob("m*.py"))

    assert numbers == [*EARLIER, SCHEMA_VERSION]
