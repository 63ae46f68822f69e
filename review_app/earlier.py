"""What a reviewer did before, and may still change: earlier answers, passages, decisions."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from queue_store.anchors import anchored
from queue_store.model import Anchor, AnnotationDraft, AnnotationState, ItemState, Role
from review_app.answers import plain
from review_app.calls import Calls, claim_row, integer, item_row, text
from review_app.conversation import conversation_of, texts_of
from review_app.errors import BadRequestError
from review_app.seen import others_answers, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queue_store.model import AnnotationRow, Item

    Body = Mapping[str, Any]

EARLIER_MAX = 500
"""How many of a reviewer's items one may step back through."""
WAITING_MAX = 200
_MINE = {AnnotationState.SUBMITTED, AnnotationState.DRAFT}


class ReviewCalls(Calls):
    """Every call of the page: :class:`Calls`, and those that go back."""

    def earlier(self, name: str, reviewer: str) -> list[int]:
        """The items of a queue that the reviewer has answered, in the order they did."""
        mine = self.queues.as_reader(reviewer)
        rows = mine.annotations(project=self.project, queue=name, reviewer=reviewer)
        done = dict.fromkeys(row.item_id for row in rows if row.item_id is not None)
        return list(done)[-EARLIER_MAX:]

    def show_item(self, item_id: int, reviewer: str) -> dict[str, Any]:
        """An item, what to read, the reviewer's own answers; others' in open queues alone."""
        item = self.queues.as_reader(reviewer).item(project=self.project, item_id=item_id)
        return self._shown(item, reviewer)

    def claim_next(self, name: str, body: Body) -> dict[str, Any]:
        """As :meth:`Calls.claim_next`, with the reviewer's drafts and passages on the item."""
        claimed = super().claim_next(name, body)
        item_id, reviewer = claimed["item"]["item_id"], text(body, "reviewer")
        told = {"answers": self._answers(item_id, reviewer)}
        queue = self.queues.queue(project=self.project, name=name)
        if not queue.blind:
            item = self.queues.item(project=self.project, item_id=item_id)
            told |= self._in_the_open(item, reviewer)
        return claimed | told

    def undo(self, item_id: int, body: Body) -> dict[str, Any]:
        """Take back the reviewer's submit or skip; their answers come back as drafts."""
        reviewer = text(body, "reviewer")
        claim = self.queues.undo(
            project=self.project, item_id=item_id, reviewer=reviewer, now=self.clock()
        )
        return self._shown(claim.item, reviewer) | claim_row(claim)

    def annotate(self, item_id: int, body: Body) -> dict[str, Any]:
        """One answer about a message or a passage of it: ``field``, ``value``, ``place``."""
        item = self.queues.item(project=self.project, item_id=item_id)
        draft = AnnotationDraft(
            field=text(body, "field"),
            value=body.get("value"),
            comment=body.get("comment") or None,
            anchor=self._anchor(item, body.get("place")),
        )
        (row,) = self.queues.annotate(
            project=self.project,
            item_id=item_id,
            reviewer=text(body, "reviewer"),
            answers=[draft],
            revision=integer(body, "revision"),
            now=self.clock(),
        )
        if body.get("issue"):
            issue = self.queues.issue(project=self.project, title=str(body["issue"]))
            row = self.queues.edit_annotation(
                project=self.project,
                annotation_id=row.id,
                issue_id=issue.id,
                now=self.clock(),
                actor=row.reviewer,
            )
        return _answer(row)

    def edit(self, annotation_id: int, body: Body) -> dict[str, Any]:
        """Replace one's own answer by a later one; the earlier stays on record."""
        row = self.queues.edit_annotation(
            project=self.project,
            annotation_id=annotation_id,
            value=body.get("value"),
            now=self.clock(),
            actor=text(body, "reviewer"),
        )
        return _answer(row)

    def withdraw(self, annotation_id: int, body: Body) -> dict[str, Any]:
        """Take one's own answer back."""
        row = self.queues.withdraw_annotation(
            project=self.project,
            annotation_id=annotation_id,
            now=self.clock(),
            actor=text(body, "reviewer"),
        )
        return _answer(row)

    def issues(self) -> list[dict[str, Any]]:
        """The known problems that an answer may point to."""
        found = self.queues.issues(project=self.project)
        return [{"title": issue.title, "state": str(issue.state)} for issue in found]

    def waiting(self, name: str, reviewer: str) -> list[int]:
        """The items that wait for a decision; none for a person who may not decide."""
        if not self._may_decide(name, reviewer):
            return []
        page = self.queues.items(
            project=self.project,
            queue=name,
            status=ItemState.AWAITING_ADJUDICATION,
            limit=WAITING_MAX,
        )
        return [item.id for item in page.items]

    def decide(self, item_id: int, body: Body) -> dict[str, Any]:
        """Settle a disagreement: ``pick`` a reviewer, or write ``values``, or both."""
        values = body.get("values", {})
        if not isinstance(values, dict):
            raise BadRequestError("values must be an object of field and value")
        item = self.queues.decide(
            project=self.project,
            item_id=item_id,
            pick=body.get("pick") or None,
            answers=[AnnotationDraft(field=str(k), value=v) for k, v in values.items()],
            reason=str(body.get("reason") or ""),
            now=self.clock(),
            actor=text(body, "reviewer"),
        )
        return {"item_id": item.id, "status": str(item.state)}

    def _shown(self, item: Item, reviewer: str) -> dict[str, Any]:
        queue = self.queues.queue(project=self.project, name=item.queue)
        told = {
            "item": item_row(item),
            "status": str(item.state),
            "answers": self._answers(item.id, reviewer),
            **conversation_of(self.spans, item, queue.shown),
        }
        if not queue.blind:
            told |= self._in_the_open(item, reviewer)
        if item.state is ItemState.AWAITING_ADJUDICATION and self._may_decide(queue.name, reviewer):
            told["disagreement"] = plain(
                self.queues.disagreement(project=self.project, item_id=item.id)
            )
        return told

    def _in_the_open(self, item: Item, reviewer: str) -> dict[str, Any]:
        """What an open queue shows beside one's own answers."""
        return {
            "others": others_answers(self.queues, item, reviewer),
            "verdicts": plain(verdicts(self.spans, item)),
        }

    def _answers(self, item_id: int, reviewer: str) -> list[dict[str, Any]]:
        rows = self.queues.annotations(
            project=self.project, item_id=item_id, reviewer=reviewer, history=True
        )
        return [_answer(row) for row in rows if row.state in _MINE and not row.adjudicated]

    def _may_decide(self, name: str, reviewer: str) -> bool:
        return self.queues.permits(
            project=self.project, person=reviewer, role=Role.REVIEWER, queue=name
        )

    def _anchor(self, item: Item, place: Any) -> Anchor | None:
        """The place as the page names it, with the text that stands there."""
        if place is None:
            return None
        if not isinstance(place, dict):
            raise BadRequestError("place must be an object")
        span_id, direction = text(place, "span_id"), text(place, "direction")
        message_index = integer(place, "message_index")
        if place.get("start") is None:
            return Anchor(direction=direction, message_index=message_index, span_id=span_id)
        where = (direction, message_index, integer(place, "part_index"))
        texts = texts_of(self.spans, item, span_id)
        anchor = anchored(texts, where, integer(place, "start"), integer(place, "end"))
        return replace(anchor, span_id=span_id)


def _answer(row: AnnotationRow) -> dict[str, Any]:
    return {
        "annotation_id": row.id,
        "field": row.field,
        "value": plain(row.value),
        "comment": row.comment,
        "anchor": None if row.anchor is None else asdict(row.anchor),
        "state": str(row.state),
    }
