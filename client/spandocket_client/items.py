"""Calls about items: add, list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spandocket_client.rows import Added, Item, ItemPage
from spandocket_client.transport import Transport, part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

BATCH_ITEMS = 5_000
"""Items of one request; more are sent in several, each of which is stored as a whole."""


class ItemCalls(Transport):
    """The part of the client that knows items."""

    def add_items(self, queue: str, items: Iterable[Mapping[str, Any]]) -> Added:
        """Add objects of any kind; adding again changes nothing.

        Each is ``object_id`` and optionally ``object_type`` (trace, span, session; by the form of
        the id unless told), ``priority`` (higher is served first), ``metadata``, ``reason``,
        ``assignee``. Ids that the server knows no span of come back in ``unknown``.
        """
        found = [dict(item) for item in items]
        parts = [
            self.send(
                Added, f"/queues/{part(queue)}/items", {"items": found[at : at + BATCH_ITEMS]}
            )
            for at in range(0, len(found), BATCH_ITEMS)
        ]
        return Added(
            queue=parts[0].queue if parts else queue,
            added=sum(each.added for each in parts),
            duplicates=sum(each.duplicates for each in parts),
            reentered=sum(each.reentered for each in parts),
            removed=sum(each.removed for each in parts),
            unknown=tuple(object_id for each in parts for object_id in each.unknown),
            item_ids=tuple(number for each in parts for number in each.item_ids),
        )

    def add_traces(
        self,
        queue: str,
        trace_ids: Iterable[str],
        *,
        priority: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Added:
        """Add traces with one priority and metadata."""
        return self._add("trace", queue, trace_ids, priority, metadata, reason)

    def add_spans(
        self,
        queue: str,
        span_ids: Iterable[str],
        *,
        priority: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Added:
        """Add spans: ``TRACE_ID:SPAN_ID``, or the span's id alone when one trace has it."""
        return self._add("span", queue, span_ids, priority, metadata, reason)

    def add_sessions(
        self,
        queue: str,
        conversation_ids: Iterable[str],
        *,
        priority: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Added:
        """Add whole conversations."""
        return self._add("session", queue, conversation_ids, priority, metadata, reason)

    def add_matching(self, queue: str, where: str) -> Added:
        """Add the analysed traces that a SQL condition matches."""
        return self.send(Added, f"/queues/{part(queue)}/items", {"where": where})

    def list_items(
        self,
        queue: str,
        *,
        status: str | None = None,
        reviewer: str | None = None,
        detector: str | None = None,
        text: str | None = None,
        annotations: bool = False,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
    ) -> ItemPage:
        """One page, highest priority first, with the total of all pages.

        ``status`` is pending, in_progress, awaiting_adjudication, completed, skipped or removed;
        without one, everything but removed items. ``annotations`` brings each item's answers.
        """
        return self.get(
            ItemPage,
            f"/queues/{part(queue)}/items",
            status=status,
            reviewer=reviewer,
            detector=detector,
            text=text,
            annotations=annotations,
            limit=limit,
            offset=offset,
            cursor=cursor,
        )

    def items(
        self,
        queue: str,
        *,
        status: str | None = None,
        annotations: bool = False,
        page_items: int = 200,
    ) -> Iterator[Item]:
        """Every item of the queue, page by page; ``annotations`` brings each item's answers."""
        wanted = {"status": status, "annotations": annotations, "limit": page_items}
        for page in self.pages(ItemPage, f"/queues/{part(queue)}/items", **wanted):
            yield from page.items

    def item(self, item_id: int) -> Item:
        """One item with its answers. Raises ItemNotFoundError."""
        return self.get(Item, f"/items/{item_id}")

    def _add(
        self,
        kind: str,
        queue: str,
        ids: Iterable[str],
        priority: float,
        metadata: Mapping[str, Any] | None,
        reason: str,
    ) -> Added:
        facts: dict[str, Any] = {"object_type": kind, "priority": priority, "reason": reason}
        facts["metadata"] = dict(metadata or {})
        wanted: Sequence[str] = [ids] if isinstance(ids, str) else list(ids)
        return self.add_items(queue, [{"object_id": each, **facts} for each in wanted])
