"""Changes after the fact: undo, assign, decide, edit, withdraw."""

from __future__ import annotations

import pytest

from queue_store.errors import InvalidValueError, NotPermittedError
from queue_store.model import (
    AnnotationDraft,
    AnnotationState,
    Assignment,
    ItemState,
    SkipPolicy,
)
from queue_store.soundness import problems_of
from tests.queue_store.desk import PROJECT


def answer(value, field="correct"):
    return AnnotationDraft(field=field, value=value)


def undo(desk, item_id, reviewer="ana"):
    return desk.store.undo(project=PROJECT, item_id=item_id, reviewer=reviewer, now=desk.clock.now)


def test_an_undone_submit_is_in_its_reviewers_hands_again_with_the_answers_as_drafts(desk):
    desk.field(required=True)
    desk.queue(fields=("correct",))
    desk.add(1)
    done = desk.complete(desk.next("ana"), answer(True))

    claim = undo(desk, done.id)

    assert (claim.item.state, claim.item.holder) == (ItemState.IN_PROGRESS, "ana")
    assert desk.annotations() == []
    assert desk.progress().with_responses == 0
    again = desk.complete(claim)
    assert (again.state, again.labels_done) == (ItemState.COMPLETED, 1)
    assert [row.value for row in desk.annotations()] == [True]


@pytest.mark.parametrize("policy", list(SkipPolicy))
def test_an_undone_skip_leaves_no_trace_on_the_item(desk, policy):
    desk.queue()
    desk.add(1)
    before = desk.next("ana")
    desk.skip(before, policy=policy)

    claim = undo(desk, before.item.id)
    desk.store.release(
        project=PROJECT, item_id=claim.item.id, token=claim.token, now=desk.clock.now
    )

    item = desk.item(before.item.id)
    assert (item.state, item.assignee, item.skip_reason) == (ItemState.PENDING, None, None)
    assert desk.next("ben").item.id == item.id


def test_a_disagreement_that_was_undone_asks_for_no_further_reviewer(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, extra_reviewers_max=1)
    desk.add(1)
    desk.complete(desk.next("ana"), answer(True))
    asked = desk.complete(desk.next("ben"), answer(False))
    assert asked.labels_wanted == 3

    claim = undo(desk, asked.id, "ben")

    assert (claim.item.labels_wanted, claim.item.labels_done) == (2, 1)
    assert desk.complete(claim, answer(True)).state is ItemState.COMPLETED


def test_nobody_undoes_anothers_work_or_what_others_have_answered_since(desk):
    desk.queue(labels_wanted=3)
    desk.add(1)
    done = desk.complete(desk.next("ana"))

    with pytest.raises(NotPermittedError):
        undo(desk, done.id, "ben")
    desk.complete(desk.next("ben"))
    with pytest.raises(NotPermittedError):
        undo(desk, done.id, "ana")


def test_an_answer_is_undone_although_another_has_begun_on_the_item(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    done = desk.complete(desk.next("ana"))
    desk.next("ben")

    claim = undo(desk, done.id, "ana")

    assert [hold.reviewer for hold in claim.item.holds] == ["ana", "ben"]
    assert (claim.item.labels_done, claim.item.open_seats) == (0, 0)


def test_a_skip_is_not_undone_once_another_has_the_seat(desk):
    desk.queue()
    desk.add(1)
    passed_on = desk.next("ana")
    desk.skip(passed_on, policy=SkipPolicy.OTHERS)
    desk.next("ben")

    with pytest.raises(NotPermittedError, match="with ben now"):
        undo(desk, passed_on.item.id, "ana")


def test_undo_ends_after_a_while(desk):
    desk.queue()
    desk.add(1)
    done = desk.complete(desk.next("ana"))
    desk.clock.pass_seconds(3601)

    with pytest.raises(NotPermittedError, match="too long ago"):
        undo(desk, done.id)


def test_assigned_items_are_their_assignees_alone_until_given_back(desk):
    desk.queue()
    ids = desk.add(2).item_ids
    desk.store.assign(
        project=PROJECT, item_ids=ids, assignee="ana", now=desk.clock.now, actor="mia"
    )
    with pytest.raises(NotPermittedError, match="assigned to ana"):
        desk.claim(ids[0], "ben")

    desk.store.assign(project=PROJECT, item_ids=ids, assignee=None, now=desk.clock.now, actor="mia")

    assert desk.claim(ids[0], "ben").item.holder == "ben"


def test_assigning_a_finished_item_changes_none(desk):
    desk.queue()
    ids = desk.add(2).item_ids
    desk.complete(desk.claim(ids[1]))

    with pytest.raises(InvalidValueError, match="it is completed"):
        desk.store.assign(
            project=PROJECT, item_ids=ids, assignee="ana", now=desk.clock.now, actor="mia"
        )

    assert desk.item(ids[0]).assignee is None


def test_a_share_is_dealt_in_turn(desk):
    desk.queue()
    desk.add(10)

    given = desk.store.assign_share(
        project=PROJECT,
        queue="spot_checks",
        assignees=("ana", "ben"),
        share=0.5,
        now=desk.clock.now,
        actor="mia",
    )

    assert given == {"ana": 3, "ben": 2}
    assert desk.next("ana").item.assignee == "ana"
    assert desk.next("cem").item.assignee is None


@pytest.mark.parametrize("way", [Assignment.ROUND_ROBIN, Assignment.LOAD_BALANCE])
def test_a_queue_deals_new_items_to_its_assignees(desk, way):
    desk.queue(assignees=("ana", "ben"), assignment=way)
    desk.add(3)
    desk.add(3, start=3)

    assigned = [item.assignee for item in desk.listed().items]

    assert assigned.count("ana") == assigned.count("ben") == 3


def awaiting(desk):
    """An item that two reviewers answered differently."""
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, adjudicate=True)
    desk.add(1)
    desk.complete(desk.next("ana"), answer(True))
    return desk.complete(desk.next("ben"), answer(False))


