"""Submissions: everything or nothing, and nobody's work for somebody else's."""

from __future__ import annotations

import pytest

from queue_store.errors import InvalidValueError, ItemLockedError, NotFoundError, StaleRevisionError
from queue_store.model import AnnotationDraft, FieldOption, FieldType, ItemState, SkipPolicy
from tests.queue_store.desk import PROJECT, trace


def answer(value, field="correct"):
    return AnnotationDraft(field=field, value=value)


def test_a_bad_value_leaves_everything_as_it_was(desk):
    desk.field()
    desk.field("quality", FieldType.INTEGER, minimum=1, maximum=5)
    desk.queue(fields=("correct", "quality"))
    desk.add(1)
    claim = desk.next()
    before = desk.store.audit(project=PROJECT, limit=1)

    with pytest.raises(InvalidValueError, match="above 5"):
        desk.complete(claim, answer(True), answer(6, "quality"))

    assert desk.annotations(history=True) == []
    assert desk.item(claim.item.id) == claim.item
    assert desk.progress().in_progress == 1
    assert desk.store.audit(project=PROJECT, limit=1) == before


def test_two_answers_to_one_field_are_refused_instead_of_losing_one(desk):
    desk.field()
    options = (FieldOption(value="a"), FieldOption(value="b"))
    desk.field("kinds", FieldType.CATEGORICAL, options=options, multiple=True)
    desk.queue(fields=("correct", "kinds"))
    desk.add(1)
    claim = desk.next()

    with pytest.raises(InvalidValueError, match="correct: is answered twice; give one value"):
        desk.complete(claim, answer(True), answer("no"))
    with pytest.raises(InvalidValueError, match="kinds: is answered twice; name its options"):
        desk.complete(claim, answer("a", "kinds"), answer("b", "kinds"))

    assert desk.annotations(history=True) == []
    desk.complete(claim, answer(True), answer("yes"), answer("a,b", "kinds"))
    assert {row.field: row.value for row in desk.annotations()} == {
        "correct": True,
        "kinds": ["a", "b"],
    }


def test_a_missing_required_answer_is_named(desk):
    desk.field(required=True)
    desk.queue(fields=("correct",))
    desk.add(1)
    claim = desk.next()

    with pytest.raises(InvalidValueError, match="missing: correct"):
        desk.complete(claim)

    assert desk.complete(claim, answer(True)).state is ItemState.COMPLETED


def test_an_answer_given_before_counts_as_given(desk):
    desk.field(required=True)
    desk.queue(fields=("correct",))
    desk.add(1)
    claim = desk.next("ana")
    desk.annotate(claim.item.id, "ana", answer(True))

    assert desk.complete(claim).state is ItemState.COMPLETED


def test_another_persons_answer_does_not_count_for_the_holder(desk):
    desk.field(required=True)
    desk.queue(fields=("correct",))
    desk.add(1)
    claim = desk.next("ana")
    desk.annotate(claim.item.id, "ben", answer(True))

    with pytest.raises(InvalidValueError, match="missing: correct"):
        desk.complete(claim)


def test_a_second_reviewers_answer_stands_beside_the_first(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2)
    desk.add(1)
    desk.complete(desk.next("ana"), answer(True))
    done = desk.complete(desk.next("ben"), answer(False))

    assert done.state is ItemState.COMPLETED
    assert {row.reviewer: row.value for row in desk.annotations()} == {"ana": True, "ben": False}


