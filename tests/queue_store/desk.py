"""Short words for what people do with a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from queue_store.model import FieldDraft, FieldType, ItemDraft, ObjectType, QueueDraft

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROJECT = "shop"


class Clock:
    """A virtual clock: tells the time it was set to."""

    def __init__(self):
        self.now = NOW

    def pass_seconds(self, seconds):
        self.now += timedelta(seconds=seconds)
        return self.now


class Desk:
    """A store with one queue, and short words for what reviewers do."""

    def __init__(self, store, clock):
        self.store = store
        self.clock = clock
        self.project = PROJECT

    def queue(self, name="spot_checks", **settings):
        return self.store.create_queue(
            project=PROJECT,
            draft=QueueDraft(name=name, **settings),
            now=self.clock.now,
            actor="mia",
        )

    def field(self, name="correct", kind=FieldType.BOOLEAN, **settings):
        return self.store.create_field(
            project=PROJECT,
            draft=FieldDraft(name=name, type=kind, **settings),
            now=self.clock.now,
            actor="mia",
        )

    def add(self, count=1, queue="spot_checks", start=0, **facts):
        drafts = [trace(number, **facts) for number in range(start, start + count)]
        return self.add_drafts(drafts, queue)

    def add_drafts(self, drafts, queue="spot_checks", actor="mia"):
        return self.store.add_items(
            project=PROJECT, queue=queue, drafts=drafts, now=self.clock.now, actor=actor
        )

    def next(self, reviewer="ana", queue="spot_checks", **more):
        return self.store.claim_next(
            project=PROJECT, queue=queue, reviewer=reviewer, now=self.clock.now, **more
        )

    def claim(self, item_id, reviewer="ana"):
        return self.store.claim_item(
            project=PROJECT, item_id=item_id, reviewer=reviewer, now=self.clock.now
        )

    def complete(self, claim, *answers, **more):
        return self.store.complete(
            project=PROJECT,
            item_id=claim.item.id,
            token=claim.token,
            now=self.clock.now,
            values=answers,
            **more,
        )

    def skip(self, claim, reason="not English", **more):
        return self.store.skip(
            project=PROJECT,
            item_id=claim.item.id,
            token=claim.token,
            reason=reason,
            now=self.clock.now,
            **more,
        )

    def item(self, item_id):
        return self.store.item(project=PROJECT, item_id=item_id)

    def annotate(self, item_id, reviewer, *answers, **more):
        return self.store.annotate(
            project=PROJECT,
            item_id=item_id,
            reviewer=reviewer,
            answers=answers,
            now=self.clock.now,
            **more,
        )

    def annotations(self, **wanted):
        return self.store.annotations(project=PROJECT, **wanted)

    def progress(self, queue="spot_checks"):
        return self.store.progress(project=PROJECT, queue=queue)

    def listed(self, queue="spot_checks", **wanted):
        return self.store.items(project=PROJECT, queue=queue, **wanted)


def trace(number, **facts):
    """A draft of the trace with this number."""
    return ItemDraft(object_type=ObjectType.TRACE, object_id=f"{number:032x}", **facts)
