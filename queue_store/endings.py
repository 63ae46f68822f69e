"""How a write ends: its rows of the log, the lease it gave, and the counters of its queues.

The counters come last, so that their rows are held for as short as can be. A queue's number is the
sum over its stripes; which stripe a write takes says nothing. On PostgreSQL it takes one that no
other write holds, and makes another when all are held, so that two writes hardly ever wait for the
same row; and most writes say all this in one statement. SQLite has one writer, who needs one
stripe, and asks nothing over a wire.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, insert, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from queue_store.tables.audit import AUDIT
from queue_store.tables.items import LEASES
from queue_store.tables.queues import COUNTED, MORE_STRIPES, QUEUE_COUNTERS, STRIPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Update

_COLUMNS = QUEUE_COUNTERS.c


def end_write(
    connection: Connection,
    *,
    log: Sequence[dict[str, Any]],
    lease: dict[str, Any] | None,
    counts: Mapping[int, Mapping[str, int]],
) -> None:
    """Store what a write leaves behind: its log, a lease given last, and changes by queue."""
    changes = _real(counts)
    if connection.dialect.name == "postgresql" and len(log) == len(changes) == 1:
        ((queue_id, counted),) = changes.items()
        given = _given(queue_id, counted) | {f"log_{name}": log[0][name] for name in log[0]}
        if lease is not None:
            given |= _of_lease(lease)
        _count(connection, _all_at_once(tuple(counted), lease is not None), given, tuple(counted))
        return
    if lease is not None:
        give(connection, lease)
    if log:
        connection.execute(_LOG, log)
    # By queue, so that two writes never wait for each other crosswise.
    for queue_id, counted in sorted(changes.items()):
        names, given = tuple(counted), _given(queue_id, counted)
        if connection.dialect.name == "postgresql":
            _count(connection, _in_a_free_one(names), given, names)
        else:
            connection.execute(_in_the_first(names), given)


def _real(counts: Mapping[int, Mapping[str, int]]) -> dict[int, dict[str, int]]:
    """The counters that change, in the order of their columns; statements are kept by it."""
    real = {
        queue_id: {name: changes[name] for name in COUNTED if changes.get(name)}
        for queue_id, changes in counts.items()
    }
    return {queue_id: changes for queue_id, changes in real.items() if changes}


def _given(queue_id: int, counted: Mapping[str, int]) -> dict[str, Any]:
    return {"of_queue": queue_id} | {f"by_{name}": change for name, change in counted.items()}


def _of_lease(lease: Mapping[str, Any]) -> dict[str, Any]:
    return {f"lease_{name}": value for name, value in lease.items()}


def _count(
    connection: Connection, statement: Update, given: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Change a free stripe; when there is none, one more."""
    if not connection.execute(statement, given).rowcount:
        connection.execute(_in_another(names), given)


def _changed(names: tuple[str, ...]) -> Update:
    return (
        update(QUEUE_COUNTERS)
        .where(_COLUMNS.queue_id == bindparam("of_queue"))
        .values({name: _COLUMNS[name] + bindparam(f"by_{name}") for name in names})
    )


@cache
def _in_the_first(names: tuple[str, ...]) -> Update:
    """Kept, as building a statement costs more than running it."""
    return _changed(names).where(_COLUMNS.stripe == literal_column("0"))


@cache
def _in_a_free_one(names: tuple[str, ...]) -> Update:
    """In a stripe that nobody writes to; in none when all are taken."""
    stripes = QUEUE_COUNTERS.alias("stripes")
    free = (
        select(stripes.c.stripe)
        .where(stripes.c.queue_id == bindparam("of_queue"))
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return _changed(names).where(_COLUMNS.stripe == free)


@cache
def _in_another(names: tuple[str, ...]) -> Any:
    """In a further stripe, that of the server's process; it is made when it is not there."""
    insertion = postgresql.insert(QUEUE_COUNTERS).values(
        queue_id=bindparam("of_queue"),
        stripe=STRIPES + func.pg_backend_pid() % MORE_STRIPES,
        **{name: bindparam(f"by_{name}") for name in names},
    )
    return insertion.on_conflict_do_update(
        index_elements=["queue_id", "stripe"],
        set_={name: _COLUMNS[name] + insertion.excluded[name] for name in names},
    )


@cache
def _all_at_once(names: tuple[str, ...], with_lease: bool) -> Update:
    """The log's row, the lease and the counters in one statement of PostgreSQL."""
    names_of_log = (column.name for column in AUDIT.columns if column is not AUDIT.c.id)
    row: dict[str, Any] = {name: bindparam(f"log_{name}") for name in names_of_log}
    statement = _in_a_free_one(names).add_cte(insert(AUDIT).values(row).cte("logged"))
    return statement.add_cte(_GIVE["postgresql"].cte("seated")) if with_lease else statement


_LOG = insert(AUDIT)


def give(connection: Connection, lease: Mapping[str, Any]) -> None:
    """Store a lease now; an older one of the reviewer on the item ends."""
    connection.execute(_GIVE[connection.dialect.name], _of_lease(lease))


def _giving(insertion: Any) -> Any:
    told = insertion.values(
        {column.name: bindparam(f"lease_{column.name}") for column in LEASES.columns}
    )
    new = told.excluded
    return told.on_conflict_do_update(
        index_elements=["item_id", "reviewer"],
        set_={name: new[name] for name in ("token", "lease_until", "claimed_at")},
    )


_GIVE = {
    "sqlite": _giving(sqlite.insert(LEASES)),
    "postgresql": _giving(postgresql.insert(LEASES)),
}
