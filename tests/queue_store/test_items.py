"""Items: one object in one queue, once; pages and totals that are right."""

from __future__ import annotations

import pytest

from queue_store.errors import InvalidValueError, NotFoundError
from queue_store.model import ItemDraft, ItemSource, ItemState, ObjectType, Selection
from tests.queue_store.desk import PROJECT, trace


def test_adding_twice_adds_once(desk):
    desk.queue()
    first = desk.add(3)

    again = desk.add(4)

    assert (first.added, first.duplicates) == (3, 0)
    assert (again.added, again.duplicates) == (1, 3)
    assert again.item_ids[:3] == first.item_ids
    assert desk.progress().total == 4


def test_an_object_twice_in_one_call_is_one_item(desk):
    desk.queue()

    result = desk.add_drafts([trace(1), trace(1), trace(2)])

    assert (result.added, result.duplicates) == (2, 1)
    assert result.item_ids[0] == result.item_ids[1]


def test_the_same_object_in_two_queues_is_two_items(desk):
    desk.queue()
    desk.queue("other")

    assert desk.add(1).item_ids != desk.add(1, queue="other").item_ids


def test_the_same_id_in_two_projects_is_two_items(desk):
    desk.queue()
    desk.add(1)
    desk.project = "other"
    store = desk.store
    from queue_store.model import QueueDraft

    store.create_queue(
        project="other", draft=QueueDraft(name="spot_checks"), now=desk.clock.now, actor="mia"
    )
    result = store.add_items(
        project="other", queue="spot_checks", drafts=[trace(0)], now=desk.clock.now, actor="mia"
    )

    assert result.added == 1


def test_mixed_object_types_stand_side_by_side(desk):
    desk.queue()
    drafts = [
        ItemDraft(object_type=ObjectType.TRACE, object_id="a" * 32),
        ItemDraft(object_type=ObjectType.SPAN, object_id="a" * 32 + ":" + "b" * 16),
        ItemDraft(object_type=ObjectType.SESSION, object_id="chat-7"),
    ]
    ids = desk.add_drafts(drafts).item_ids

    assert [desk.item(item_id).trace_id for item_id in ids] == ["a" * 32, "a" * 32, None]
    found = desk.store.items_of_trace(project=PROJECT, trace_id="a" * 32)
    assert [item.id for item in found] == list(ids[:2])


def test_what_was_said_about_an_item_comes_back(desk):
    desk.queue()
    selection = Selection(rule="floor", rule_version="2", p=0.05, u=0.01, salt="s", selected=True)
    draft = trace(
        1,
        priority=1.5,
        priority_terms={"severity": 0.5},
        reason="42 s, 9 times the median",
        source=ItemSource.DETECTOR,
        detector="resource_outliers",
        metadata={"customer": "Ö"},
        selection=selection,
        conversation_id="chat-7",
    )

    (item_id,) = desk.add_drafts([draft]).item_ids
    item = desk.item(item_id)

    for name in ("priority", "priority_terms", "reason", "source", "detector", "metadata"):
        assert getattr(item, name) == getattr(draft, name)
    assert (item.selection, item.conversation_id) == (selection, "chat-7")


def test_a_higher_revision_brings_a_finished_item_back(desk):
    desk.queue()
    desk.add(1)
    done = desk.complete(desk.next())

    result = desk.add_drafts([trace(0, revision=2, reason="late spans", priority=4.0)])
    item = desk.item(done.id)

    assert (result.added, result.reentered) == (0, 1)
    assert (item.state, item.revision, item.reason) == (ItemState.PENDING, 2, "late spans")
    assert desk.next("ana").item.id == done.id


def test_a_higher_revision_of_a_pending_item_updates_reason_and_priority(desk):
    desk.queue()
    (item_id,) = desk.add(1).item_ids

    result = desk.add_drafts([trace(0, revision=2, reason="late spans", priority=4.0)])
    item = desk.item(item_id)

    assert (result.added, result.duplicates, result.reentered) == (0, 1, 0)
    assert (item.revision, item.reason, item.priority) == (2, "late spans", 4.0)


def test_the_same_revision_changes_nothing(desk):
    desk.queue()
    desk.add(1)
    done = desk.complete(desk.next())

    result = desk.add_drafts([trace(0, reason="again", priority=9.0)])

    assert (result.duplicates, result.reentered) == (1, 0)
    assert desk.item(done.id) == done


@pytest.mark.parametrize("priority", [float("nan"), float("inf")])
def test_a_priority_that_cannot_be_ordered_is_refused(desk, priority):
    desk.queue()

    with pytest.raises(InvalidValueError, match="finite"):
        desk.add(1, priority=priority)


def test_pages_by_offset_and_by_cursor_show_every_item_once(desk):
    desk.queue()
    desk.add_drafts([trace(n, priority=float(n % 3)) for n in range(25)])
    everything = [item.id for item in desk.listed(limit=100).items]

    by_offset = [
        item.id for start in range(0, 25, 7) for item in desk.listed(limit=7, offset=start).items
    ]
    by_cursor, cursor = [], None
    while True:
        page = desk.listed(limit=7, cursor=cursor)
        by_cursor += [item.id for item in page.items]
        cursor = page.cursor
        if cursor is None:
            break

    assert by_offset == by_cursor == everything
    assert len(set(everything)) == 25
    assert desk.listed(limit=7, offset=3).total == 25


