"""What the parts of the store share: transactions, and names turned into rows."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import bindparam, or_, select, true

from queue_store.column_types import WHOLE_MAX, id_or_zero
from queue_store.errors import NotFoundError, NotPermittedError
from queue_store.model import Hold, ItemState, Role
from queue_store.rows import item_from_row, queue_from_row
from queue_store.tables.collections import EVERY_QUEUE, MEMBERS
from queue_store.tables.fields import FIELDS
from queue_store.tables.items import ITEMS, LEASES
from queue_store.tables.queues import QUEUE_FIELDS, QUEUES
from queue_store.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from queue_store.config import QueueConfig
    from queue_store.database import Database
    from queue_store.model import Item, Queue


class StoreBase:
    """A database, the settings, and a source of claim tokens."""

    reader: str | None = None
    """Who reads, as :meth:`as_reader` said; None for no person."""

    def __init__(
        self, database: Database, config: QueueConfig, new_token: Callable[[], str]
    ) -> None:
        self.database = database
        self.config = config
        self.new_token = new_token

    def as_reader(self, person: str) -> Self:
        """The same store, read by this person: in a guarded project they need a role.

        A role in one queue opens that queue, and what has no queue; not the other queues. Without
        a person, as the analysis reads, everything is open. Writes name their person themselves.
        """
        store = copy(self)
        store.reader = person
        return store

    @contextmanager
    def _reading(self, project: str, queue: str | None = None) -> Iterator[Connection]:
        """One consistent view of the data, for a reader who may see it."""
        with self.database.reading() as connection:
            if self.reader is not None:
                _require_reader(connection, project, self.reader, queue)
            yield connection

    def _opened(self, connection: Connection, project: str, column: Any) -> ColumnElement[bool]:
        """That a row belongs to a queue that the reader may read, or to none."""
        roles = self._reader_roles(connection, project)
        if roles is None or EVERY_QUEUE in roles:
            return true()
        return or_(column.is_(None), column.in_(sorted(roles)))

    def _manages(self, connection: Connection, project: str, queue_id: int = EVERY_QUEUE) -> bool:
        """Whether the reader, when there is one, is a manager of the project or the queue."""
        roles = self._reader_roles(connection, project)
        return roles is None or Role.MANAGER in {roles.get(EVERY_QUEUE), roles.get(queue_id)}

    def _reader_roles(self, connection: Connection, project: str) -> dict[int, Role] | None:
        """The reader's role by queue; None when nothing is kept from them."""
        if self.reader is None:
            return None
        rows = connection.execute(select(MEMBERS).where(MEMBERS.c.project == project)).all()
        mine = {row.queue_id: Role(row.role) for row in rows if row.person == self.reader}
        return mine if rows else None

    @contextmanager
    def _writing(self, *, project: str, now: datetime, actor: str) -> Iterator[Writing]:
        with self.database.writing() as connection:
            writing = Writing(
                database=self.database,
                connection=connection,
                now=now,
                actor=actor,
                project=project,
            )
            yield writing
            writing.finish()


def _require_reader(connection: Connection, project: str, person: str, queue: str | None) -> None:
    """Raise NotPermittedError unless the project is open or the person has a role there."""
    rows = connection.execute(select(MEMBERS).where(MEMBERS.c.project == project)).all()
    places = {row.queue_id for row in rows if row.person == person}
    if not rows or EVERY_QUEUE in places:
        return
    about = "the project" if queue is None else repr(queue)
    if not places or (
        queue is not None
        and find_queue(connection, project, queue, with_form=False).id not in places
    ):
        raise NotPermittedError(person, f"read {about}", f"that needs the role {Role.VIEWER.value}")


_BY_NAME, _BY_LINK = (
    select(QUEUES).where(QUEUES.c.project == bindparam("in_project"), column == bindparam("called"))
    for column in (QUEUES.c.name, QUEUES.c.link)
)
_FORMS = (
    select(QUEUE_FIELDS.c.queue_id, FIELDS.c.name, FIELDS.c.version)
    .join(FIELDS, FIELDS.c.id == QUEUE_FIELDS.c.field_id)
    .where(QUEUE_FIELDS.c.queue_id.in_(bindparam("queue_ids", expanding=True)))
    .order_by(QUEUE_FIELDS.c.queue_id, QUEUE_FIELDS.c.position)
)