def test_a_decision_picks_a_reviewers_answer_and_keeps_everybodys(desk):
    item = awaiting(desk)
    assert desk.store.disagreement(project=PROJECT, item_id=item.id) == {
        "correct": {"ana": True, "ben": False}
    }

    decided = desk.store.decide(
        project=PROJECT, item_id=item.id, pick="ana", now=desk.clock.now, actor="mia"
    )

    assert (decided.state, decided.completed_by) == (ItemState.COMPLETED, "mia")
    rows = [(row.reviewer, row.value, row.adjudicated) for row in desk.annotations()]
    assert rows == [("ana", True, False), ("ben", False, False), ("mia", True, True)]


def test_a_decision_must_settle_every_field(desk):
    item = awaiting(desk)

    with pytest.raises(InvalidValueError, match="ana: True, ben: False"):
        desk.store.decide(project=PROJECT, item_id=item.id, now=desk.clock.now, actor="mia")

    assert desk.item(item.id).state is ItemState.AWAITING_ADJUDICATION


def test_only_what_awaits_a_decision_is_decided(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids

    with pytest.raises(InvalidValueError, match="does not await"):
        desk.store.decide(project=PROJECT, item_id=item_id, now=desk.clock.now, actor="mia")


def test_an_edit_keeps_the_earlier_answer(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    (row,) = desk.annotate(1, "ana", answer(True))

    edited = desk.store.edit_annotation(
        project=PROJECT, annotation_id=row.id, value="no", now=desk.clock.now, actor="ana"
    )

    assert (edited.value, edited.reviewer) == (False, "ana")
    assert [entry.state for entry in desk.annotations(history=True)] == [
        AnnotationState.SUPERSEDED,
        AnnotationState.SUBMITTED,
    ]


def test_nobody_edits_or_withdraws_anothers_answer(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    (row,) = desk.annotate(1, "ana", answer(True))

    with pytest.raises(NotPermittedError, match="ana's answer"):
        desk.store.edit_annotation(
            project=PROJECT, annotation_id=row.id, value="no", now=desk.clock.now, actor="ben"
        )
    with pytest.raises(NotPermittedError):
        desk.store.withdraw_annotation(
            project=PROJECT, annotation_id=row.id, now=desk.clock.now, actor="ben"
        )


def test_a_withdrawn_answer_stands_no_more_and_stays_on_record(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    (row,) = desk.annotate(1, "ana", answer(True))
    assert desk.progress().with_responses == 1

    desk.store.withdraw_annotation(
        project=PROJECT, annotation_id=row.id, now=desk.clock.now, actor="ana"
    )

    assert desk.annotations() == []
    assert (desk.progress().with_responses, desk.item(1).has_response) == (0, False)
    assert problems_of(desk.store) == []
    assert [entry.state for entry in desk.annotations(history=True)] == [AnnotationState.WITHDRAWN]
    with pytest.raises(InvalidValueError, match="is withdrawn"):
        desk.store.edit_annotation(
            project=PROJECT, annotation_id=row.id, value="no", now=desk.clock.now, actor="ana"
        )


def test_reviewers_are_told_by_what_they_did(desk):
    desk.queue()
    desk.add(3)
    claim = desk.next("ana")
    desk.clock.pass_seconds(30)
    desk.complete(claim)
    desk.skip(desk.next("ana"), policy=SkipPolicy.OTHERS)

    (ana,) = desk.store.reviewers(project=PROJECT)

    assert (ana.reviewer, ana.done, ana.skipped) == ("ana", 1, 1)
    assert (ana.median_seconds, ana.last_active) == (30.0, desk.clock.now)


def test_agreement_of_every_queue_is_that_of_each(desk):
    desk.field()
    for name, values in (("one", [True, False]), ("two", [True, True]), ("none", [])):
        desk.queue(name, fields=("correct",), labels_wanted=2)
        desk.add(1, queue=name)
        for reviewer, value in zip(("ana", "ben"), values, strict=False):
            desk.complete(desk.next(reviewer, queue=name), answer(value))

    every = desk.store.agreements(project=PROJECT)

    assert list(every) == ["one", "two", "none"]
    assert [found["correct"].percent for found in every.values() if found] == [0.0, 100.0]
    for name, found in every.items():
        assert found == desk.store.agreement(project=PROJECT, queue=name)
    assert desk.store.agreements(project="empty") == {}


def test_agreement_so_far_leaves_single_labels_out(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2)
    desk.add(3)
    for reviewer, values in (("ana", (True, False)), ("ben", (True, True))):
        for value in values:
            desk.complete(desk.next(reviewer), answer(value))

    found = desk.store.agreement(project=PROJECT, queue="spot_checks")

    assert (found["correct"].units, found["correct"].percent) == (2, 50.0)
