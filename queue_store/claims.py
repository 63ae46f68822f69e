"""Claims: an item goes into one reviewer's hands, for a while."""

from __future__ import annotations

from datetime import timedelta
from secrets import compare_digest
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, exists, func, literal_column, select, update

from queue_store.base import StoreBase, find_item, find_queue
from queue_store.column_types import Moment, PlainText
from queue_store.endings import give
from queue_store.errors import (
    InvalidValueError,
    ItemLockedError,
    NoItemsAvailableError,
    NotPermittedError,
)
from queue_store.leases import (
    LOOK,
    expire_item,
    expire_leases,
    held_now,
    lease_row,
    leases_of,
    leave,
    take,
)
from queue_store.model import LEASE_SECONDS_MAX, Action, Claim, Hold, ItemState, QueueState, Role
from queue_store.moves import move
from queue_store.rows import item_from_row, queue_from_row
from queue_store.tables.items import ITEMS, LEASES, NOBODY, RESPONSES
from queue_store.tables.metadata import word
from queue_store.tables.queues import COUNTED, QUEUE_COUNTERS
from queue_store.values import check_name

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, ScalarSelect

    from queue_store.model import Item, Queue
    from queue_store.writing import Writing

_NONE: Any = literal_column("0")
"""As a literal: a partial index matches no parameter."""


class Claims(StoreBase):
    """The part of the store that hands out work."""

    def claim_next(
        self,
        *,
        project: str,
        queue: str,
        reviewer: str,
        now: datetime,
        lease_seconds: float | None = None,
    ) -> Claim:
        """The next item for this reviewer: what they hold, what is assigned to them, the rest.

        Within each, by priority, then by age. Never what they labelled or passed on already.
        Raises NoItemsAvailableError, NotFoundError, NotPermittedError.
        """
        with self._writing(project=project, now=now, actor=reviewer) as writing:
            target, is_guarded, has_leases = _look(writing, queue, reviewer)
            may_work(target, reviewer)
            if is_guarded:
                writing.require(Role.ANNOTATOR, "claim items", target.id)
            held = held_now(writing, target.id, reviewer) if has_leases else None
            until = now + timedelta(seconds=self.lease_of(target, lease_seconds))
            if held is not None:
                return _renewed(writing, held.item_id, reviewer, held.token, until)
            token = self.new_token()
            mine = {"in_queue": target.id, "for_reviewer": reviewer}
            row = writing.connection.execute(CLAIM, mine | {"at": now}).one_or_none()
            if row is not None:
                return _claimed(writing, row, target, token, until)
        raise self._nothing(target)

    def claim_item(
        self,
        *,
        project: str,
        item_id: int,
        reviewer: str,
        now: datetime,
        lease_seconds: float | None = None,
    ) -> Claim:
        """This item; raises ItemLockedError (holder, until) when another has it."""
        with self._writing(project=project, now=now, actor=reviewer) as writing:
            item = find_item(writing.connection, project, item_id, lock=True)
            target = find_queue(writing.connection, project, item.queue)
            may_work(target, reviewer)
            writing.require(Role.ANNOTATOR, "claim items", target.id)
            until = now + timedelta(seconds=self.lease_of(target, lease_seconds))
            mine = leases_of(writing, item.id).get(reviewer)
            if mine is not None and mine.lease_until is not None:
                return _renewed(writing, item.id, reviewer, mine.token, until)
            if any(hold.until <= now for hold in item.holds) and expire_item(writing, item):
                item = find_item(writing.connection, project, item_id)
            if item.open_seats == 0:
                raise locked(item)
            _refuse_repeat(writing.connection, item, reviewer)
            token = self.new_token()
            take(writing, item, Action.CLAIM, token, until)
            item = find_item(writing.connection, project, item_id)
            return Claim(item=item, reviewer=reviewer, token=token, lease_until=until)

    def heartbeat(
        self,
        *,
        project: str,
        item_id: int,
        token: str,
        now: datetime,
        lease_seconds: float | None = None,
    ) -> Claim:
        """Keep the item for another lease from now; raises ItemLockedError for a stale token."""
        with self._writing(project=project, now=now, actor="") as writing:
            item, _ = self.held(writing, item_id, token)
            target = find_queue(writing.connection, project, item.queue)
            until = now + timedelta(seconds=self.lease_of(target, lease_seconds))
            return _renewed(writing, item.id, writing.actor, token, until)

    def release(self, *, project: str, item_id: int, token: str, now: datetime) -> Item:
        """Give the item back unanswered; raises ItemLockedError for a stale token."""
        with self._writing(project=project, now=now, actor="") as writing:
            item, _ = self.held(writing, item_id, token)
            leave(writing, item.id, writing.actor)
            after = state_without(item, writing.actor)
            move(writing, item, Action.RELEASE, after, open_seats=item.open_seats + 1)
            return find_item(writing.connection, project, item_id)

    def expire(self, *, project: str, queue: str, now: datetime, actor: str) -> int:
        """End every lease that ran out; gives their number. Claims do this by themselves."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            target = find_queue(writing.connection, project, queue)
            writing.require(Role.ANNOTATOR, "end leases", target.id)
            total = 0
            while ended := expire_leases(writing, target.id):
                total += ended
            return total

    def lease_of(self, queue: Queue, asked: float | None) -> float:
        """Seconds of a lease: as asked, else the queue's, else the setting."""
        seconds = queue.lease_seconds or self.config.lease_seconds if asked is None else asked
        if not 0 < seconds <= LEASE_SECONDS_MAX:
            raise InvalidValueError(
                "lease_seconds", seconds, f"must be more than 0 and at most {LEASE_SECONDS_MAX}"
            )
        return seconds

    def held(self, writing: Writing, item_id: int, token: str) -> tuple[Item, datetime]:
        """The item that this token holds, locked, and since when; the writer is its holder now.

        A lease that ran out still counts while a seat is open: no work is lost.
        Otherwise raises ItemLockedError with who holds the item until when.
        """
        item = find_item(writing.connection, writing.project, item_id, lock=True)
        leases, given = leases_of(writing, item.id).values(), token.encode(errors="replace")
        lease = next((one for one in leases if compare_digest(one.token.encode(), given)), None)
        if lease is None or (lease.lease_until is None and item.open_seats == 0):
            raise locked(item)
        writing.actor = lease.reviewer
        writing.require(Role.ANNOTATOR, "work on items", item.queue_id)
        if lease.lease_until is None:
            until = writing.now + timedelta(seconds=self.config.lease_seconds)
            take(writing, item, Action.CLAIM, token, until, again=True)
            item = find_item(writing.connection, writing.project, item_id)
        return item, lease.claimed_at

    def _nothing(self, queue: Queue) -> NoItemsAvailableError:
        """Why there is nothing to claim."""
        with self.database.reading() as connection:
            left = counted(connection, queue.id)
            claimable = connection.scalar(_CLAIMABLE, {"in_queue": queue.id})
            holders = connection.execute(_HOLDERS, {"in_queue": queue.id}).all()
        if sum(left[state.value] for state in ItemState) - left["removed"] == 0:
            why = "empty"
        elif claimable:
            why = "labelled"
        elif left["in_progress"]:
            why = "held"
        elif left["awaiting_adjudication"]:
            why = "awaiting"
        else:
            why = "finished"
        pairs = [(row[0], row[1]) for row in holders]
        return NoItemsAvailableError(queue.name, why, pairs, queue.state.value)