def test_the_listing_runs_by_priority_then_by_age(desk):
    desk.queue()
    desk.add_drafts([trace(n, priority=p) for n, p in enumerate([1.0, 3.0, 2.0, 3.0])])

    priorities = [item.priority for item in desk.listed().items]

    assert priorities == [3.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("status", list(ItemState))
def test_listing_by_status_shows_those_and_their_total(desk, status):
    desk.field()
    desk.queue()
    desk.add(6)
    desk.complete(desk.next())
    desk.skip(desk.next())
    desk.next("ben")
    removed = desk.listed(status=ItemState.PENDING).items[0]
    desk.store.remove(
        project=PROJECT, item_id=removed.id, reason="", now=desk.clock.now, actor="mia"
    )
    expected = {
        ItemState.PENDING: 2,
        ItemState.IN_PROGRESS: 1,
        ItemState.AWAITING_ADJUDICATION: 0,
        ItemState.COMPLETED: 1,
        ItemState.SKIPPED: 1,
        ItemState.REMOVED: 1,
    }[status]

    page = desk.listed(status=status)

    assert page.total == len(page.items) == expected
    assert {item.state for item in page.items} <= {status}


def test_listing_filters_narrow_and_count(desk):
    desk.queue()
    desk.add_drafts(
        [
            trace(1, detector="refusal", reason="says 100% sorry"),
            trace(2, detector="refusal"),
            trace(3, reason="100 percent"),
        ]
    )
    desk.next("ana")

    assert desk.listed(detector="refusal").total == 2
    assert [item.object_id for item in desk.listed(text="100%").items] == [f"{1:032x}"]
    assert desk.listed(reviewer="ana").total == 1
    assert desk.listed(added_since=desk.clock.now).total == 3
    assert desk.listed(added_until=desk.clock.now).total == 0


@pytest.mark.parametrize("wanted", [{"limit": -1}, {"offset": -1}, {"cursor": "bogus"}])
def test_a_page_that_cannot_be_is_refused(desk, wanted):
    desk.queue()

    with pytest.raises(InvalidValueError):
        desk.listed(**wanted)


def test_an_unknown_queue_names_the_nearest(desk):
    desk.queue()

    with pytest.raises(NotFoundError, match="did you mean spot_checks") as caught:
        desk.add(1, queue="spot_check")

    assert (caught.value.noun, caught.value.nearest) == ("queue", ["spot_checks"])


def test_an_item_knows_its_place_and_its_neighbours(desk):
    desk.queue()
    desk.add(2, priority=1.0)
    desk.add(1, start=2, priority=5.0)
    desk.add(2, start=3, priority=1.0)
    order = [item.id for item in desk.listed().items]
    removed = order.pop(2)
    desk.store.remove(
        project=desk.project, item_id=removed, reason="", now=desk.clock.now, actor="mia"
    )

    places = [desk.store.place(project=desk.project, item_id=number) for number in order]

    assert [(place.position, place.total) for place in places] == [(n, 4) for n in (1, 2, 3, 4)]
    assert [place.before for place in places] == [None, *order[:-1]]
    assert [place.after for place in places] == [*order[1:], None]


def drawn(p, **values):
    parts = {"rule": "live:all", "rule_version": f"v{p}", "u": 0.1, "salt": "s", "selected": True}
    return Selection(p=p, **parts | values)


def test_a_rule_that_looks_again_and_takes_more_widens_the_chance_of_what_is_there(desk):
    desk.queue()
    desk.add_drafts([trace(0, selection=drawn(0.2), reason="first")])

    result = desk.add_drafts([trace(0, selection=drawn(0.5), reason="again")])

    item = desk.item(result.item_ids[0])
    assert (result.duplicates, item.selection, item.reason) == (1, drawn(0.5), "first")


def test_a_chance_never_shrinks_while_the_draw_is_the_same(desk):
    desk.queue()
    desk.add_drafts([trace(0, selection=drawn(0.5))])

    for revision in (1, 2):
        result = desk.add_drafts([trace(0, selection=drawn(0.2), revision=revision)])

    assert desk.item(result.item_ids[0]).selection == drawn(0.5)
    desk.complete(desk.next())
    desk.add_drafts([trace(0, selection=drawn(0.2), revision=3)])
    assert desk.item(result.item_ids[0]).selection == drawn(0.5)


@pytest.mark.parametrize("other", [{"salt": "new"}, {"u": 0.05}, {"rule": "live:other"}])
def test_another_draw_changes_nothing_of_the_chance_that_is_there(desk, other):
    desk.queue()
    desk.add_drafts([trace(0, selection=drawn(0.2))])

    result = desk.add_drafts([trace(0, selection=drawn(0.5, **other))])

    assert desk.item(result.item_ids[0]).selection == drawn(0.2)


def test_an_unknown_number_names_the_numbers_beside_it(desk):
    desk.queue()
    first, second, third = desk.add(3).item_ids

    for number, nearest in ((third + 40, [third]), (0, [first]), (2**40, [third]), (-1, [first])):
        with pytest.raises(NotFoundError) as refused:
            desk.item(number)
        assert refused.value.nearest == [str(number) for number in nearest]
    assert desk.item(second).id == second
    with pytest.raises(NotFoundError) as refused:
        desk.store.item(project="another", item_id=second)
    assert refused.value.nearest == []
