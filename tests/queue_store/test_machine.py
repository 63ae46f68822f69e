"""Any order of adds, claims, time passing, answers and decisions keeps the promises.

Scenario: several reviewers, a virtual clock, every verb in any order.
Guarantees: no item is held by two, no answer is lost or overwritten, the counters equal a
recount, a finished item stays finished unless somebody reopens it.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from queue_store.config import QueueConfig
from queue_store.errors import (
    InvalidValueError,
    ItemLockedError,
    NoItemsAvailableError,
    NotPermittedError,
)
from queue_store.model import AnnotationDraft, ItemState, SkipPolicy
from queue_store.soundness import problems_of
from queue_store.store import QueueStore
from queue_store.tables.every import METADATA
from tests.queue_store.desk import PROJECT, Clock, Desk, trace

REVIEWERS = st.sampled_from(["ana", "ben", "cem"])
OBJECTS = st.integers(0, 1)
OPEN = {ItemState.PENDING, ItemState.IN_PROGRESS}
FINISHED = {ItemState.COMPLETED, ItemState.SKIPPED, ItemState.REMOVED}


def names(item):
    """Who holds the item."""
    return [hold.reviewer for hold in item.holds]


class Reviewing(RuleBasedStateMachine):
    """What people and time do to one queue, beside a model of what must be true."""

    url = "sqlite://"
    claims = Bundle("claims")

    @initialize(labels=st.integers(1, 3), extra=st.integers(0, 1), adjudicate=st.booleans())
    def begin(self, labels, extra, adjudicate):
        numbers = itertools.count(1)
        self.store = QueueStore.open(
            self.url, QueueConfig(lease_seconds=60), new_token=lambda: f"t{next(numbers)}"
        )
        self.desk = Desk(self.store, Clock())
        self.desk.field()
        self.desk.queue(
            fields=("correct",),
            labels_wanted=labels,
            extra_reviewers_max=extra,
            adjudicate=adjudicate,
        )
        self.desk.add(2)
        self.tokens = {}
        self.answers = {}
        self.finished = {}

    def teardown(self):
        if hasattr(self, "store"):
            if not self.store.database.is_sqlite:
                names = ", ".join(table.name for table in METADATA.sorted_tables)
                with self.store.database.engine.begin() as connection:
                    connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            self.store.close()

    def note(self, item):
        """Remember that an item has finished."""
        if item.state in FINISHED:
            self.finished[item.id] = item.state

    @rule(number=OBJECTS, revision=st.integers(1, 3), priority=st.integers(0, 3))
    def add(self, number, revision, priority):
        result = self.desk.add_drafts([trace(number, revision=revision, priority=float(priority))])
        if result.reentered:
            self.finished.pop(result.item_ids[0], None)
            self.forget(result.item_ids[0])

    def forget(self, item_id):
        """No claim of this item is good any more."""
        self.tokens = {key: token for key, token in self.tokens.items() if key[0] != item_id}

    @rule(target=claims, reviewer=REVIEWERS)
    def claim_next(self, reviewer):
        before = self.held_by(reviewer)
        try:
            claim = self.desk.next(reviewer)
        except NoItemsAvailableError:
            return multiple()
        if self.tokens.get((claim.item.id, reviewer)) == claim.token:
            assert claim.item.id in before
        self.tokens[claim.item.id, reviewer] = claim.token
        return claim

    def held_by(self, reviewer):
        items = self.desk.listed(status=ItemState.IN_PROGRESS).items
        return {item.id for item in items if reviewer in names(item)}

    @rule(target=claims, number=OBJECTS, reviewer=REVIEWERS)
    def claim_item(self, number, reviewer):
        try:
            claim = self.desk.claim(number + 1, reviewer)
        except (ItemLockedError, NotPermittedError):
            return multiple()
        self.tokens[claim.item.id, reviewer] = claim.token
        return claim

    @rule()
    def expire(self):
        self.store.expire(
            project=PROJECT, queue="spot_checks", now=self.desk.clock.now, actor="timer"
        )

    @rule(seconds=st.sampled_from([1, 61, 61]))
    def wait(self, seconds):
        self.desk.clock.pass_seconds(seconds)

    @rule(claim=claims)
    def heartbeat(self, claim):
        self.with_claim(
            claim,
            lambda: self.store.heartbeat(
                project=PROJECT,
                item_id=claim.item.id,
                token=claim.token,
                now=self.desk.clock.now,
            ),
        )

    @rule(claim=claims)
    def release(self, claim):
        def give_back():
            self.store.release(
                project=PROJECT,
                item_id=claim.item.id,
                token=claim.token,
                now=self.desk.clock.now,
            )
            del self.tokens[claim.item.id, claim.reviewer]

        self.with_claim(claim, give_back)

    @rule(claim=claims, value=st.booleans())
    def submit(self, claim, value):
        def answer():
            item = self.desk.complete(claim, AnnotationDraft(field="correct", value=value))
            self.answers[item.id, item.revision, claim.reviewer] = value
            self.left(item, claim)

        self.with_claim(claim, answer)

    @rule(claim=claims, policy=st.sampled_from(list(SkipPolicy)))
    def skip(self, claim, policy):
        def pass_on():
            self.left(self.desk.skip(claim, policy=policy), claim)

        self.with_claim(claim, pass_on)

    def left(self, item, claim):
        """The claim is done; where the item ends, so are all others."""
        del self.tokens[item.id, claim.reviewer]
        if item.state not in OPEN:
            self.forget(item.id)
        self.note(item)

    def with_claim(self, claim, action):
        """Acts when the claim still holds, or a seat is open for it; else the store refuses."""
        item = self.desk.item(claim.item.id)
        known = self.tokens.get((item.id, claim.reviewer)) == claim.token
        if known and (claim.reviewer in names(item) or item.open_seats):
            action()
            return
        with pytest.raises(ItemLockedError):
            action()

    @rule(number=OBJECTS, reviewer=REVIEWERS)
    def undo(self, number, reviewer):
        try:
            claim = self.store.undo(
                project=PROJECT, item_id=number + 1, reviewer=reviewer, now=self.desk.clock.now
            )
        except NotPermittedError:
            return
        self.tokens[claim.item.id, reviewer] = claim.token
        self.finished.pop(claim.item.id, None)
        self.answers.pop((claim.item.id, claim.item.revision, reviewer), None)

    @rule(number=OBJECTS)
    def reopen(self, number):
        self.change(number, self.store.reopen)
        self.finished.pop(number + 1, None)

    @rule(number=OBJECTS)
    def remove(self, number):
        item = self.change(number, self.store.remove)
        if item is not None:
            self.note(item)

    def change(self, number, verb):
        try:
            item = verb(
                project=PROJECT,
                item_id=number + 1,
                reason="",
                now=self.desk.clock.now,
                actor="mia",
            )
        except (InvalidValueError, ItemLockedError):
            return None
        self.forget(item.id)
        return item

    @rule(number=OBJECTS, value=st.booleans())
    def decide(self, number, value):
        try:
            item = self.store.decide(
                project=PROJECT,
                item_id=number + 1,
                answers=[AnnotationDraft(field="correct", value=value)],
                now=self.desk.clock.now,
                actor="mia",
            )
        except InvalidValueError:
            return
        self.note(item)

    @invariant()
    def counters_equal_a_recount(self):
        if hasattr(self, "store"):
            assert problems_of(self.store) == []

    @invariant()
    def no_seat_is_given_twice(self):
        if not hasattr(self, "store"):
            return
        for item in self.desk.listed().items:
            assert len(set(names(item))) == len(names(item))
            assert len(item.holds) + item.labels_done + item.open_seats <= item.labels_wanted or (
                item.state not in OPEN
            )
            assert not set(names(item)) & {
                reviewer
                for item_id, revision, reviewer in self.answers
                if (item_id, revision) == (item.id, item.revision) and item.round == 1
            }

    @invariant()
    def every_answer_stands_as_it_was_given(self):
        if not hasattr(self, "store"):
            return
        standing = {
            (row.item_id, row.item_revision, row.reviewer): row.value
            for row in self.desk.annotations()
            if not row.adjudicated
        }
        assert standing == self.answers

    @invariant()
    def what_is_finished_stays_finished(self):
        if not hasattr(self, "store"):
            return
        for item_id, state in self.finished.items():
            assert self.desk.item(item_id).state is state


SETTINGS = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    stateful_step_count=30,
)


def test_any_order_of_work_keeps_the_promises_on_sqlite():
    run_state_machine_as_test(Reviewing, settings=settings(SETTINGS, max_examples=15))


@pytest.mark.slow
def test_any_order_of_work_keeps_the_promises_on_postgresql(postgres_url):
    machine = type("OnPostgres", (Reviewing,), {"url": postgres_url})

    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=2))
