"""Calls about queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spandocket_client.rows import Item, Progress, Queue
from spandocket_client.transport import Transport, given, part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class QueueCalls(Transport):
    """The part of the client that knows queues. ``queue`` is a name or a link."""

    def list_queues(self, *, kind: str | None = None) -> list[Queue]:
        """The project's queues with their progress; ``kind`` is system, live or manual."""
        return self.get_list(Queue, "queues", "/queues", kind=kind)

    def queue(self, queue: str) -> Queue:
        """One queue. Raises QueueNotFoundError with the nearest names."""
        return self.get(Queue, f"/queues/{part(queue)}")

    def create_queue(
        self,
        name: str,
        *,
        description: str = "",
        instructions: str = "",
        fields: Sequence[str] = (),
        assignees: Sequence[str] = (),
        live: bool = False,
        filter: str | None = None,  # noqa: A002
        sample: float | None = None,
        **settings: Any,
    ) -> Queue:
        """Create a queue: manual, or live with a SQL condition and a share that is kept.

        ``settings`` are the further keys of the call ``create_queue``, such as labels_wanted.
        Raises AlreadyExistsError, InvalidValueError, NotFoundError (a field), UnknownColumnError.
        """
        body = {"name": name, "description": description, "instructions": instructions}
        lists = {"fields": list(fields), "assignees": list(assignees)}
        about = {"live": live, **given(filter=filter, sample=sample), **settings}
        return self.send(Queue, "/queues", body | lists | about)

    def change_queue(self, queue: str, **settings: Any) -> Queue:
        """Change the settings that are given."""
        return self.send(Queue, f"/queues/{part(queue)}", settings, "PATCH")

    def progress(self, queue: str) -> Progress:
        """How far the queue is, what each reviewer did, how far they agree."""
        return self.get(Progress, f"/queues/{part(queue)}/progress")

    def export_queue(self, queue: str, *, status: str | None = None) -> Iterator[Item]:
        """Every item with its answers, as it arrives."""
        return self.lines(Item, f"/queues/{part(queue)}/export", status=status)
