"""The hot statements use their indexes, on a full table, on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from queue_store.claims import CLAIM, EXPIRED, HELD
from queue_store.items import VISIBLE, list_statement
from queue_store.model import ItemState

ITEMS = 20_000


@pytest.fixture
def full(desk):
    """Two queues with many items, many of them finished, and statistics of them."""
    desk.queue()
    desk.queue("other")
    desk.add(2000)
    desk.add(2000, queue="other")
    filler = text(
        "INSERT INTO items (queue_id, object_type, object_id, state, came_from, priority, source, "
        "revision, labels_wanted, added_at, added_by, updated_at, completed_at) "
        "SELECT queue_id, object_type, object_id || :more, 'completed', 'in_progress', priority, "
        "source, revision, labels_wanted, added_at, added_by, updated_at, 1 FROM items "
        "WHERE state = 'pending'"
    )
    with desk.store.database.engine.begin() as connection:
        for number in range(4):
            connection.execute(filler, {"more": f"-{number}"})
    for number in range(40):
        desk.next(f"r{number}")
    with desk.store.database.engine.connect().execution_options(
        isolation_level="AUTOCOMMIT"
    ) as connection:
        connection.execute(text("ANALYZE"))
    return desk


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
    word = "SCAN items" if desk.store.database.is_sqlite else "Seq Scan on items"
    return [line for line in found.splitlines() if word in line or "SCAN free" in line]


def test_a_claim_uses_the_claim_index_and_sorts_nothing(full):
    now = full.clock.now
    found = plan(full, CLAIM, in_queue=1, for_reviewer="ana", with_token="t", at=now, until=now)

    assert found.count("items_claim") >= 3
    assert whole_reads(full, found) == []
    assert "TEMP B-TREE" not in found
    assert "Sort" not in found


def test_expiring_uses_the_lease_index(full):
    found = plan(full, EXPIRED, in_queue=1, at=full.clock.now + timedelta(hours=1))

    assert "items_lease" in found
    assert whole_reads(full, found) == []


def test_finding_what_a_reviewer_holds_uses_the_holder_index(full):
    found = plan(full, HELD, in_queue=1, for_reviewer="r1")

    assert "items_holder" in found
    assert whole_reads(full, found) == []


@pytest.mark.parametrize("states", [(ItemState.PENDING,), VISIBLE])
def test_a_page_uses_the_list_index(full, states):
    found = plan(full, list_statement(1, states, [], 51, 0))

    assert found.count("items_list") >= len(states)
    assert whole_reads(full, found) == []
