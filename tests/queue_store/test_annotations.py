"""Annotations: each reviewer's own, edited on record, never overwritten by others."""

from __future__ import annotations

import pytest

from queue_store.errors import (
    InvalidValueError,
    ItemLockedError,
    NotFoundError,
    StaleRevisionError,
)
from queue_store.model import Anchor, AnnotationDraft, AnnotationState, Selection
from tests.queue_store.desk import PROJECT, trace


def answer(value, field="correct", **more):
    return AnnotationDraft(field=field, value=value, **more)


def test_a_later_answer_supersedes_and_keeps_the_earlier(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    desk.annotate(1, "ana", answer(True))
    desk.clock.pass_seconds(5)
    desk.annotate(1, "ana", answer(False))

    assert [row.value for row in desk.annotations()] == [False]
    history = [(row.value, row.state) for row in desk.annotations(history=True)]
    assert history == [(True, AnnotationState.SUPERSEDED), (False, AnnotationState.SUBMITTED)]


@pytest.mark.parametrize("nobody", ["", " "])
def test_an_answer_is_somebodys(desk, nobody):
    desk.field()
    desk.queue()
    desk.add(1)

    with pytest.raises(InvalidValueError, match="a reviewer needs a name"):
        desk.annotate(1, nobody, answer(True))

    assert desk.annotations() == []


def test_the_same_answer_again_changes_nothing(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    first = desk.annotate(1, "ana", answer(True))
    desk.clock.pass_seconds(5)

    assert desk.annotate(1, "ana", answer(True)) == first


def test_there_and_back_in_one_moment_keeps_all_three(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    for value in (True, False, True):
        desk.annotate(1, "ana", answer(value))

    assert [row.value for row in desk.annotations(history=True)] == [True, False, True]
    assert [row.value for row in desk.annotations()] == [True]


def test_a_draft_is_not_an_answer_until_the_item_is_submitted(desk):
    desk.field(required=True)
    desk.queue(fields=("correct",))
    desk.add(1)
    claim = desk.next("ana")
    desk.annotate(1, "ana", answer(True), state=AnnotationState.DRAFT)
    assert desk.annotations() == []
    assert desk.progress().with_responses == 0

    desk.complete(claim)

    assert [row.value for row in desk.annotations()] == [True]


def test_answers_at_different_places_stand_side_by_side(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    first = Anchor(direction="output", message_index=0, start=0, end=5, quote="Hello", suffix=" w")
    second = Anchor(direction="output", message_index=1)
    desk.annotate(1, "ana", answer(True, anchor=first), answer(False, anchor=second), answer(True))

    assert [row.anchor for row in desk.annotations()] == [first, second, None]


def test_remarks_corrections_and_other_right_values_come_back(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    draft = answer(
        True, comment="short", corrected_output="4", also_acceptable=(False,), blind=False
    )
    (row,) = desk.annotate(1, "ana", draft, seconds_spent=12.5)

    assert (row.comment, row.corrected_output, row.also_acceptable) == ("short", "4", (False,))
    assert (row.blind, row.seconds_spent) == (False, 12.5)


def test_an_unknown_field_names_the_nearest_and_stores_nothing(desk):
    desk.field()
    desk.queue()
    desk.add(1)

    with pytest.raises(NotFoundError, match="did you mean correct"):
        desk.annotate(1, "ana", answer(True), answer(True, field="corect"))

    assert desk.annotations(history=True) == []


def test_a_stale_token_and_a_stale_revision_are_refused(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    claim = desk.next("ana")
    desk.add_drafts([trace(0, revision=2)])

    with pytest.raises(ItemLockedError, match="held by ana"):
        desk.annotate(1, "ben", answer(True), token="guessed")
    with pytest.raises(StaleRevisionError):
        desk.annotate(1, "ana", answer(True), token=claim.token, revision=1)


def test_an_answer_carries_its_items_inclusion_probability(desk):
    desk.field()
    desk.queue()
    selection = Selection(rule="floor", rule_version="1", p=0.1, u=0.05, salt="s", selected=True)
    desk.add_drafts([trace(1, selection=selection)])
    desk.annotate(1, "ana", answer(True))

    (row,) = desk.annotations(field="correct")

    assert (row.inclusion_probability, row.selection) == (0.1, selection)
    (plain,) = desk.store.annotation_frame_rows(project="shop", field="correct")
    assert plain["inclusion_probability"] == 0.1


def test_an_item_is_answered_once_in_the_counts(desk):
    desk.field()
    desk.queue()
    desk.add(2)
    desk.annotate(1, "ana", answer(True))
    desk.annotate(1, "ben", answer(True))

    progress = desk.progress()

    assert (progress.with_responses, progress.with_responses_percent) == (1, 50.0)
    assert progress.state == "in_progress"


def test_no_answer_of_an_open_queue_is_blind(desk):
    desk.field()
    desk.queue(blind=False)
    desk.add(1)

    (row,) = desk.annotate(1, "ana", answer(True))

    assert row.blind is False


def test_an_answer_that_was_placed_is_not_replaced_by_one_about_the_whole(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    anchor = Anchor(direction="output", message_index=0, part_index=0, start=0, end=2, quote="no")
    said = {"project": PROJECT, "now": desk.clock.now, "actor": "ana", "anchor": anchor}
    (row,) = desk.annotate(1, "ana", AnnotationDraft(field="correct", value=True))

    placed = desk.store.place_annotation(annotation_id=row.id, **said)
    (whole,) = desk.annotate(1, "ana", AnnotationDraft(field="correct", value=False))

    assert {(row.value, row.anchor) for row in desk.annotations()} == {
        (True, anchor),
        (False, None),
    }
    with pytest.raises(InvalidValueError, match=f"annotation {placed.id} says this"):
        desk.store.place_annotation(annotation_id=whole.id, **said)


def test_an_answer_points_to_the_known_issue_that_it_names(desk):
    desk.field()
    desk.queue()
    desk.add(1)
    common = {"project": PROJECT, "now": desk.clock.now, "actor": "ana"}
    issue = desk.store.create_issue(title="curt", **common)

    desk.annotate(1, "ana", answer(True, issue="curt"))

    assert [row.issue_id for row in desk.annotations()] == [issue.id]
    with pytest.raises(NotFoundError, match="curt"):
        desk.annotate(1, "ben", answer(True, issue="crt"))
    assert len(desk.annotations()) == 1


def test_answers_come_in_pages_and_for_some_items(desk):
    desk.field()
    desk.queue()
    desk.add(3)
    for item in (1, 2, 3):
        desk.annotate(item, "ana", answer(True))

    first = desk.annotations(limit=2)
    rest = desk.annotations(after_id=first[-1].id, limit=2)

    assert [row.item_id for row in first + rest] == [1, 2, 3]
    assert [row.item_id for row in desk.annotations(item_ids=[1, 3])] == [1, 3]


def test_traces_are_found_by_queue_and_by_answer(desk):
    desk.field()
    desk.queue()
    desk.add(2)
    desk.annotate(2, "ana", answer(True))
    one, two = (desk.store.item(project=PROJECT, item_id=n).trace_id for n in (1, 2))

    def traces(**wanted):
        return desk.store.traces_of(project=PROJECT, **wanted)

    assert traces(queue=desk.annotations()[0].queue) == sorted([one, two])
    assert traces(answered="correct") == [two]
    assert traces(queue=desk.annotations()[0].queue, answered="correct") == [two]
    with pytest.raises(NotFoundError, match="correct"):
        traces(answered="corect")