def test_a_submit_must_name_the_revision_it_saw(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next()
    desk.add_drafts([trace(0, revision=2, reason="late spans")])

    with pytest.raises(StaleRevisionError) as caught:
        desk.complete(claim, revision=1)

    assert (caught.value.seen, caught.value.current) == (1, 2)
    assert desk.complete(claim, revision=2).state is ItemState.COMPLETED


def test_a_token_of_one_item_finishes_no_other(desk):
    desk.queue()
    desk.add(2)
    mine, theirs = desk.next("ana"), desk.next("ben")

    with pytest.raises(ItemLockedError, match="held by ben"):
        desk.store.complete(
            project=PROJECT, item_id=theirs.item.id, token=mine.token, now=desk.clock.now
        )


def test_submitting_twice_finishes_once(desk):
    desk.queue()
    desk.add(2)
    claim = desk.next()
    desk.complete(claim)

    with pytest.raises(ItemLockedError, match="it is completed"):
        desk.complete(claim)
    assert desk.progress().completed == 1


def test_the_skip_reason_is_stored_with_the_item(desk):
    desk.queue()
    desk.add(1)

    skipped = desk.skip(desk.next(), reason="not English")

    assert (skipped.state, skipped.skip_reason) == (ItemState.SKIPPED, "not English")


def test_a_skip_without_a_reason_is_refused(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next()

    with pytest.raises(InvalidValueError, match="needs a reason"):
        desk.skip(claim, reason=" ")
    assert desk.item(claim.item.id).state is ItemState.IN_PROGRESS


@pytest.mark.parametrize("policy", list(SkipPolicy))
def test_a_skip_never_counts_as_completed(desk, policy):
    desk.queue()
    desk.add(1)
    desk.skip(desk.next(), policy=policy)

    progress = desk.progress()

    assert progress.completed == 0
    assert progress.completed_percent == 0.0
    assert progress.state != "completed"


def test_disagreement_asks_for_one_more_reviewer_then_for_a_decision(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, extra_reviewers_max=1, adjudicate=True)
    desk.add(1)
    desk.complete(desk.next("ana"), answer(True))

    second = desk.complete(desk.next("ben"), answer(False))
    third = desk.complete(desk.next("cem"), answer(True))

    assert (second.state, second.labels_wanted) == (ItemState.PENDING, 3)
    assert third.state is ItemState.AWAITING_ADJUDICATION


def test_agreement_finishes_without_a_further_reviewer(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, extra_reviewers_max=1, adjudicate=True)
    desk.add(1)
    desk.complete(desk.next("ana"), answer(True))

    assert desk.complete(desk.next("ben"), answer("yes")).state is ItemState.COMPLETED


def test_free_text_is_no_disagreement(desk):
    desk.field("note", FieldType.STRING)
    desk.queue(fields=("note",), labels_wanted=2, adjudicate=True)
    desk.add(1)
    desk.complete(desk.next("ana"), answer("fine", "note"))

    assert desk.complete(desk.next("ben"), answer("good", "note")).state is ItemState.COMPLETED


def test_overlap_takes_the_same_share_of_items_whoever_adds_them(desk):
    desk.queue(labels_wanted=3, overlap_share=0.25)
    desk.add(400)

    wanted = [item.labels_wanted for item in desk.listed(limit=400).items]

    assert set(wanted) == {1, 3}
    assert 70 <= wanted.count(3) <= 130


def test_a_reopened_item_is_served_again_and_keeps_its_history(desk):
    desk.field()
    desk.queue(fields=("correct",))
    desk.add(1)
    done = desk.complete(desk.next("ana"), answer(True))
    desk.clock.pass_seconds(5)

    opened = desk.store.reopen(
        project=PROJECT, item_id=done.id, reason="second look", now=desk.clock.now, actor="mia"
    )
    again = desk.next("ana")
    desk.complete(again, answer(False))

    assert (opened.state, opened.round, again.item.id) == (ItemState.PENDING, 2, done.id)
    history = desk.annotations(history=True)
    assert [(row.value, row.state.value) for row in history] == [
        (True, "superseded"),
        (False, "submitted"),
    ]


def test_a_pending_item_cannot_be_reopened(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids

    with pytest.raises(InvalidValueError, match="it is pending"):
        desk.store.reopen(
            project=PROJECT, item_id=item_id, reason="", now=desk.clock.now, actor="mia"
        )


def test_a_held_item_is_not_removed_by_others(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next("ana")

    with pytest.raises(ItemLockedError, match="held by ana"):
        desk.store.remove(
            project=PROJECT, item_id=claim.item.id, reason="", now=desk.clock.now, actor="mia"
        )


def test_a_removed_item_leaves_the_counts_and_stays_removed(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids
    desk.store.remove(
        project=PROJECT, item_id=item_id, reason="duplicate", now=desk.clock.now, actor="mia"
    )

    again = desk.add_drafts([trace(0, revision=2)])

    assert (again.added, again.removed) == (0, 1)
    assert desk.progress().total == 0
    assert desk.listed().items == ()


def test_an_answered_item_that_was_removed_counts_as_answered_once_it_is_back(desk):
    desk.field()
    desk.queue(fields=("correct",))
    desk.add(1)
    desk.annotate(1, "ana", AnnotationDraft(field="correct", value=True))
    said = {"project": PROJECT, "item_id": 1, "now": desk.clock.now, "actor": "mia"}

    desk.store.remove(reason="duplicate", **said)
    assert desk.progress().with_responses == 0
    desk.store.reopen(reason="no", **said)

    assert (desk.progress().with_responses, desk.item(1).has_response) == (1, True)


def test_an_item_of_another_project_does_not_exist(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next()

    with pytest.raises(NotFoundError):
        desk.store.complete(
            project="other", item_id=claim.item.id, token=claim.token, now=desk.clock.now
        )
