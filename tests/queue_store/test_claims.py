"""Claims: who gets which item, for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from queue_store.errors import (
    InvalidValueError,
    ItemLockedError,
    NoItemsAvailableError,
    NotPermittedError,
)
from queue_store.model import ItemState, QueueState, SkipPolicy
from tests.queue_store.desk import PROJECT, trace


def test_items_are_served_by_priority_then_by_age(desk):
    desk.queue()
    priorities = [1.0, 3.0, 2.0, 3.0]
    ids = desk.add_drafts([trace(n, priority=p) for n, p in enumerate(priorities)]).item_ids

    served = [desk.next(reviewer=f"r{n}").item.id for n in range(4)]

    assert served == [ids[1], ids[3], ids[2], ids[0]]


def test_a_reviewer_who_asks_again_gets_the_item_they_hold_with_the_same_token(desk):
    desk.queue()
    desk.add(2)
    first = desk.next()
    desk.clock.pass_seconds(60)

    again = desk.next()

    assert (again.item.id, again.token) == (first.item.id, first.token)
    assert again.lease_until == first.lease_until + timedelta(seconds=60)


def test_two_reviewers_never_hold_the_same_item(desk):
    desk.queue()
    desk.add(2)

    assert desk.next("ana").item.id != desk.next("ben").item.id


def test_the_last_item_held_by_another_says_who_until_when(desk):
    desk.queue()
    desk.add(1)
    held = desk.next("ana")

    with pytest.raises(NoItemsAvailableError) as caught:
        desk.next("ben")

    assert caught.value.why == "held"
    assert caught.value.holders == (("ana", held.lease_until),)
    until = f"{held.lease_until:%Y-%m-%dT%H:%M:%S.%f}000Z"
    assert str(caught.value).endswith(f"held by ana until {until}")


def test_a_finished_queue_says_so(desk):
    desk.queue()
    desk.add(1)
    desk.complete(desk.next())

    with pytest.raises(NoItemsAvailableError, match="the queue is finished") as caught:
        desk.next("ben")

    assert caught.value.why == "finished"


def test_an_empty_queue_says_so(desk):
    desk.queue()

    with pytest.raises(NoItemsAvailableError) as caught:
        desk.next()

    assert caught.value.why == "empty"


@pytest.mark.parametrize("state", [QueueState.DRAFT, QueueState.PAUSED, QueueState.ARCHIVED])
def test_a_queue_that_is_not_active_hands_nothing_out(desk, state):
    desk.queue()
    desk.add(1)
    desk.store.update_queue(
        project=PROJECT,
        name="spot_checks",
        changes={"state": state},
        now=desk.clock.now,
        actor="mia",
    )

    with pytest.raises(NoItemsAvailableError) as caught:
        desk.next()

    assert (caught.value.why, caught.value.state) == ("closed", state.value)


def test_a_paused_queue_lets_a_holder_finish(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next()
    desk.store.update_queue(
        project=PROJECT,
        name="spot_checks",
        changes={"state": QueueState.PAUSED},
        now=desk.clock.now,
        actor="mia",
    )

    assert desk.complete(claim).state is ItemState.COMPLETED


def test_a_lease_that_ran_out_frees_the_item(desk):
    desk.queue()
    desk.add(1)
    held = desk.next("ana")
    desk.clock.pass_seconds(601)

    taken = desk.next("ben")

    assert taken.item.id == held.item.id
    assert taken.item.holder == "ben"
    assert taken.token != held.token


def test_a_submit_after_another_took_the_item_is_refused_with_the_holder(desk):
    desk.queue()
    desk.add(1)
    held = desk.next("ana")
    desk.clock.pass_seconds(601)
    taken = desk.next("ben")

    with pytest.raises(ItemLockedError) as caught:
        desk.complete(held)

    assert (caught.value.holder, caught.value.until) == ("ben", taken.lease_until)
    assert desk.item(held.item.id).state is ItemState.IN_PROGRESS


def test_late_work_is_kept_while_nobody_else_took_the_item(desk):
    desk.queue()
    desk.add(1)
    held = desk.next("ana")
    desk.clock.pass_seconds(601)
    desk.store.expire(project=PROJECT, queue="spot_checks", now=desk.clock.now, actor="timer")
    assert desk.item(held.item.id).state is ItemState.PENDING

    done = desk.complete(held)

    assert (done.state, done.completed_by) == (ItemState.COMPLETED, "ana")


def test_a_heartbeat_keeps_the_item(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next("ana")
    desk.clock.pass_seconds(500)
    desk.store.heartbeat(
        project=PROJECT, item_id=claim.item.id, token=claim.token, now=desk.clock.now
    )
    desk.clock.pass_seconds(500)

    with pytest.raises(NoItemsAvailableError):
        desk.next("ben")


def test_a_heartbeat_with_a_foreign_token_is_refused(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next("ana")

    with pytest.raises(ItemLockedError, match="held by ana until"):
        desk.store.heartbeat(
            project=PROJECT, item_id=claim.item.id, token="guessed", now=desk.clock.now
        )


def test_a_released_item_is_served_again_and_its_token_is_dead(desk):
    desk.queue()
    desk.add(1)
    claim = desk.next("ana")
    desk.store.release(
        project=PROJECT, item_id=claim.item.id, token=claim.token, now=desk.clock.now
    )

    with pytest.raises(ItemLockedError):
        desk.complete(claim)
    assert desk.next("ben").item.id == claim.item.id


def test_a_second_claim_of_a_leased_item_names_the_holder(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids
    held = desk.claim(item_id, "ana")

    with pytest.raises(ItemLockedError) as caught:
        desk.claim(item_id, "ben")

    assert (caught.value.holder, caught.value.until) == ("ana", held.lease_until)


def test_claiming_a_given_item_after_its_lease_works(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids
    desk.claim(item_id, "ana")
    desk.clock.pass_seconds(601)

    assert desk.claim(item_id, "ben").item.holder == "ben"


def test_opening_a_finished_item_does_not_change_its_state(desk):
    desk.queue()
    desk.add(1)
    done = desk.complete(desk.next("ana"))

    with pytest.raises(ItemLockedError, match="it is completed"):
        desk.claim(done.id, "ben")

    assert desk.item(done.id) == done


def test_assigned_items_come_first_and_go_to_nobody_else(desk):
    desk.queue()
    desk.add_drafts([trace(1, priority=9.0), trace(2, priority=1.0, assignee="ana")])

    assert desk.next("ana").item.object_id == f"{2:032x}"
    assert desk.next("ben").item.object_id == f"{1:032x}"
    with pytest.raises(NoItemsAvailableError):
        desk.next("cem")


def test_a_reviewer_never_gets_what_they_labelled(desk):
    desk.queue(labels_wanted=2)
    desk.add(1)
    desk.complete(desk.next("ana"))

    with pytest.raises(NoItemsAvailableError) as caught:
        desk.next("ana")

    assert caught.value.why == "labelled"
    assert desk.complete(desk.next("ben")).state is ItemState.COMPLETED


def test_claiming_an_item_one_labelled_already_is_refused(desk):
    desk.queue(labels_wanted=2)
    (item_id,) = desk.add(1).item_ids
    desk.complete(desk.next("ana"))

    with pytest.raises(NotPermittedError, match="has their answer"):
        desk.claim(item_id, "ana")


def test_only_assignees_work_on_an_assigned_queue(desk):
    desk.queue(assignees=("ana",))
    desk.add(1)

    with pytest.raises(NotPermittedError, match="assigned to ana"):
        desk.next("ben")
    assert desk.next("ana").item.holder == "ana"


def test_an_item_put_off_comes_back_after_everything_else(desk):
    desk.queue()
    desk.add_drafts([trace(1, priority=9.0), trace(2, priority=1.0)])
    first = desk.next()
    desk.skip(first, policy=SkipPolicy.ME)

    second = desk.next()
    desk.complete(second)

    assert second.item.object_id == f"{2:032x}"
    assert desk.next().item.id == first.item.id


def test_an_item_left_to_others_never_comes_back(desk):
    desk.queue()
    desk.add(1)
    desk.skip(desk.next("ana"), policy=SkipPolicy.OTHERS)

    with pytest.raises(NoItemsAvailableError):
        desk.next("ana")
    assert desk.next("ben").item.state is ItemState.IN_PROGRESS


def test_a_reviewer_without_a_name_is_refused(desk):
    desk.queue()
    desk.add(1)

    with pytest.raises(InvalidValueError):
        desk.next("  ")


def test_a_queue_sets_its_own_lease(desk):
    desk.queue(lease_seconds=5.0)
    desk.add(1)

    assert desk.next().lease_until == desk.clock.now + timedelta(seconds=5)