def _look(writing: Writing, queue: str, reviewer: str) -> tuple[Queue, bool, bool]:
    """The queue without its form, whether roles must be checked, and leases looked after."""
    asked: dict[str, Any] = {"in_project": writing.project, "called": queue}
    asked |= {"for_reviewer": reviewer, "at": writing.now}
    row = writing.connection.execute(LOOK, asked).one_or_none()
    if row is None:
        return find_queue(writing.connection, writing.project, queue, with_form=False), True, True
    return queue_from_row(row, []), row.is_guarded, row.has_leases


def may_work(queue: Queue, reviewer: str) -> None:
    """Raise when the queue hands this reviewer nothing."""
    if queue.state is not QueueState.ACTIVE:
        raise NoItemsAvailableError(queue.name, "closed", state=queue.state.value)
    check_name("reviewer", reviewer, "reviewer")
    if queue.assignees and reviewer not in queue.assignees:
        raise NotPermittedError(
            reviewer,
            f"work on {queue.name!r}",
            f"it is assigned to {', '.join(queue.assignees)}",
        )


_CLAIMABLE = select(
    exists().where(ITEMS.c.queue_id == bindparam("in_queue"), ITEMS.c.open_seats > _NONE)
)
_HOLDERS = (
    select(LEASES.c.reviewer, func.max(LEASES.c.lease_until, type_=Moment))
    .where(LEASES.c.queue_id == bindparam("in_queue"), LEASES.c.lease_until.is_not(None))
    .group_by(LEASES.c.reviewer)
    .order_by(LEASES.c.reviewer)
    .limit(20)
)


