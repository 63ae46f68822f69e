"""Any order of adds, claims, time passing, answers and decisions keeps the promises.

Scenario: several reviewers, a virtual clock, every verb in any order.
Guarantees: no item is held by two, no answer is lost or overwritten, the counters equal a
recount, a finished item stays finished unless somebody reopens it.
"""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
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
from queue_store.model import TRANSITIONS, Action, AnnotationDraft, ItemState, SkipPolicy
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
    seen: ClassVar[set[tuple[Action, ItemState, ItemState]]] = set()
    """Every move that any run has made."""

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
        self.given, self.tokens, self.answers, self.finished = {}, {}, {}, {}
        self.did = {}

    def teardown(self):
        if hasattr(self, "store"):
            for entry in self.store.audit(project=PROJECT, limit=10_000):
                if "after" in entry.details:
                    before, after = entry.details["before"], entry.details["after"]
                    self.seen.add((Action(entry.action), ItemState(before), ItemState(after)))
            if not self.store.database.is_sqlite:
                names = ", ".join(table.name for table in METADATA.sorted_tables)
                with self.store.database.engine.begin() as connection:
                    connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            self.store.close()

    def of(self, number):
        """Which item is meant, by whom, when."""
        return {"project": PROJECT, "item_id": number + 1, "now": self.desk.clock.now}

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

    def hold(self, claim):
        """The reviewer has it now."""
        key = claim.item.id, claim.reviewer
        self.tokens[key] = self.given[key] = claim.token

    @rule(reviewer=REVIEWERS)
    def claim_next(self, reviewer):
        before = self.held_by(reviewer)
        try:
            claim = self.desk.next(reviewer)
        except NoItemsAvailableError:
            return
        if self.tokens.get((claim.item.id, reviewer)) == claim.token:
            assert claim.item.id in before
        elif not before:
            assert claim.item.assignee in {None, reviewer}
        self.hold(claim)

    def held_by(self, reviewer):
        items = self.desk.listed(status=ItemState.IN_PROGRESS).items
        return {item.id for item in items if reviewer in names(item)}

    @rule(number=OBJECTS, reviewer=REVIEWERS)
    def claim_item(self, number, reviewer):
        with suppress(ItemLockedError, NotPermittedError):
            self.hold(self.desk.claim(number + 1, reviewer))

    @rule(number=OBJECTS, assignee=st.one_of(st.none(), REVIEWERS))
    def assign(self, number, assignee):
        given = {"project": PROJECT, "item_ids": [number + 1], "now": self.desk.clock.now}
        with suppress(InvalidValueError):
            self.store.assign(assignee=assignee, actor="mia", **given)

    @rule(seconds=st.sampled_from([1, 61]), expires=st.booleans())
    def wait(self, seconds, expires):
        now = self.desk.clock.pass_seconds(seconds)
        if expires:
            self.store.expire(project=PROJECT, queue="spot_checks", now=now, actor="timer")

    @rule(number=OBJECTS, reviewer=REVIEWERS, claims=st.booleans())
    def heartbeat(self, number, reviewer, claims):
        def beat(token):
            self.store.heartbeat(token=token, **self.of(number))

        self.with_token(number, reviewer, beat, claims=claims)

    @rule(number=OBJECTS, reviewer=REVIEWERS, claims=st.booleans())
    def release(self, number, reviewer, claims):
        def give_back(token):
            self.store.release(token=token, **self.of(number))
            del self.tokens[number + 1, reviewer]

        self.with_token(number, reviewer, give_back, claims=claims)

    @rule(number=OBJECTS, reviewer=REVIEWERS, value=st.booleans(), claims=st.booleans())
    def submit(self, number, reviewer, value, claims):
        def answer(token):
            values = [AnnotationDraft(field="correct", value=value)]
            item = self.store.complete(token=token, values=values, **self.of(number))
            self.answers[item.id, item.revision, reviewer] = value
            self.did[item.id, reviewer] = "submit"
            self.left(item, reviewer)

        self.with_token(number, reviewer, answer, claims=claims)

    @rule(
        number=OBJECTS,
        reviewer=REVIEWERS,
        policy=st.sampled_from(list(SkipPolicy)),
        claims=st.booleans(),
    )
    def skip(self, number, reviewer, policy, claims):
        def pass_on(token):
            item = self.store.skip(token=token, reason="odd", policy=policy, **self.of(number))
            self.did[item.id, reviewer] = "skip"
            self.left(item, reviewer)

        self.with_token(number, reviewer, pass_on, claims=claims)

    def left(self, item, reviewer):
        """The claim is done; where the item ends, so are all others."""
        del self.tokens[item.id, reviewer]
        if item.state not in OPEN:
            self.forget(item.id)
        self.note(item)

    def with_token(self, number, reviewer, action, *, claims):
        """Acts when the claim still holds, or a seat is open for it; else the store refuses."""
        if claims:
            self.claim_item(number, reviewer)
        item = self.desk.item(number + 1)
        token = self.given.get((item.id, reviewer), "never given")
        known = self.tokens.get((item.id, reviewer)) == token
        if known and (reviewer in names(item) or item.open_seats):
            action(token)
            return
        with pytest.raises(ItemLockedError):
            action(token)

    @rule(number=OBJECTS, reviewer=REVIEWERS)
    def undo(self, number, reviewer):
        try:
            claim = self.store.undo(reviewer=reviewer, **self.of(number))
        except NotPermittedError:
            return
        self.hold(claim)
        self.finished.pop(claim.item.id, None)
        if self.did[claim.item.id, reviewer] == "submit":
            self.answers.pop((claim.item.id, claim.item.revision, reviewer), None)

    @rule(reviewer=REVIEWERS, value=st.booleans())
    def edit(self, reviewer, value):
        standing = [row for row in self.desk.annotations(reviewer=reviewer) if not row.adjudicated]
        for row in standing[:1]:
            self.store.edit_annotation(
                project=PROJECT,
                annotation_id=row.id,
                value=value,
                now=self.desk.clock.now,
                actor=reviewer,
            )
            self.answers[row.item_id, row.item_revision, reviewer] = value

    @rule(number=OBJECTS)
    def reopen(self, number):
        if self.change(number, self.store.reopen) is not None:
            self.finished.pop(number + 1, None)

    @rule(number=OBJECTS, actor=st.sampled_from(["mia", "ana"]))
    def remove(self, number, actor):
        item = self.change(number, self.store.remove, actor)
        if item is not None:
            self.note(item)

    def change(self, number, verb, actor="mia"):
        try:
            item = verb(reason="", actor=actor, **self.of(number))
        except (InvalidValueError, ItemLockedError):
            return None
        self.forget(item.id)
        return item

    @rule(number=OBJECTS, value=st.booleans())
    def decide(self, number, value):
        answers = [AnnotationDraft(field="correct", value=value)]
        try:
            item = self.store.decide(answers=answers, actor="mia", **self.of(number))
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
        for item in (self.desk.item(1), self.desk.item(2)):
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
DAYS_MAX = 80
EVERY_MOVE = {
    (action, *move)
    for action, moves in TRANSITIONS.items()
    for move in moves
    if action is not Action.EXPIRE  # told in the log by its holder
}