def find_queue(connection: Connection, project: str, name: str, *, with_form: bool = True) -> Queue:
    """The queue with this name, or with this link; raises NotFoundError with the nearest names.

    Without its form it is found in half the time.
    """
    for statement in (_BY_NAME, _BY_LINK):
        row = connection.execute(statement, {"in_project": project, "called": name}).one_or_none()
        if row is not None:
            form = _form_of(connection, [row.id]).get(row.id, []) if with_form else []
            return queue_from_row(row, form)
    known = connection.scalars(select(QUEUES.c.name).where(QUEUES.c.project == project))
    raise NotFoundError("queue", name, known)


def all_queues(
    connection: Connection,
    project: str,
    kind: str | None = None,
    opened: ColumnElement[bool] | None = None,
) -> list[Queue]:
    """The project's queues, oldest first; only those that are ``opened``."""
    columns = QUEUES.c
    statement = select(QUEUES).where(columns.project == project)
    if opened is not None:
        statement = statement.where(opened)
    if kind is not None:
        statement = statement.where(columns.kind == kind)
    rows = connection.execute(statement.order_by(columns.id)).all()
    forms = _form_of(connection, [row.id for row in rows])
    return [queue_from_row(row, forms.get(row.id, [])) for row in rows]


def _form_of(connection: Connection, queue_ids: list[int]) -> dict[int, list[Any]]:
    """The fields of each queue, in the order of the form, as rows of ``name, version``."""
    rows = connection.execute(_FORMS, {"queue_ids": queue_ids})
    forms: dict[int, list[Any]] = {}
    for row in rows:
        forms.setdefault(row.queue_id, []).append(row)
    return forms


_ITEM = (
    select(ITEMS, QUEUES.c.name.label("queue"), QUEUES.c.project)
    .join(QUEUES, QUEUES.c.id == ITEMS.c.queue_id)
    .where(ITEMS.c.id == bindparam("called"), QUEUES.c.project == bindparam("in_project"))
)
_LOCKED_ITEM = _ITEM.with_for_update(of=ITEMS)
_NUMBERS = (
    select(ITEMS.c.id)
    .join(QUEUES, QUEUES.c.id == ITEMS.c.queue_id)
    .where(QUEUES.c.project == bindparam("in_project"))
    .limit(1)
)
_NUMBER_BELOW = _NUMBERS.where(ITEMS.c.id < bindparam("called")).order_by(ITEMS.c.id.desc())
_NUMBER_ABOVE = _NUMBERS.where(ITEMS.c.id > bindparam("called")).order_by(ITEMS.c.id)
_HOLDS = (
    select(LEASES)
    .where(
        LEASES.c.item_id.in_(bindparam("item_ids", expanding=True)),
        LEASES.c.lease_until.is_not(None),
    )
    .order_by(LEASES.c.item_id, LEASES.c.claimed_at, LEASES.c.reviewer)
)


def items_of(connection: Connection, rows: Sequence[Any]) -> list[Item]:
    """Rows of items, with their queue's name and project, as items with who holds them."""
    held = [row.id for row in rows if row.state == ItemState.IN_PROGRESS.value]
    holds: dict[int, list[Hold]] = {}
    for start in range(0, len(held), 500):
        for lease in connection.execute(_HOLDS, {"item_ids": held[start : start + 500]}):
            holds.setdefault(lease.item_id, []).append(hold_of(lease))
    return [item_from_row(row, holds=holds.get(row.id, ())) for row in rows]


def hold_of(lease: Any) -> Hold:
    """A live row of ``leases``."""
    return Hold(reviewer=lease.reviewer, claimed_at=lease.claimed_at, until=lease.lease_until)


def find_item(connection: Connection, project: str, item_id: int, *, lock: bool = False) -> Item:
    """The item; raises NotFoundError when the project has no such item.

    ``lock`` keeps others from changing the row until the end of the transaction.
    """
    statement = _LOCKED_ITEM if lock else _ITEM
    asked = {"called": id_or_zero(item_id), "in_project": project}
    row = connection.execute(statement, asked).one_or_none()
    if row is None:
        raise NotFoundError(
            "item", str(item_id), nearest=_numbers_beside(connection, project, item_id)
        )
    return items_of(connection, [row])[0]


def _numbers_beside(connection: Connection, project: str, item_id: int) -> list[str]:
    """The project's item numbers next to one that is none of them: a typing slip is near."""
    asked = {"called": min(max(item_id, 0), WHOLE_MAX), "in_project": project}
    below = connection.scalar(_NUMBER_BELOW, asked)
    above = connection.scalar(_NUMBER_ABOVE, asked)
    return [str(number) for number in (below, above) if number is not None]
