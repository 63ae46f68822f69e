"""What goes with a queue when it moves: its views, webhooks, roles, and datasets made from it.

What stays: webhooks and roles of the whole project, and events that wait to be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from queue_store.model import Role
from queue_store.tables.collections import (
    DATASET_ENTRIES,
    DATASET_VERSIONS,
    DATASETS,
    EVERY_QUEUE,
    MEMBERS,
    VIEWS,
    WEBHOOKS,
)
from queue_store.tables.items import ITEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from queue_store.model import Queue
    from queue_store.writing import Writing

BELONGINGS = (VIEWS, WEBHOOKS, MEMBERS, DATASETS, DATASET_VERSIONS, DATASET_ENTRIES)
"""In the order in which they are stored."""
BATCH = 500


def belongings_of(connection: Connection, queue: Queue) -> list[tuple[Table, Any]]:
    """The tables of what goes with the queue, each with the condition for its rows."""
    datasets = _datasets_of(connection, queue)
    of_queue = [(table, table.c.queue_id == queue.id) for table in (VIEWS, WEBHOOKS, MEMBERS)]
    return [
        *of_queue,
        (DATASETS, DATASETS.c.id.in_(datasets)),
        (DATASET_VERSIONS, DATASET_VERSIONS.c.dataset_id.in_(datasets)),
        (DATASET_ENTRIES, DATASET_ENTRIES.c.dataset_id.in_(datasets)),
    ]


def _datasets_of(connection: Connection, queue: Queue) -> list[int]:
    """Datasets of the project with an entry that came from one of the queue's items."""
    sources: dict[int, set[int]] = {}
    rows = connection.execute(
        select(DATASET_ENTRIES.c.dataset_id, DATASET_ENTRIES.c.provenance)
        .join(DATASETS, DATASETS.c.id == DATASET_ENTRIES.c.dataset_id)
        .where(DATASETS.c.project == queue.project)
    )
    for row in rows:
        item_id = row.provenance.get("item_id")
        if isinstance(item_id, int):
            sources.setdefault(item_id, set()).add(row.dataset_id)
    found: set[int] = set()
    wanted = sorted(sources)
    for start in range(0, len(wanted), BATCH):
        ours = connection.scalars(
            select(ITEMS.c.id).where(
                ITEMS.c.id.in_(wanted[start : start + BATCH]), ITEMS.c.queue_id == queue.id
            )
        )
        for item_id in ours:
            found |= sources[item_id]
    return sorted(found)


class Unpacking:
    """Stores what came with a queue; numbers are the receiver's already but for the rows' own."""

    def __init__(self, writing: Writing, items: dict[int, int]) -> None:
        self.writing = writing
        self.items = items
        """The receiver's number of each of the sender's items."""
        self._datasets: dict[int, int | None] = {}

    def store(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Store rows of one table, in the order of ``BELONGINGS``."""
        match table.name:
            case "views":
                for row in rows:
                    self._named(VIEWS, row)
            case "members":
                self._members(rows)
            case "datasets":
                for row in rows:
                    self._dataset(row)
            case "dataset_versions" | "dataset_entries":
                self._of_dataset(table, rows)
            case _:
                for row in rows:
                    row.pop("id")
                self.writing.connection.execute(insert(table), rows)

    def _named(self, table: Table, row: dict[str, Any]) -> int:
        """Store a row under its name, or the next free one after it."""
        row.pop("id")
        bare, number, made = row["name"], 1, None
        while made is None:
            made = self.writing.connection.scalar(
                self.writing.database.insert(table)
                .values(**row)
                .on_conflict_do_nothing()
                .returning(table.c.id)
            )
            number += 1
            row["name"] = f"{bare} {number}"
        return int(made)

    def _members(self, rows: Sequence[dict[str, Any]]) -> None:
        """Roles in the queue. Where everybody could do everything, who imports is the manager."""
        connection = self.writing.connection
        project = self.writing.project
        if connection.scalar(select(MEMBERS.c.person).where(MEMBERS.c.project == project)) is None:
            manager: dict[str, Any] = {"person": self.writing.actor, "role": Role.MANAGER.value}
            connection.execute(
                insert(MEMBERS).values(project=project, queue_id=EVERY_QUEUE, **manager)
            )
            self.writing.audit("role_granted", queue_id=None, **manager)
        connection.execute(insert(MEMBERS), rows)

    def _dataset(self, row: dict[str, Any]) -> None:
        """A dataset, but one that came with another queue already."""
        old = row["id"]
        same = ("project", "name", "created_at", "created_by")
        present = self.writing.connection.execute(
            select(DATASETS).where(*(DATASETS.c[name] == row[name] for name in same))
        ).one_or_none()
        self._datasets[old] = None if present is not None else self._named(DATASETS, row)

    def _of_dataset(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        fresh = []
        for row in rows:
            dataset_id = self._datasets[row["dataset_id"]]
            if dataset_id is None:
                continue
            row.pop("id", None)
            row["dataset_id"] = dataset_id
            if table is DATASET_ENTRIES and row["provenance"].get("item_id") in self.items:
                row["provenance"]["item_id"] = self.items[row["provenance"]["item_id"]]
            fresh.append(row)
        if fresh:
            self.writing.connection.execute(insert(table), fresh)