def walk(machine, chance, steps):
    """Do that many things, as a busy team does; every promise is kept all the while."""
    machine.begin(
        labels=chance.choice([1, 2, 2]), extra=chance.choice([0, 0, 0, 1]), adjudicate=True
    )
    number, reviewer = 0, "ana"
    for step in range(steps):
        if chance.random() < 0.5:
            number, reviewer = chance.choice([0, 1]), chance.choice(["ana", "ben", "cem"])
        do(machine, chance, number, reviewer, step)
        if step % 4 == 0:
            machine.counters_equal_a_recount()
        machine.no_seat_is_given_twice()
        machine.every_answer_stands_as_it_was_given()
        machine.what_is_finished_stays_finished()
    machine.teardown()


def do(machine, chance, number, reviewer, step):
    """One thing: mostly the usual, else what fits an item that is not worked on."""
    value = chance.random() < 0.5
    held = {"number": number, "reviewer": reviewer, "claims": chance.random() < 0.8}
    usual = [
        partial(machine.submit, value=value, **held),
        partial(machine.submit, value=value, **held),
        partial(machine.submit, value=value, **held),
        partial(machine.skip, policy=chance.choice(list(SkipPolicy)), **held),
        partial(machine.release, **held),
        partial(machine.heartbeat, **held),
        partial(machine.claim_next, reviewer=reviewer),
        partial(machine.edit, reviewer=reviewer, value=value),
        partial(machine.assign, number=number, assignee=chance.choice([None, reviewer])),
        partial(machine.wait, seconds=chance.choice([1, 61]), expires=value),
    ]
    afterwards = [
        partial(machine.undo, number=number, reviewer=reviewer),
        partial(machine.add, number=number, revision=step + 1, priority=step),
        partial(machine.reopen, number=number),
        partial(machine.remove, number=number, actor=reviewer),
        partial(machine.decide, number=number, value=value),
    ]
    open_still = machine.desk.item(number + 1).state in OPEN
    chance.choice(usual if chance.random() < (0.9 if open_still else 0.3) else afterwards)()


def test_any_order_of_work_keeps_the_promises_on_sqlite():
    run_state_machine_as_test(Reviewing, settings=settings(SETTINGS, max_examples=6))


def test_long_days_keep_the_promises_and_make_every_move():
    Reviewing.seen.clear()
    chance = random.Random(3)
    for _ in range(DAYS_MAX):
        walk(Reviewing(), chance, steps=60)
        if Reviewing.seen >= EVERY_MOVE:
            break

    assert EVERY_MOVE - Reviewing.seen == set()


@pytest.mark.slow
def test_any_order_of_work_keeps_the_promises_on_postgresql(postgres_url):
    machine = type("OnPostgres", (Reviewing,), {"url": postgres_url})

    run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=2))
    walk(machine(), random.Random(6), steps=80)
