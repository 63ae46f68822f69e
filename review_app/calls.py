"""The HTTP API's calls: plain functions from a request's body to a JSON value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from queue_store.model import AnnotationDraft
from review_app.answers import plain
from review_app.conversation import conversation_of
from review_app.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from queue_store.model import Claim, Field, Item, Queue
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

    Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Every call; raises the queue store's errors and :class:`BadRequestError`."""

    queues: QueueStore
    spans: SpanStore
    project: str
    clock: Callable[[], datetime]

    def read_by(self, person: str | None) -> Self:
        """The same calls, reading as this person may; None for whoever it is."""
        return self if person is None else replace(self, queues=self.queues.as_reader(person))

    def list_queues(self) -> list[dict[str, Any]]:
        """Every queue with its progress."""
        progress = {each.queue: each for each in self.queues.all_progress(project=self.project)}
        return [
            {
                "queue": queue.name,
                "link": queue.link,
                "kind": str(queue.kind),
                "status": str(queue.state),
                "description": queue.description,
                "total": progress[queue.name].total,
                "completed": progress[queue.name].completed,
                "skipped": progress[queue.name].skipped,
                "completed_percent": progress[queue.name].completed_percent,
                "with_responses_percent": progress[queue.name].with_responses_percent,
                "state": progress[queue.name].state,
            }
            for queue in self.queues.queues(project=self.project)
        ]

    def show_queue(self, name: str) -> dict[str, Any]:
        """Instructions, form and progress of one queue."""
        queue = self.queues.queue(project=self.project, name=name)
        progress = self.queues.progress(project=self.project, queue=queue.name)
        return {
            "queue": queue.name,
            "link": queue.link,
            "description": queue.description,
            "shown": list(queue.shown),
            "instructions": queue.instructions,
            "fields": [_field(field) for field in self._fields(queue)],
            "total": progress.total,
            "completed": progress.completed,
            "skipped": progress.skipped,
        }

    def claim_next(self, name: str, body: Body) -> dict[str, Any]:
        """Claim the queue's next item for ``reviewer``: the item, its token, what to read."""
        claim = self.queues.claim_next(
            project=self.project, queue=name, reviewer=text(body, "reviewer"), now=self.clock()
        )
        shown = self.queues.queue(project=self.project, name=name).shown
        return claim_row(claim) | conversation_of(self.spans, claim.item, shown)

    def heartbeat(self, item_id: int, body: Body) -> dict[str, Any]:
        """Hold the item a while longer."""
        claim = self.queues.heartbeat(
            project=self.project, item_id=item_id, token=text(body, "token"), now=self.clock()
        )
        return {"lease_until": plain(claim.lease_until)}

    def complete(self, item_id: int, body: Body) -> dict[str, Any]:
        """Submit ``values`` (field to value) and finish the item, or change nothing.

        The first answer points to the known ``issue``, when one is named.
        """
        values = body.get("values", {})
        if not isinstance(values, dict):
            raise BadRequestError("values must be an object of field and value")
        issue = body.get("issue") or None
        if issue is not None and not values:
            raise BadRequestError("a known issue goes with an answer; answer a field first")
        drafts = [
            AnnotationDraft(field=str(k), value=v, issue=str(issue) if issue and n == 0 else None)
            for n, (k, v) in enumerate(values.items())
        ]
        item = self.queues.complete(
            project=self.project,
            item_id=item_id,
            token=text(body, "token"),
            revision=integer(body, "revision"),
            values=drafts,
            now=self.clock(),
        )
        return {"item_id": item.id, "status": str(item.state)}

    def skip(self, item_id: int, body: Body) -> dict[str, Any]:
        """Pass on the item, with a reason that is kept."""
        item = self.queues.skip(
            project=self.project,
            item_id=item_id,
            token=text(body, "token"),
            reason=text(body, "reason"),
            now=self.clock(),
        )
        return {"item_id": item.id, "status": str(item.state)}

    def release(self, item_id: int, body: Body) -> dict[str, Any]:
        """Give the item back unanswered."""
        item = self.queues.release(
            project=self.project, item_id=item_id, token=text(body, "token"), now=self.clock()
        )
        return {"item_id": item.id, "status": str(item.state)}

    def _fields(self, queue: Queue) -> list[Field]:
        pinned = dict(zip(queue.field_names, queue.field_versions, strict=True))
        known = {
            (field.name, field.version): field
            for field in self.queues.fields(project=self.project, every_version=True)
        }
        return [known[entry] for entry in pinned.items()]


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": str(field.type),
        "description": field.description,
        "options": [{"value": option.value, "help": option.help} for option in field.options],
        "multiple": field.multiple,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "required": field.required,
    }


def claim_row(claim: Claim) -> dict[str, Any]:
    """A claim's token and lease, with its item."""
    return {
        "token": claim.token,
        "lease_until": plain(claim.lease_until),
        "item": item_row(claim.item),
    }


def item_row(item: Item) -> dict[str, Any]:
    """What the page tells about an item; nothing that another reviewer said."""
    return {
        "item_id": item.id,
        "queue": item.queue,
        "object_type": str(item.object_type),
        "object_id": item.object_id,
        "revision": item.revision,
        "priority": item.priority,
        "priority_terms": plain(item.priority_terms),
        "reason": item.reason,
        "detector": item.detector,
        "metadata": plain(item.metadata),
    }


def text(body: Body, name: str) -> str:
    """A text that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadRequestError(f"{name} is missing: a text is expected")
    return value.strip()


def integer(body: Body, name: str) -> int:
    """A whole number that must be there."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRequestError(f"{name} is missing: a whole number is expected")
    return value
