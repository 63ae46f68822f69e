"""Changes after the fact: undo, assign, decide, edit, withdraw; each on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from queue_store.answers import recount_response, store_answers
from queue_store.base import find_item, find_queue
from queue_store.disagreement import labels_of
from queue_store.errors import InvalidValueError, NotPermittedError
from queue_store.leases import take
from queue_store.model import (
    TRANSITIONS,
    Action,
    AnnotationDraft,
    AnnotationState,
    Claim,
    HookEvent,
    ItemState,
    Role,
)
from queue_store.moves import move
from queue_store.submissions import Submissions
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.audit import AUDIT
from queue_store.tables.items import ITEMS, NOBODY, RESPONSES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from queue_store.model import Item
    from queue_store.writing import Writing

_MOVING = tuple(action.value for action in TRANSITIONS)
_BESIDE = {Action.CLAIM.value, Action.RELEASE.value, Action.EXPIRE.value}
MOVES_MAX = 200
"""How far back an undo looks for its reviewer's last move."""
_OPEN = (ItemState.PENDING.value, ItemState.IN_PROGRESS.value)


class Changes(Submissions):
    """The part of the store that corrects what was done."""

    def undo(self, *, project: str, item_id: int, reviewer: str, now: datetime) -> Claim:
        """Take back the reviewer's last submit or skip of this item; they hold it again.

        Their answers become drafts. Raises NotPermittedError when somebody has gone on from it,
        their last action was another, or it is too long ago.
        """
        with self._writing(project=project, now=now, actor=reviewer) as writing:
            item = find_item(writing.connection, project, item_id, lock=True)
            writing.require(Role.ANNOTATOR, "undo", item.queue_id)
            last = _last_move(writing.connection, item, reviewer)
            if last is None:
                raise NotPermittedError(
                    reviewer, f"undo on item {item.id}", "their submit or skip is not the last"
                )
            if now - last.time > timedelta(seconds=self.config.undo_seconds):
                raise NotPermittedError(
                    reviewer, f"undo on item {item.id}", "it is too long ago; reopen it"
                )
            labels = _take_back(writing, item, last)
            wanted = last.details.get("labels_wanted", item.labels_wanted)
            done = item.labels_done - labels
            seats = wanted - done - len(item.holds)
            if seats < 1:
                others = ", ".join(hold.reviewer for hold in item.holds)
                raise NotPermittedError(
                    reviewer, f"undo on item {item.id}", f"it is with {others} now"
                )
            queue = find_queue(writing.connection, project, item.queue, with_form=False)
            until = now + timedelta(seconds=self.lease_of(queue, None))
            token = self.new_token()
            take(
                writing,
                item,
                Action.UNDO,
                token,
                until,
                open_seats=seats,
                assignee=last.details.get("assignee") or NOBODY,
                turn=last.details.get("turn", 0),
                labels_done=done,
                labels_wanted=wanted,
            )
            recount_response(writing, item)
            item = find_item(writing.connection, project, item_id)
            return Claim(item=item, reviewer=reviewer, token=token, lease_until=until)

    def assign(
        self,
        *,
        project: str,
        item_ids: Sequence[int],
        assignee: str | None,
        now: datetime,
        actor: str,
    ) -> list[Item]:
        """Give items to one person alone, or to anyone (None); all of them, or none.

        Raises InvalidValueError for an item that is finished or removed.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            for item_id in sorted(set(item_ids)):
                item = find_item(writing.connection, project, item_id, lock=True)
                writing.require(Role.REVIEWER, "assign items", item.queue_id)
                _assign(writing, item, assignee)
            return [find_item(writing.connection, project, item_id) for item_id in item_ids]

    def assign_share(
        self,
        *,
        project: str,
        queue: str,
        assignees: Sequence[str],
        share: float,
        now: datetime,
        actor: str,
    ) -> dict[str, int]:
        """Deal a share of the pending items that are nobody's to people in turn, best first.

        Gives how many each got. Raises InvalidValueError for a share outside 0 to 1.
        """
        if not 0 <= share <= 1 or not assignees:
            raise InvalidValueError("share", share, "lies between 0 and 1, for at least one person")
        with self._writing(project=project, now=now, actor=actor) as writing:
            target = find_queue(writing.connection, project, queue)
            writing.require(Role.REVIEWER, "assign items", target.id)
            waiting = list(
                writing.connection.scalars(
                    select(ITEMS.c.id)
                    .where(
                        ITEMS.c.queue_id == target.id,
                        ITEMS.c.state == ItemState.PENDING.value,
                        ITEMS.c.assignee == NOBODY,
                    )
                    .order_by(ITEMS.c.priority.desc(), ITEMS.c.id)
                    .with_for_update(skip_locked=True)
                )
            )
            dealt = waiting[: round(len(waiting) * share)]
            given = {}
            for position, person in enumerate(assignees):
                hand = dealt[position :: len(assignees)]
                given[person] = len(hand)
                for start in range(0, len(hand), 500):
                    writing.connection.execute(
                        update(ITEMS)
                        .where(ITEMS.c.id.in_(hand[start : start + 500]))
                        .values(assignee=person)
                    )
            writing.audit("assign_share", queue_id=target.id, share=share, given=given)
            return given

    def decide(
        self,
        *,
        project: str,
        item_id: int,
        now: datetime,
        actor: str,
        pick: str | None = None,
        answers: Sequence[AnnotationDraft] = (),
        reason: str = "",
    ) -> Item:
        """Settle a disagreement: take one reviewer's answers, write others, or both.

        Every field that somebody answered gets an authoritative answer: the one written here,
        else the picked reviewer's, else the one all agreed on. Raises InvalidValueError when a
        field is left without one.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            item = find_item(writing.connection, project, item_id, lock=True)
            writing.require(Role.REVIEWER, "decide disagreements", item.queue_id)
            if item.state is not ItemState.AWAITING_ADJUDICATION:
                raise InvalidValueError(
                    "item", item.id, f"item {item.id} does not await a decision: it is {item.state}"
                )
            written = {draft.field: replace(draft, blind=False) for draft in answers}
            for field, labels in labels_of(writing.connection, item).items():
                if field in written:
                    continue
                values = list(labels.values())
                if pick in labels:
                    chosen = labels[pick]
                elif all(value == values[0] for value in values):
                    chosen = values[0]
                else:
                    given = ", ".join(f"{who}: {what!r}" for who, what in labels.items())
                    raise InvalidValueError(field, None, f"needs a decision between {given}")
                written[field] = AnnotationDraft(field=field, value=chosen, blind=False)
            store_answers(writing, item, actor, list(written.values()), None, adjudicated=True)
            move(
                writing,
                item,
                Action.DECIDE,
                ItemState.COMPLETED,
                details={"pick": pick, "reason": reason},
                completed_at=now,
                completed_by=actor,
            )
            body = {"queue": item.queue, "item_id": item.id, "object_id": item.object_id}
            writing.tell(HookEvent.ITEM_COMPLETED, item.queue_id, **body)
            return find_item(writing.connection, project, item_id)

    def disagreement(self, *, project: str, item_id: int) -> dict[str, dict[str, Any]]:
        """What each reviewer answered in this round: field, then reviewer, then value."""
        with self._reading(project) as connection:
            item = find_item(connection, project, item_id)
        with self._reading(project, item.queue) as connection:
            return labels_of(connection, find_item(connection, project, item_id))


