"""Whole queues from one store to another, without loss, whatever the engines.

A queue travels as lines of JSON: its fields, itself, its items, leases, responses, annotations, its
part of the audit log, and what belongs to it. Numbers are the sender's; the receiver gives its own
and keeps what they point to.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from queue_store.answers import CURRENT, fingerprint_of, slot_of
from queue_store.base import StoreBase, find_queue
from queue_store.belongings import BELONGINGS, Unpacking, belongings_of
from queue_store.column_types import Moment, to_json, to_microseconds
from queue_store.errors import AlreadyExistsError, InvalidValueError, NotPermittedError
from queue_store.model import Anchor, ItemState, Role
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.audit import AUDIT
from queue_store.tables.collections import ISSUES
from queue_store.tables.fields import FIELDS, SHARED
from queue_store.tables.items import ITEMS, LEASES, RESPONSES
from queue_store.tables.queues import COUNTED, QUEUE_COUNTERS, QUEUE_FIELDS, QUEUES, STRIPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Table

    from queue_store.model import Queue
    from queue_store.writing import Writing

FORM = 2
"""Of the lines; raised when they change. Form 1 had one holder an item, in the item's own line."""
BATCH = 500


class Transfer(StoreBase):
    """The part of the store that moves whole queues."""

    def export_queue(self, *, project: str, queue: str) -> Iterator[str]:
        """The queue as lines of JSON, one consistent view of it.

        It holds the secrets of its webhooks: of a reader, only a manager may have it.
        """
        with self._reading(project, queue) as connection:
            target = find_queue(connection, project, queue)
            if not self._manages(connection, project, target.id):
                needed = f"that needs the role {Role.MANAGER.value}"
                raise NotPermittedError(str(self.reader), "export a queue", needed)
            yield _line("queue_export", {"form": FORM, "queue": target.name})
            for table, condition in [*_parts(target), *belongings_of(connection, target)]:
                statement = select(table).where(condition)
                if "id" in table.c:
                    statement = statement.order_by(table.c.id)
                for row in connection.execute(statement).mappings():
                    yield _line(table.name, _plain(table, dict(row)))

    def import_queue(
        self,
        *,
        project: str,
        lines: Iterable[str],
        now: datetime,
        actor: str,
        name: str | None = None,
    ) -> Queue:
        """Store an exported queue in this project, under its name or another.

        Everything is stored, or nothing. Raises AlreadyExistsError when the name is taken,
        InvalidValueError for lines that are no export.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "import a queue")
            reader = _Reader(writing, name)
            for number, line in enumerate(lines, start=1):
                try:
                    reader.take(line)
                except (ValueError, KeyError, TypeError) as error:
                    raise InvalidValueError(
                        f"line {number}", line[:80], f"is not a line of an export: {error}"
                    ) from error
            target = reader.finish()
            writing.audit("queue_imported", queue_id=target.id, name=target.name)
            return target


def _parts(queue: Queue) -> list[tuple[Table, Any]]:
    """What belongs to a queue, in the order it must be stored."""
    of_queue = ANNOTATIONS.c.queue_id == queue.id
    used = select(QUEUE_FIELDS.c.field_id).where(QUEUE_FIELDS.c.queue_id == queue.id)
    answered = select(ANNOTATIONS.c.field_id).where(of_queue)
    linked = select(ANNOTATIONS.c.issue_id).where(of_queue, ANNOTATIONS.c.issue_id.is_not(None))
    return [
        (FIELDS, FIELDS.c.id.in_(used.union(answered))),
        (ISSUES, ISSUES.c.id.in_(linked)),
        (QUEUES, QUEUES.c.id == queue.id),
        (QUEUE_FIELDS, QUEUE_FIELDS.c.queue_id == queue.id),
        (ITEMS, ITEMS.c.queue_id == queue.id),
        (LEASES, LEASES.c.queue_id == queue.id),
        (RESPONSES, RESPONSES.c.queue_id == queue.id),
        (ANNOTATIONS, of_queue),
        (AUDIT, AUDIT.c.queue_id == queue.id),
    ]


def _line(kind: str, row: dict[str, Any]) -> str:
    return to_json({"record": kind, **row})


def _plain(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Times as microseconds, so that none loses digits."""
    for column in table.c:
        if isinstance(column.type, Moment) and row[column.name] is not None:
            row[column.name] = to_microseconds(row[column.name])
    return row


