"""Whether a store is sound: the engine's own check, and counters against a recount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, select, text

from queue_store.model import ItemState
from queue_store.tables.items import ITEMS, LEASES
from queue_store.tables.queues import COUNTED, QUEUE_COUNTERS, QUEUES

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from queue_store.store import QueueStore

STRAYS_MAX = 100
"""Most items of a kind that are named."""


def problems_of(store: QueueStore) -> list[str]:
    """Everything that is wrong, one sentence each; empty for a sound store."""
    with store.database.reading() as connection:
        problems = _engine_problems(connection) if store.database.is_sqlite else []
        return problems + _miscounted(connection) + _misseated(connection)


def _engine_problems(connection: Connection) -> list[str]:
    found = connection.scalars(text("PRAGMA integrity_check")).all()
    problems = [f"SQLite: {line}; restore a backup" for line in found if line != "ok"]
    strays = connection.execute(text("PRAGMA foreign_key_check")).all()
    return problems + [f"{row[0]} row {row[1]} points to nothing" for row in strays]


def _miscounted(connection: Connection) -> list[str]:
    """Queues whose counters differ from a recount of their items."""
    answered = case(
        ((ITEMS.c.has_response.is_(True)) & (ITEMS.c.state != ItemState.REMOVED.value), 1), else_=0
    )
    recount: dict[int, dict[str, int]] = {}
    for row in connection.execute(
        select(
            ITEMS.c.queue_id,
            ITEMS.c.state,
            func.count().label("items"),
            func.sum(answered).label("answered"),
        ).group_by(ITEMS.c.queue_id, ITEMS.c.state)
    ):
        counts = recount.setdefault(row.queue_id, dict.fromkeys(COUNTED, 0))
        counts[row.state] += row.items
        counts["with_responses"] += int(row.answered)
    problems = []
    kept = connection.execute(
        select(
            QUEUES.c.id,
            QUEUES.c.name,
            *(func.sum(QUEUE_COUNTERS.c[name]).label(name) for name in COUNTED),
        )
        .join(QUEUE_COUNTERS, QUEUE_COUNTERS.c.queue_id == QUEUES.c.id)
        .group_by(QUEUES.c.id, QUEUES.c.name)
        .order_by(QUEUES.c.id)
    )
    for row in kept:
        for name in COUNTED:
            counted, real = int(getattr(row, name)), recount.get(row.id, {}).get(name, 0)
            if counted != real:
                problems.append(
                    f"queue {row.name!r}: {name} is counted {counted}, there are {real}"
                )
    return problems


def _misseated(connection: Connection) -> list[str]:
    """Items whose open seats differ from the labels they want, less those done and being made."""
    live = (
        select(func.count())
        .where(LEASES.c.item_id == ITEMS.c.id, LEASES.c.lease_until.is_not(None))
        .scalar_subquery()
    )
    held = connection.execute(
        select(ITEMS.c.id, ITEMS.c.open_seats, live.label("live"))
        .where(
            ITEMS.c.state == ItemState.IN_PROGRESS.value,
            ITEMS.c.labels_wanted - ITEMS.c.labels_done - ITEMS.c.open_seats != live,
        )
        .order_by(ITEMS.c.id)
        .limit(STRAYS_MAX)
    )
    problems = [
        f"item {row.id} is held by {row.live}, which its {row.open_seats} open seats do not say"
        for row in held
    ]
    strays = connection.execute(
        select(LEASES.c.item_id, LEASES.c.reviewer)
        .join(ITEMS, ITEMS.c.id == LEASES.c.item_id)
        .where(LEASES.c.lease_until.is_not(None), ITEMS.c.state != ItemState.IN_PROGRESS.value)
        .order_by(LEASES.c.item_id)
        .limit(STRAYS_MAX)
    )
    return problems + [
        f"item {row.item_id} is not in progress, but {row.reviewer} holds it" for row in strays
    ]