def _best(*, mine: bool, put_off: bool) -> ScalarSelect[int]:
    """The best item with an open seat, the reviewer's or nobody's, that they have not answered."""
    candidate = ITEMS.alias(f"{'own' if mine else 'free'}_{'later' if put_off else 'now'}")
    reviewer = bindparam("for_reviewer", type_=PlainText)
    answered = exists().where(
        RESPONSES.c.item_id == candidate.c.id,
        RESPONSES.c.reviewer == reviewer,
        RESPONSES.c.round == candidate.c.round,
    )
    return (
        select(candidate.c.id)
        .where(
            candidate.c.queue_id == bindparam("in_queue"),
            candidate.c.open_seats > _NONE,
            candidate.c.assignee == (reviewer if mine else literal_column(f"'{NOBODY}'")),
            candidate.c.turn > 0 if put_off else candidate.c.turn == 0,
            ~answered,
        )
        .order_by(candidate.c.turn, candidate.c.priority.desc(), candidate.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


CLAIM = (
    update(ITEMS)
    .where(
        ITEMS.c.id
        == func.coalesce(
            _best(mine=True, put_off=False),
            _best(mine=False, put_off=False),
            _best(mine=True, put_off=True),
        )
    )
    .values(
        state=ItemState.IN_PROGRESS.value,
        came_from=case(
            (ITEMS.c.state == word(ItemState.PENDING), ItemState.PENDING.value),
            else_=ITEMS.c.came_from,
        ),
        open_seats=ITEMS.c.open_seats - 1,
        claim_count=ITEMS.c.claim_count + 1,
        updated_at=bindparam("at", type_=Moment),
    )
    .returning(*ITEMS.c)
)
"""Takes a seat of the best item that has one, if any, in one conditional statement.

Assigned to the reviewer first, then anyone's, then what they put off for themselves.
On PostgreSQL rows that another claim holds are skipped; SQLite has one writer.
"""


def _claimed(writing: Writing, row: Any, queue: Queue, token: str, until: datetime) -> Claim:
    """The claim of a row that the claiming statement has just taken."""
    others = row.labels_wanted - row.labels_done - row.open_seats - 1
    lease = lease_row(writing, row.id, row.queue_id, token, until)
    writing.audit("claim", queue_id=row.queue_id, item_id=row.id)
    if others:
        give(writing.connection, lease)
        item = find_item(writing.connection, writing.project, row.id)
    else:
        writing.give_last(lease)
        writing.moved(row.queue_id, ItemState.PENDING, ItemState.IN_PROGRESS)
        hold = Hold(reviewer=writing.actor, claimed_at=writing.now, until=until)
        item = item_from_row(row, queue, holds=[hold])
    return Claim(item=item, reviewer=writing.actor, token=token, lease_until=until)


def locked(item: Item) -> ItemLockedError:
    """Who holds the item until when, as the error that says so."""
    holders = [(hold.reviewer, hold.until) for hold in item.holds]
    return ItemLockedError(item.id, holders, item.state.value)


def state_without(item: Item, reviewer: str) -> ItemState:
    """Where an item that still wants labels is once this reviewer has left it."""
    others = any(hold.reviewer != reviewer for hold in item.holds)
    return ItemState.IN_PROGRESS if others else ItemState.PENDING


def counted(connection: Connection, queue_id: int) -> dict[str, int]:
    """The queue's counters, summed over their stripes."""
    columns = QUEUE_COUNTERS.c
    row = connection.execute(
        select(*(func.sum(columns[name]).label(name) for name in COUNTED)).where(
            columns.queue_id == queue_id
        )
    ).one()
    return {name: int(getattr(row, name) or 0) for name in COUNTED}


def _refuse_repeat(connection: Connection, item: Item, reviewer: str) -> None:
    """Raise when the reviewer has answered the item in this round."""
    answered = connection.scalar(
        select(
            exists().where(
                RESPONSES.c.item_id == item.id,
                RESPONSES.c.reviewer == reviewer,
                RESPONSES.c.round == item.round,
            )
        )
    )
    if answered:
        raise NotPermittedError(
            reviewer, f"claim item {item.id} again", "it has their answer; edit or undo that"
        )
    if item.assignee is not None and item.assignee != reviewer:
        raise NotPermittedError(
            reviewer, f"claim item {item.id}", f"it is assigned to {item.assignee}"
        )


def _renewed(writing: Writing, item_id: int, reviewer: str, token: str, until: datetime) -> Claim:
    """The same claim with a new end."""
    writing.connection.execute(
        update(LEASES)
        .where(LEASES.c.item_id == item_id, LEASES.c.reviewer == reviewer)
        .values(lease_until=until)
    )
    item = find_item(writing.connection, writing.project, item_id)
    writing.audit("heartbeat", queue_id=item.queue_id, item_id=item_id, until=until.isoformat())
    return Claim(item=item, reviewer=reviewer, token=token, lease_until=until)