def _last_move(connection: Connection, item: Item, reviewer: str) -> Any:
    """The reviewer's last move of the item: a submit or a skip from which nobody has gone on.

    That others come and go beside them does not matter; what they answered does.
    """
    moves = connection.execute(
        select(AUDIT)
        .where(AUDIT.c.item_id == item.id, AUDIT.c.action.in_(_MOVING))
        .order_by(AUDIT.c.id.desc())
        .limit(MOVES_MAX)
    )
    for row in moves:
        if row.actor == reviewer:
            return row if row.action in {"submit", "skip"} else None
        if row.action not in _BESIDE:
            return None
    return None


def _take_back(writing: Writing, item: Item, last: Any) -> int:
    """Remove what the last action left behind; gives the labels it had added."""
    mine = (
        (RESPONSES.c.item_id == item.id)
        & (RESPONSES.c.reviewer == writing.actor)
        & (RESPONSES.c.round == item.round)
    )
    if last.action == "skip":
        writing.connection.execute(delete(RESPONSES).where(mine, RESPONSES.c.kind == "skipped"))
        return 0
    writing.connection.execute(delete(RESPONSES).where(mine))
    writing.connection.execute(
        update(ANNOTATIONS)
        .where(
            ANNOTATIONS.c.item_id == item.id,
            ANNOTATIONS.c.reviewer == writing.actor,
            ANNOTATIONS.c.item_revision == item.revision,
            ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
        )
        .values(state=AnnotationState.DRAFT.value)
    )
    return int(last.details.get("labels_added", 1))


def _assign(writing: Writing, item: Item, assignee: str | None) -> None:
    if item.state.value not in _OPEN:
        raise InvalidValueError(
            "item", item.id, f"cannot assign item {item.id}: it is {item.state.value}"
        )
    writing.connection.execute(
        update(ITEMS)
        .where(ITEMS.c.id == item.id)
        .values(assignee=assignee or NOBODY, turn=0, updated_at=writing.now)
    )
    writing.audit("assign", queue_id=item.queue_id, item_id=item.id, assignee=assignee)
