"""Looking around in a queue: its items as rows, an item's place, taking one that was looked at."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from queue_store.model import ItemState
from review_app.answers import plain
from review_app.calls import claim_row, text
from review_app.earlier import ReviewCalls
from review_app.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queue_store.model import Item

    Body = Mapping[str, Any]

ROWS_MAX = 50
"""Rows of one page."""


class PageCalls(ReviewCalls):
    """Every call of the pages: :class:`ReviewCalls`, and those that look around."""

    def rows(self, name: str, query: Body) -> dict[str, Any]:
        """A page of the queue: what each item is about, where it stands, who answered it."""
        status = query.get("status") or None
        if status is not None and status not in set(ItemState):
            raise BadRequestError(f"status must be one of {', '.join(ItemState)}")
        queue = self.queues.queue(project=self.project, name=name)
        page = self.queues.items(
            project=self.project,
            queue=queue.name,
            status=None if status is None else ItemState(status),
            limit=ROWS_MAX,
            cursor=query.get("cursor") or None,
        )
        about = self._about(page.items)
        people = self._people([item.id for item in page.items])
        return {
            "items": [
                {
                    "item_id": item.id,
                    "object_type": str(item.object_type),
                    "object_id": item.object_id,
                    "status": str(item.state),
                    "priority": item.priority,
                    "reason": item.reason,
                    "holder": item.holder,
                    "reviewers": people.get(item.id, []),
                    **about.get(item.object_id, {"name": None, "started": None}),
                }
                for item in page.items
            ],
            "total": page.total,
            "cursor": page.cursor,
        }

    def place(self, item_id: int) -> dict[str, Any]:
        """Where the item stands in its queue, and the items beside it."""
        return asdict(self.queues.place(project=self.project, item_id=item_id))

    def claim(self, item_id: int, body: Body) -> dict[str, Any]:
        """Claim this item for ``reviewer``, as the next one is claimed."""
        reviewer = text(body, "reviewer")
        claim = self.queues.claim_item(
            project=self.project, item_id=item_id, reviewer=reviewer, now=self.clock()
        )
        return self.show_item(item_id, reviewer) | claim_row(claim)

    def _people(self, item_ids: Sequence[int]) -> dict[int, list[str]]:
        """Who answered each item; not what."""
        people: dict[int, list[str]] = {}
        for row in self.queues.annotations(project=self.project, item_ids=item_ids):
            known = people.setdefault(row.item_id or 0, [])
            if row.reviewer not in known:
                known.append(row.reviewer)
        return people

    def _about(self, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
        """The name and the start of what each item points at, by object id."""
        traces = sorted({item.trace_id for item in items if item.trace_id is not None})
        if not traces:
            return {}
        frame = self.spans.scan(
            "spans",
            project=self.project,
            trace_ids=traces,
            columns=["trace_id", "span_id", "parent_span_id", "name", "start_time"],
        )
        spans = frame.sort(pl.col("parent_span_id").is_not_null(), "start_time").collect()
        found: dict[str, dict[str, Any]] = {}
        for trace_id, span_id, _, name, start in spans.iter_rows():
            told = {"name": name, "started": plain(start)}
            found.setdefault(trace_id, told)
            found[f"{trace_id}:{span_id}"] = told
        return found
