"""Submissions: a reviewer finishes, skips or hands back what they hold, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from sqlalchemy import select, update

from queue_store.answers import (
    answered,
    missing_required,
    recount_response,
    store_answers,
    submit_drafts,
)
from queue_store.base import find_item, find_queue
from queue_store.claims import Claims, locked, state_without
from queue_store.disagreement import disagree
from queue_store.errors import InvalidValueError, StaleRevisionError
from queue_store.leases import clear, leave
from queue_store.model import Action, HookEvent, ItemState, Role, SkipPolicy
from queue_store.moves import move
from queue_store.tables.items import ITEMS, NOBODY, RESPONSES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from queue_store.model import AnnotationDraft, Item, Queue
    from queue_store.writing import Writing


class Submissions(Claims):
    """The part of the store that takes work back."""

    def complete(
        self,
        *,
        project: str,
        item_id: int,
        token: str,
        now: datetime,
        values: Sequence[AnnotationDraft] = (),
        revision: int | None = None,
        seconds_spent: float | None = None,
    ) -> Item:
        """Submit the holder's answers and finish their part of the item, or change nothing.

        ``revision`` is the item revision that the reviewer saw. Raises ItemLockedError,
        StaleRevisionError, InvalidValueError (a value, or a required one is missing).
        """
        with self._writing(project=project, now=now, actor="") as writing:
            item, claimed_at = self.held(writing, item_id, token)
            if revision is not None and revision != item.revision:
                raise StaleRevisionError(item.id, revision, item.revision)
            queue = find_queue(writing.connection, project, item.queue)
            if seconds_spent is None:
                seconds_spent = (now - claimed_at).total_seconds()
            store_answers(writing, item, writing.actor, values, seconds_spent)
            submit_drafts(writing, item, writing.actor)
            missing = missing_required(writing.connection, queue, item, writing.actor)
            if missing:
                raise InvalidValueError(
                    missing[0], None, f"is required; missing: {', '.join(missing)}"
                )
            labels = _respond(writing, item, "submitted", None, seconds_spent)
            done = item.labels_done + labels
            after, wanted = _after_submit(writing, queue, item, done)
            seats = item.open_seats + 1 - labels + wanted - item.labels_wanted
            move(
                writing,
                item,
                Action.SUBMIT,
                after,
                details={
                    "revision": item.revision,
                    "labels_added": labels,
                    "labels_wanted": item.labels_wanted,
                    "assignee": item.assignee,
                    "turn": item.turn,
                },
                labels_done=done,
                labels_wanted=wanted,
                **_freed(writing, item, after, seats),
            )
            answered(writing, item)
            _tell(writing, item, after, wanted)
            return find_item(writing.connection, project, item_id)

    def skip(
        self,
        *,
        project: str,
        item_id: int,
        token: str,
        reason: str,
        now: datetime,
        policy: SkipPolicy = SkipPolicy.EVERYONE,
    ) -> Item:
        """Skip what the token holds, with a reason that is stored; see SkipPolicy."""
        if not reason.strip():
            raise InvalidValueError("reason", reason, "a skip needs a reason")
        with self._writing(project=project, now=now, actor="") as writing:
            item, _ = self.held(writing, item_id, token)
            values: dict[str, Any] = {}
            after = state_without(item, writing.actor)
            match policy:
                case SkipPolicy.EVERYONE:
                    after = ItemState.SKIPPED
                    values = {"skip_reason": reason}
                case SkipPolicy.OTHERS:
                    _respond(writing, item, "skipped", reason, None)
                case SkipPolicy.ME:
                    values = {"assignee": writing.actor, "turn": ITEMS.c.turn + 1}
                case _:
                    assert_never(policy)
            move(
                writing,
                item,
                Action.SKIP,
                after,
                details={
                    "reason": reason,
                    "policy": policy.value,
                    "assignee": item.assignee,
                    "turn": item.turn,
                },
                **{**_freed(writing, item, after, item.open_seats + 1), **values},
            )
            return find_item(writing.connection, project, item_id)

    def reopen(self, *, project: str, item_id: int, reason: str, now: datetime, actor: str) -> Item:
        """Make a finished, skipped or removed item pending; earlier labels stay as history."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            item = find_item(writing.connection, project, item_id, lock=True)
            writing.require(Role.REVIEWER, "reopen items", item.queue_id)
            move(
                writing,
                item,
                Action.REOPEN,
                ItemState.PENDING,
                details={"reason": reason},
                round=item.round + 1,
                labels_done=0,
                open_seats=item.labels_wanted,
            )
            if item.state is ItemState.REMOVED:
                recount_response(writing, item)
            return find_item(writing.connection, project, item_id)

    def remove(self, *, project: str, item_id: int, reason: str, now: datetime, actor: str) -> Item:
        """Take an item out of its queue for good; its labels stay.

        Raises ItemLockedError while another person holds it.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            item = find_item(writing.connection, project, item_id, lock=True)
            writing.require(Role.MANAGER, "remove items", item.queue_id)
            if any(hold.until > now and hold.reviewer != actor for hold in item.holds):
                raise locked(item)
            clear(writing, item.id)
            move(writing, item, Action.REMOVE, ItemState.REMOVED, details={"reason": reason})
            if item.has_response:
                writing.count(item.queue_id, "with_responses", -1)
                writing.connection.execute(
                    update(ITEMS).where(ITEMS.c.id == item.id).values(has_response=False)
                )
            return find_item(writing.connection, project, item_id)


def _tell(writing: Writing, item: Item, after: ItemState, wanted: int) -> None:
    """Tell webhooks what a submit has brought about."""
    body = {"queue": item.queue, "item_id": item.id, "object_id": item.object_id}
    if after is ItemState.COMPLETED:
        writing.tell(HookEvent.ITEM_COMPLETED, item.queue_id, **body)
    elif after is ItemState.AWAITING_ADJUDICATION or wanted > item.labels_wanted:
        writing.tell(HookEvent.DISAGREEMENT, item.queue_id, **body)


def _after_submit(writing: Writing, queue: Queue, item: Item, done: int) -> tuple[ItemState, int]:
    """Where the item goes, and how many labels it wants now."""
    wanted = item.labels_wanted
    unfinished = state_without(item, writing.actor)
    if done < wanted:
        return unfinished, wanted
    if done < 2 or not (queue.extra_reviewers_max or queue.adjudicate):
        return ItemState.COMPLETED, wanted
    if not disagree(writing.connection, item):
        return ItemState.COMPLETED, wanted
    if wanted < queue.labels_wanted + queue.extra_reviewers_max:
        return unfinished, wanted + 1
    if queue.adjudicate:
        return ItemState.AWAITING_ADJUDICATION, wanted
    return ItemState.COMPLETED, wanted


def _freed(writing: Writing, item: Item, after: ItemState, seats: int) -> dict[str, Any]:
    """Values of an item that its holder has left; nobody else's claim outlives its end.

    What was the holder's alone is anyone's again.
    """
    values: dict[str, Any] = {}
    if item.assignee in {None, writing.actor}:
        values = {"assignee": NOBODY, "turn": 0}
    match after:
        case ItemState.PENDING | ItemState.IN_PROGRESS:
            leave(writing, item.id, writing.actor)
            return values | {"open_seats": seats}
        case ItemState.COMPLETED:
            clear(writing, item.id)
            return {"completed_at": writing.now, "completed_by": writing.actor}
        case _:
            clear(writing, item.id)
            return {}


def _respond(
    writing: Writing, item: Item, kind: str, reason: str | None, seconds: float | None
) -> int:
    """Record that the reviewer answered or passed the item on; gives the labels it adds."""
    before = writing.connection.scalar(
        select(RESPONSES.c.kind).where(
            RESPONSES.c.item_id == item.id,
            RESPONSES.c.reviewer == writing.actor,
            RESPONSES.c.round == item.round,
        )
    )
    values = {
        "kind": kind,
        "reason": reason,
        "seconds": seconds,
        "revision": item.revision,
        "at": writing.now,
    }
    writing.connection.execute(
        writing.database.insert(RESPONSES)
        .values(
            item_id=item.id,
            reviewer=writing.actor,
            round=item.round,
            queue_id=item.queue_id,
            **values,
        )
        .on_conflict_do_update(index_elements=["item_id", "reviewer", "round"], set_=values)
    )
    return int(kind == "submitted") - int(before == "submitted")
