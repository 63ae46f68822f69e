"""Several reviewers on one item at the same time: a seat each, up to the labels it wants."""

from __future__ import annotations

import pytest

from queue_store.errors import ItemLockedError, NoItemsAvailableError
from queue_store.model import AnnotationDraft, ItemState, SkipPolicy
from queue_store.soundness import problems_of
from tests.queue_store.desk import PROJECT, trace


def names(item):
    return [hold.reviewer for hold in item.holds]


def test_as_many_work_on_an_item_at_once_as_it_wants_labels(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=3)
    desk.add(1)

    claims = [desk.next(reviewer) for reviewer in ("ana", "ben", "cem")]

    assert len({claim.item.id for claim in claims}) == 1
    assert len({claim.token for claim in claims}) == 3
    assert names(claims[-1].item) == ["ana", "ben", "cem"]
    states = [desk.complete(c, AnnotationDraft(field="correct", value=True)).state for c in claims]
    assert states == [ItemState.IN_PROGRESS, ItemState.IN_PROGRESS, ItemState.COMPLETED]
    assert sorted(row.reviewer for row in desk.annotations()) == ["ana", "ben", "cem"]


def test_one_more_than_it_wants_is_told_who_holds_it(desk):
    desk.queue(labels_wanted=2)
    (item_id,) = desk.add(1).item_ids
    held = [desk.next("ana"), desk.next("ben")]

    with pytest.raises(NoItemsAvailableError) as none:
        desk.next("cem")
    with pytest.raises(ItemLockedError) as refused:
        desk.claim(item_id, "cem")

    holders = tuple((claim.reviewer, claim.lease_until) for claim in held)
    assert (none.value.why, none.value.holders) == ("held", holders)
    assert refused.value.holders == holders
    assert (refused.value.holder, refused.value.until) == holders[0]


def test_a_label_that_is_there_takes_a_seat_for_good(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    desk.complete(desk.next("ana"))

    claim = desk.next("ben")

    assert (claim.item.labels_done, claim.item.open_seats) == (1, 0)
    with pytest.raises(NoItemsAvailableError):
        desk.next("cem")


def test_one_reviewers_coming_and_going_leaves_the_others_claims_alone(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    stays, goes = desk.next("ana"), desk.next("ben")

    released = desk.store.release(
        project=PROJECT, item_id=goes.item.id, token=goes.token, now=desk.clock.now
    )

    assert (released.state, names(released), released.open_seats) == (
        ItemState.IN_PROGRESS,
        ["ana"],
        1,
    )
    assert desk.complete(stays).state is ItemState.PENDING
    assert problems_of(desk.store) == []


def test_only_the_lease_that_ran_out_ends(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    late = desk.next("ana")
    desk.clock.pass_seconds(400)
    desk.next("ben")
    desk.clock.pass_seconds(300)

    taken = desk.next("cem")

    assert names(taken.item) == ["ben", "cem"]
    with pytest.raises(ItemLockedError, match=r"held by ben until .*, cem until"):
        desk.complete(late)


def test_late_work_counts_while_a_seat_is_open(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    late = desk.next("ana")
    desk.clock.pass_seconds(601)
    desk.next("ben")

    done = desk.complete(late)

    assert (done.labels_done, done.state) == (1, ItemState.IN_PROGRESS)
    assert problems_of(desk.store) == []


def test_a_skip_for_everyone_ends_the_others_claims(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    skips, works = desk.next("ana"), desk.next("ben")

    desk.skip(skips)

    with pytest.raises(ItemLockedError, match="it is skipped"):
        desk.complete(works)
    assert problems_of(desk.store) == []


def test_what_one_put_off_and_then_answered_goes_to_the_others(desk):
    desk.queue(labels_wanted=2)
    desk.add_drafts([trace(1, priority=9.0), trace(2)])
    first = desk.next("ana")
    desk.skip(first, policy=SkipPolicy.ME)
    desk.complete(desk.next("ana"))
    desk.complete(desk.next("ana"))

    assert desk.next("ben").item.id == first.item.id


def test_what_was_put_off_and_given_back_to_all_is_served_again(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids
    desk.skip(desk.next("ana"), policy=SkipPolicy.ME)

    desk.store.assign(
        project=PROJECT, item_ids=[item_id], assignee=None, now=desk.clock.now, actor="mia"
    )

    assert desk.next("ben").item.id == item_id


def test_a_disagreement_opens_a_seat_for_one_more(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, extra_reviewers_max=1)
    desk.add(1)
    claims = [desk.next("ana"), desk.next("ben")]
    for claim, value in zip(claims, (True, False), strict=True):
        desk.complete(claim, AnnotationDraft(field="correct", value=value))

    third = desk.next("cem")

    assert (third.item.labels_wanted, third.item.open_seats) == (3, 0)


def test_a_person_finds_what_they_hold_beside_others(desk):
    desk.queue(labels_wanted=2)
    desk.add(2)
    desk.next("ana")
    held = desk.next("ben")

    assert [item.id for item in desk.listed(reviewer="ben").items] == [held.item.id]
