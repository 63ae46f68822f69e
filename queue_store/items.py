"""Items: add in bulk, find, list a page."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from math import isfinite
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, or_, select, union_all

from queue_store.adding import add_batch
from queue_store.base import StoreBase, find_item, find_queue, items_of
from queue_store.column_types import WHOLE_MAX
from queue_store.errors import InvalidValueError
from queue_store.model import (
    AddResult,
    HookEvent,
    ItemPage,
    ItemPlace,
    ItemSource,
    ItemState,
    QueueState,
    Role,
)
from queue_store.places import beside, number_before
from queue_store.tables.items import ITEMS, LEASES, RESPONSES
from queue_store.tables.metadata import word
from queue_store.tables.queues import QUEUE_COUNTERS, QUEUES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

    from queue_store.model import Item, ItemDraft, Queue

BATCH_ITEMS = 5000
LIMIT_MAX = 10_000
TOLD_MAX = 1000
"""Most item ids in one event."""
VISIBLE = tuple(state for state in ItemState if state is not ItemState.REMOVED)


class Items(StoreBase):
    """The part of the store that knows items."""

    def add_items(
        self,
        *,
        project: str,
        queue: str,
        drafts: Sequence[ItemDraft],
        now: datetime,
        actor: str,
    ) -> AddResult:
        """Add objects to a queue, each once, however many add at the same time.

        Same revision as stored: a duplicate, nothing changes. Higher revision: an unfinished item
        gets the new reason and priority, a finished one is pending again. Removed stays removed.
        """
        ids: list[int] = []
        counts = {"added": 0, "duplicates": 0, "reentered": 0, "removed": 0}
        with self._writing(project=project, now=now, actor=actor) as writing:
            target = find_queue(writing.connection, project, queue)
            if target.state is QueueState.ARCHIVED:
                raise InvalidValueError("queue", queue, f"{queue!r} is archived and takes nothing")
            if any(draft.source is ItemSource.PERSON for draft in drafts):
                writing.require(Role.MANAGER, "add items", target.id)
            writing.database.exclusive(writing.connection, f"add:{target.id}")
            for start in range(0, len(drafts), BATCH_ITEMS):
                batch = drafts[start : start + BATCH_ITEMS]
                batch_ids, batch_counts = add_batch(writing, target, batch)
                ids += batch_ids
                for name, number in batch_counts.items():
                    counts[name] += number
            if drafts:
                writing.audit("items_added", queue_id=target.id, **counts)
            if counts["added"] or counts["reentered"]:
                writing.tell(
                    HookEvent.ITEMS_ADDED,
                    target.id,
                    queue=target.name,
                    added=counts["added"],
                    reentered=counts["reentered"],
                    item_ids=sorted(set(ids))[:TOLD_MAX],
                )
        return AddResult(**counts, item_ids=tuple(ids))

    def item(self, *, project: str, item_id: int) -> Item:
        """One item; raises NotFoundError."""
        with self._reading(project) as connection:
            found = find_item(connection, project, item_id)
        with self._reading(project, found.queue):
            return found

    def items(
        self,
        *,
        project: str,
        queue: str,
        status: ItemState | None = None,
        reviewer: str | None = None,
        detector: str | None = None,
        added_since: datetime | None = None,
        added_until: datetime | None = None,
        text: str | None = None,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
    ) -> ItemPage:
        """One page of a queue, highest priority first, with the total of all pages.

        Without ``status``, everything but removed items. ``text`` looks into the object id and
        the reason. ``cursor`` is the last page's; it costs the same at any depth.
        Raises InvalidValueError for a limit, offset or cursor that cannot be used.
        """
        check_page(limit, offset)
        with self._reading(project, queue) as connection:
            target = find_queue(connection, project, queue)
            wanted = _filters(
                reviewer=reviewer,
                detector=detector,
                added_since=added_since,
                added_until=added_until,
                text=text,
            )
            states = VISIBLE if status is None else (status,)
            after = [] if cursor is None else [_after(cursor)]
            page = list_statement(target.id, states, [*wanted, *after], limit + 1, offset)
            rows = connection.execute(page).all()
            total = _total(connection, target, states, wanted)
            found = tuple(items_of(connection, rows[:limit]))
        more = len(rows) > limit and bool(found)
        return ItemPage(items=found, total=total, cursor=_cursor(found[-1]) if more else None)

    def place(self, *, project: str, item_id: int) -> ItemPlace:
        """Where the item stands in its queue, highest priority first, and what is beside it."""
        with self._reading(project) as connection:
            item = find_item(connection, project, item_id)
        with self._reading(project, item.queue) as connection:
            target = find_queue(connection, project, item.queue, with_form=False)
            return ItemPlace(
                position=int(connection.scalar(number_before(item)) or 0) + 1,
                total=_total(connection, target, VISIBLE, []),
                before=connection.scalar(beside(item, later=False)),
                after=connection.scalar(beside(item, later=True)),
            )

    def items_of_trace(
        self, *, project: str, trace_id: str, conversation_id: str | None = None
    ) -> list[Item]:
        """Every item about the trace or one of its spans, in every queue of the project.

        With ``conversation_id``, the items about that session too.
        """
        with self._reading(project) as connection:
            in_project = select(QUEUES.c.id).where(QUEUES.c.project == project)
            rows = connection.execute(
                select(ITEMS, QUEUES.c.name.label("queue"), QUEUES.c.project)
                .join(QUEUES, QUEUES.c.id == ITEMS.c.queue_id)
                .where(
                    ITEMS.c.queue_id.in_(in_project),
                    self._opened(connection, project, ITEMS.c.queue_id),
                    or_(
                        and_(ITEMS.c.object_type == "trace", ITEMS.c.object_id == trace_id),
                        and_(
                            ITEMS.c.object_type == "span",
                            ITEMS.c.object_id >= f"{trace_id}:",
                            ITEMS.c.object_id < f"{trace_id};",
                        ),
                        and_(
                            ITEMS.c.object_type == "session",
                            ITEMS.c.object_id == (conversation_id or ""),
                        ),
                    ),
                )
                .order_by(ITEMS.c.id)
            )
            return items_of(connection, rows.all())

    def objects_in_queues(self) -> list[tuple[str, str, str | None]]:
        """Object type, object id and trace id of what any project's items refer to.

        Removed items refer to nothing any more. Retention keeps these objects.
        """
        with self.database.reading() as connection:
            rows = connection.execute(
                select(ITEMS.c.object_type, ITEMS.c.object_id, ITEMS.c.trace_id)
                .where(ITEMS.c.state != ItemState.REMOVED)
                .distinct()
            )
            return [(row.object_type, row.object_id, row.trace_id) for row in rows]


def list_statement(
    queue_id: int,
    states: Sequence[ItemState],
    wanted: Sequence[ColumnElement[bool]],
    limit: int,
    offset: int,
) -> Select[Any]:
    """A page in priority order: the best of each state by its index, then the best of those."""
    best = [
        select(ITEMS.c.id, ITEMS.c.priority)
        .where(ITEMS.c.queue_id == queue_id, ITEMS.c.state == word(state), *wanted)
        .order_by(ITEMS.c.priority.desc(), ITEMS.c.id)
        .limit(limit + offset)
        .subquery(f"in_{state.value}")
        .select()
        for state in states
    ]
    found = union_all(*best).subquery("found")
    page = (
        select(found.c.id)
        .order_by(found.c.priority.desc(), found.c.id)
        .limit(limit)
        .offset(offset)
        .subquery("page")
    )
    return (
        select(ITEMS, QUEUES.c.name.label("queue"), QUEUES.c.project)
        .join(page, page.c.id == ITEMS.c.id)
        .join(QUEUES, QUEUES.c.id == ITEMS.c.queue_id)
        .order_by(ITEMS.c.priority.desc(), ITEMS.c.id)
    )


def check_page(limit: int, offset: int) -> None:
    """Raise InvalidValueError for a page that cannot be."""
    if not 0 <= limit <= LIMIT_MAX:
        raise InvalidValueError("limit", limit, f"must lie between 0 and {LIMIT_MAX}")
    if not 0 <= offset <= WHOLE_MAX:
        raise InvalidValueError("offset", offset, f"must lie between 0 and {WHOLE_MAX}")


def _filters(
    *,
    reviewer: str | None,
    detector: str | None,
    added_since: datetime | None,
    added_until: datetime | None,
    text: str | None,
) -> list[ColumnElement[bool]]:
    columns = ITEMS.c
    wanted: list[ColumnElement[bool]] = []
    if reviewer is not None:
        answered = exists().where(
            RESPONSES.c.item_id == columns.id, RESPONSES.c.reviewer == reviewer
        )
        held = exists().where(
            LEASES.c.item_id == columns.id,
            LEASES.c.reviewer == reviewer,
            LEASES.c.lease_until.is_not(None),
        )
        wanted.append(or_(answered, held, columns.assignee == reviewer))
    if detector is not None:
        wanted.append(columns.detector == detector)
    if added_since is not None:
        wanted.append(columns.added_at >= added_since)
    if added_until is not None:
        wanted.append(columns.added_at < added_until)
    if text is not None:
        wanted.append(
            or_(
                columns.object_id.icontains(text, autoescape=True),
                columns.reason.icontains(text, autoescape=True),
            )
        )
    return wanted


def _total(
    connection: Connection,
    queue: Queue,
    states: Sequence[ItemState],
    wanted: Sequence[ColumnElement[bool]],
) -> int:
    """Matching items: from the counters when nothing but the state was asked."""
    if wanted:
        statement = select(func.count()).where(
            ITEMS.c.queue_id == queue.id,
            ITEMS.c.state.in_([state.value for state in states]),
            *wanted,
        )
    else:
        columns = [func.sum(QUEUE_COUNTERS.c[state.value]) for state in states]
        together: Any = columns[0]
        for column in columns[1:]:
            together = together + column
        statement = select(together).where(QUEUE_COUNTERS.c.queue_id == queue.id)
    return int(connection.scalar(statement) or 0)


def _cursor(item: Item) -> str:
    """Where the next page begins."""
    return urlsafe_b64encode(json.dumps([item.priority, item.id]).encode()).decode().rstrip("=")


def _after(cursor: str) -> ColumnElement[bool]:
    """Items behind the cursor."""
    try:
        priority, item_id = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        priority, item_id = float(priority), int(item_id)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidValueError("cursor", cursor, "is not a cursor of this listing") from error
    if not (isfinite(priority) and 0 <= item_id <= WHOLE_MAX):
        raise InvalidValueError("cursor", cursor, "is not a cursor of this listing")
    columns = ITEMS.c
    return and_(
        columns.priority <= priority,
        or_(columns.priority < priority, columns.id > item_id),
    )