class _Reader:
    """Stores lines in their order and turns the sender's numbers into the receiver's."""

    def __init__(self, writing: Writing, name: str | None) -> None:
        self.writing = writing
        self.name = name
        self.ids: dict[str, dict[int, int]] = {
            table.name: {} for table in (FIELDS, ISSUES, QUEUES, ITEMS, ANNOTATIONS)
        }
        self._waiting: list[dict[str, Any]] = []
        self._table: Table | None = None
        self._counts: Counter[str] = Counter()
        self._begun = False
        self._form = FORM
        self._leases: list[dict[str, Any]] = []
        self._slots: set[str] = set()
        self._unpacking = Unpacking(writing, self.ids["items"])

    def take(self, line: str) -> None:
        """One line of the export."""
        row = json.loads(line)
        kind = row.pop("record")
        if kind == "queue_export":
            if row["form"] not in {1, FORM}:
                raise ValueError(f"form {row['form']} is not {FORM}")
            self._begun, self._form = True, row["form"]
            return
        if not self._begun:
            raise ValueError("an export begins with queue_export")
        table = _TABLES[kind]
        if table is not self._table:
            self._flush()
            self._table = table
        if table is ITEMS and self._form == 1:
            row, held = in_this_form(row)
            self._leases += [] if held is None else [held]
        self._waiting.append(_timed(table, row))
        if len(self._waiting) >= BATCH:
            self._flush()

    def finish(self) -> Queue:
        """Store what waits, the counters, and give the queue."""
        self._flush()
        if self._leases:
            self._own(LEASES, [_timed(LEASES, row) for row in self._leases])
        if not self.ids["queues"]:
            raise InvalidValueError("file", None, "is no export of a queue")
        (queue_id,) = self.ids["queues"].values()
        rows = [
            {"queue_id": queue_id, "stripe": stripe}
            | {name: 0 if stripe else self._counts[name] for name in COUNTED}
            for stripe in range(STRIPES)
        ]
        self.writing.connection.execute(insert(QUEUE_COUNTERS), rows)
        name = self.writing.connection.scalar(select(QUEUES.c.name).where(QUEUES.c.id == queue_id))
        return find_queue(self.writing.connection, self.writing.project, str(name))

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        if not rows or self._table is None:
            return
        match self._table.name:
            case "fields" | "issues":
                for row in rows:
                    self._shared(self._table, row)
            case "queues":
                self._queue(rows[0])
            case _:
                self._own(self._table, rows)

    def _shared(self, table: Table, row: dict[str, Any]) -> None:
        """A field or an issue: the one that is here already, if it is the same."""
        connection = self.writing.connection
        old = row.pop("id")
        if row["project"] != SHARED:
            row["project"] = self.writing.project
        key = ("project", "name", "version") if table is FIELDS else ("project", "title")
        found = connection.execute(
            select(table).where(*(table.c[name] == row[name] for name in key))
        ).one_or_none()
        if found is None:
            new = connection.scalar(insert(table).values(**row).returning(table.c.id))
        elif table is FIELDS and not _same_field(found, row):
            highest = connection.scalar(
                select(func.max(FIELDS.c.version)).where(
                    FIELDS.c.project == row["project"], FIELDS.c.name == row["name"]
                )
            )
            row["version"] = int(highest or 0) + 1
            new = connection.scalar(insert(table).values(**row).returning(table.c.id))
        else:
            new = found.id
        self.ids[table.name][old] = int(new or 0)

    def _queue(self, row: dict[str, Any]) -> None:
        connection = self.writing.connection
        old = row.pop("id")
        row["project"] = self.writing.project
        row["name"] = self.name or row["name"]
        if connection.scalar(select(QUEUES.c.id).where(QUEUES.c.link == row["link"])) is not None:
            text = f"{self.writing.project}\x00{row['name']}\x00{self.writing.now.isoformat()}"
            row["link"] = "q" + blake2b(text.encode(), digest_size=8).hexdigest()
        new = connection.scalar(
            self.writing.database.insert(QUEUES)
            .values(**row)
            .on_conflict_do_nothing()
            .returning(QUEUES.c.id)
        )
        if new is None:
            raise AlreadyExistsError("queue", row["name"])
        self.ids["queues"][old] = int(new)

    def _own(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Rows of the queue's own, their pointers turned."""
        for row in rows:
            for column, pointed in _POINTERS.items():
                if row.get(column) is not None and column in table.c:
                    row[column] = self.ids[pointed].get(row[column])
            if "project" in table.c:
                row["project"] = self.writing.project
        if table in BELONGINGS:
            self._unpacking.store(table, rows)
            return
        if table not in {ITEMS, ANNOTATIONS}:
            for row in rows:
                row.pop("id", None)
            self.writing.connection.execute(insert(table), rows)
            return
        if table is ITEMS:
            self._items(rows)
            return
        for row in rows:
            self._answer(row)

    def _items(self, rows: list[dict[str, Any]]) -> None:
        old = [row.pop("id") for row in rows]
        statement = insert(ITEMS).returning(ITEMS.c.id, sort_by_parameter_order=True)
        new = self.writing.connection.scalars(statement, rows).all()
        for before, after, row in zip(old, new, rows, strict=True):
            self.ids["items"][before] = after
            self._count(row)

    def _answer(self, row: dict[str, Any]) -> None:
        """An answer keeps its place among the receiver's answers, so that a later one finds it."""
        old = row.pop("id")
        row["supersedes"] = self.ids["annotations"].get(row["supersedes"])
        connection = self.writing.connection
        field = connection.scalar(select(FIELDS.c.name).where(FIELDS.c.id == row["field_id"]))
        imported = row["source"] == "import"
        slot = slot_of(
            project=row["project"],
            object_type=row["object_type"],
            object_id=row["object_id"],
            queue_id=row["queue_id"],
            revision=row["item_revision"],
            reviewer=row["reviewer"],
            field=str(field),
            anchor=None if row["anchor"] is None else Anchor(**row["anchor"]),
            adjudicated=row["adjudicated"],
        )
        if slot in self._slots and row["state"] in CURRENT:
            slot = fingerprint_of(slot, row["slot"])
        if row["state"] in CURRENT:
            self._slots.add(slot)
        known = fingerprint_of(slot, "import", row["value"], to_microseconds(row["time"]))
        if not imported or known in self._slots:
            known = fingerprint_of(slot, "moved", row["fingerprint"])
        self._slots.add(known)
        row |= {"slot": slot, "fingerprint": known}
        new = connection.scalar(insert(ANNOTATIONS).values(**row).returning(ANNOTATIONS.c.id))
        self.ids["annotations"][old] = int(new or 0)

    def _count(self, row: dict[str, Any]) -> None:
        self._counts[row["state"]] += 1
        if row["has_response"] and row["state"] != ItemState.REMOVED.value:
            self._counts["with_responses"] += 1


_TABLES = {
    table.name: table
    for table in (
        FIELDS,
        ISSUES,
        QUEUES,
        QUEUE_FIELDS,
        ITEMS,
        LEASES,
        RESPONSES,
        ANNOTATIONS,
        AUDIT,
        *BELONGINGS,
    )
}
_POINTERS = {
    "queue_id": "queues",
    "field_id": "fields",
    "item_id": "items",
    "issue_id": "issues",
}


def in_this_form(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """An item's line of form 1 as one of this form, and the lease that it held."""
    old = {name: row.pop(name) for name in ("holder", "token", "claimed_by", "claimed_at")}
    until = row.pop("lease_until")
    wanted = row["labels_wanted"] - row["labels_done"]
    seats = {ItemState.PENDING.value: wanted, ItemState.IN_PROGRESS.value: wanted - 1}
    row["open_seats"] = seats.get(row["state"], 0)
    if row["state"] not in seats or old["token"] is None or old["claimed_by"] is None:
        return row, None
    return row, {
        "item_id": row["id"],
        "reviewer": old["claimed_by"],
        "queue_id": row["queue_id"],
        "token": old["token"],
        "claimed_at": old["claimed_at"] or row["updated_at"],
        "lease_until": until,
    }


def _timed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Microseconds as times again; every column must be there, and no other."""
    if set(row) != set(table.c.keys()):
        raise ValueError(
            f"columns of {table.name} differ: {sorted(set(row) ^ set(table.c.keys()))}"
        )
    for column in table.c:
        if isinstance(column.type, Moment):
            row[column.name] = column.type.process_result_value(row[column.name], _NO_DIALECT)
    return row


_NO_DIALECT: Any = None


def _same_field(found: Any, row: dict[str, Any]) -> bool:
    names = ("type", "options", "multiple", "minimum", "maximum", "required", "purpose", "positive")
    return all(getattr(found, name) == row[name] for name in names)
