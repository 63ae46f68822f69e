"""The hot statements use their indexes, on a full table, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from queue_store.claims import CLAIM
from queue_store.config import QueueConfig
from queue_store.items import VISIBLE, list_statement
from queue_store.leases import ENDED, HELD, LOOK
from queue_store.model import ItemState
from queue_store.store import QueueStore
from tests.queue_store.desk import PROJECT, Clock, Desk


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request, tmp_path_factory):
    """Two queues with many items, many of them finished, and statistics of them."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'queue.sqlite3'}"
    else:
        url = request.getfixturevalue("plans_postgres_url")
    desk = Desk(QueueStore.open(url, QueueConfig(lease_seconds=600)), Clock())
    desk.queue(labels_wanted=2)
    desk.queue("other")
    desk.add(2000)
    desk.add(2000, queue="other")
    filler = text(
        "INSERT INTO items (queue_id, object_type, object_id, state, came_from, priority, source, "
        "revision, labels_wanted, open_seats, added_at, added_by, updated_at, completed_at) "
        "SELECT queue_id, object_type, object_id || :more, 'completed', 'in_progress', priority, "
        "source, revision, labels_wanted, 0, added_at, added_by, updated_at, 1 FROM items "
        "WHERE state = 'pending'"
    )
    with desk.store.database.engine.begin() as connection:
        for number in range(4):
            connection.execute(filler, {"more": f"-{number}"})
        leases = (
            "INSERT INTO leases (item_id, reviewer, queue_id, token, claimed_at, lease_until) "
            "SELECT id, 'somebody_' || (id % 200), queue_id, 't', 1, 1 + id FROM items"
        )
        connection.execute(text(leases))
    with desk.store.database.engine.connect().execution_options(
        isolation_level="AUTOCOMMIT"
    ) as connection:
        connection.execute(text("ANALYZE"))
    yield desk
    desk.store.close()


def plan(desk, statement, **given):
    """What the engine is going to do, as text."""
    database = desk.store.database
    prefix = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    compiled = statement.compile(database.engine)
    with database.engine.connect() as connection:
        processed = compiled.construct_params(given)
        bound = {
            name: compiled._bind_processors[name](value)
            if name in compiled._bind_processors
            else value
            for name, value in processed.items()
        }
        arguments = (
            tuple(bound[name] for name in compiled.positiontup) if compiled.positional else bound
        )
        rows = connection.exec_driver_sql(prefix + str(compiled), arguments).all()
        connection.rollback()
    return "\n".join(str(row[-1]) for row in rows)


def whole_reads(desk, found):
    """Lines of a plan that read a whole table."""
    word = "SCAN " if desk.store.database.is_sqlite else "Seq Scan on "
    tables = ("items", "leases", "free", "own")
    return [
        line for line in found.splitlines() if any(f"{word}{table}" in line for table in tables)
    ]


def test_a_claim_uses_the_claim_index_and_sorts_nothing(full):
    now = full.clock.now
    found = plan(full, CLAIM, in_queue=1, for_reviewer="ana", at=now)

    assert found.count("items_claim") >= 3
    assert whole_reads(full, found) == []
    assert "TEMP B-TREE" not in found
    assert "Sort" not in found


def test_expiring_uses_the_lease_index(full):
    found = plan(full, ENDED, in_queue=1, at=datetime.fromtimestamp(0.001, tz=UTC))

    assert "leases_ending" in found
    assert whole_reads(full, found) == []


def test_finding_what_a_reviewer_holds_uses_the_holder_index(full):
    found = plan(full, HELD, in_queue=1, for_reviewer="r1")

    assert "leases_reviewer" in found
    assert whole_reads(full, found) == []


def test_the_look_before_a_claim_uses_both_indexes_of_leases(full):
    asked = {"in_project": PROJECT, "called": "spot_checks"}
    asked |= {"for_reviewer": "r1", "at": datetime.fromtimestamp(0.001, tz=UTC)}
    found = plan(full, LOOK, **asked)

    assert "leases_ending" in found
    assert "leases_reviewer" in found
    assert whole_reads(full, found) == []


@pytest.mark.parametrize("states", [(ItemState.PENDING,), VISIBLE])
def test_a_page_uses_the_list_index(full, states):
    found = plan(full, list_statement(1, states, [], 51, 0))

    assert found.count("items_list") >= len(states)
    assert whole_reads(full, found) == []
