"""Calls that work on items: claim, keep, finish, pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spandocket_client.rows import Annotation, Claim, Item
from spandocket_client.transport import Transport, given, part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WorkCalls(Transport):
    """The part of the client that works. A claim's token goes with every write on its item.

    Every write on a held item raises ItemLockedError when the token does not hold it.
    """

    def claim_next(self, queue: str, *, lease_seconds: float | None = None) -> Claim:
        """The next item for you. Raises NoItemsAvailableError, which says why."""
        body = given(lease_seconds=lease_seconds)
        return self.send(Claim, f"/queues/{part(queue)}/next", body)

    def claim(self, item_id: int, *, lease_seconds: float | None = None) -> Claim:
        """This item. Raises ItemLockedError: who holds it, until when."""
        body = given(lease_seconds=lease_seconds)
        return self.send(Claim, f"/items/{item_id}/claim", body)

    def heartbeat(self, item_id: int, token: str, *, lease_seconds: float | None = None) -> Claim:
        """Keep it for another lease from now."""
        body = given(token=token, lease_seconds=lease_seconds)
        return self.send(Claim, f"/items/{item_id}/heartbeat", body)

    def complete(
        self,
        item_id: int,
        token: str,
        values: Mapping[str, Any],
        *,
        revision: int | None = None,
        seconds_spent: float | None = None,
    ) -> Item:
        """Finish it with answers, field to value; everything is stored, or nothing.

        Raises InvalidValueError, and StaleRevisionError when ``revision`` is not the item's.
        """
        body = given(token=token, revision=revision, seconds_spent=seconds_spent)
        return self.send(Item, f"/items/{item_id}/complete", body | {"values": dict(values)})

    def skip(self, item_id: int, token: str, reason: str, *, policy: str = "everyone") -> Item:
        """Skip it for everyone, leave it to others, or see it later (``me``)."""
        body = {"token": token, "reason": reason, "policy": policy}
        return self.send(Item, f"/items/{item_id}/skip", body)

    def release(self, item_id: int, token: str) -> Item:
        """Give it back unanswered."""
        return self.send(Item, f"/items/{item_id}/release", {"token": token})

    def undo(self, item_id: int) -> Claim:
        """Take back your last submit or skip of it; your answers are drafts again."""
        return self.send(Claim, f"/items/{item_id}/undo", {})

    def reopen(self, item_id: int, *, reason: str = "") -> Item:
        """Make it pending again; its answers stay on record."""
        return self.send(Item, f"/items/{item_id}/reopen", {"reason": reason})

    def remove(self, item_id: int, *, reason: str = "") -> Item:
        """Take it out of its queue; no rule adds it again."""
        return self.send(Item, f"/items/{item_id}/remove", {"reason": reason})

    def annotate(
        self,
        item_id: int,
        annotations: Sequence[Mapping[str, Any]],
        *,
        token: str | None = None,
        revision: int | None = None,
    ) -> list[Annotation]:
        """Add your answers without finishing it; all of them, or none.

        Each is ``field`` and ``value``, and optionally ``comment``, ``corrected_output``,
        ``also_acceptable``, ``blind``, ``issue`` (a title) and ``anchor`` (a place).
        """
        body = given(token=token, revision=revision)
        body["annotations"] = [dict(each) for each in annotations]
        found = self.send_json(f"/items/{item_id}/annotations", body)
        return self.listed(Annotation, "annotations", found)
