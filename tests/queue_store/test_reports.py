"""Progress and audit: told from counters that equal a recount, and from a log nobody changes."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from queue_store.model import AnnotationDraft, ItemSource, ItemState
from queue_store.tables.items import ITEMS
from tests.queue_store.desk import PROJECT


def test_a_fresh_queue_has_not_started_and_no_percentages(desk):
    desk.queue()

    progress = desk.progress()

    assert (progress.state, progress.total, progress.finished) == ("not_started", 0, False)
    assert (progress.completed_percent, progress.with_responses_percent) == (None, None)


def test_a_queue_with_untouched_items_has_not_started(desk):
    desk.queue()
    desk.add(2)

    progress = desk.progress()

    assert (progress.state, progress.completed_percent) == ("not_started", 0.0)


def test_a_queue_is_completed_when_every_item_is(desk):
    desk.queue()
    desk.add(2)
    desk.complete(desk.next())
    assert desk.progress().state == "in_progress"

    desk.complete(desk.next())

    progress = desk.progress()
    assert (progress.state, progress.completed_percent, progress.finished) == (
        "completed",
        100.0,
        True,
    )


def test_a_queue_with_a_skipped_item_is_finished_but_not_completed(desk):
    desk.queue()
    desk.add(2)
    desk.complete(desk.next())
    desk.skip(desk.next())

    progress = desk.progress()

    assert (progress.completed, progress.skipped, progress.completed_percent) == (1, 1, 50.0)
    assert (progress.finished, progress.state) == (True, "in_progress")


def test_the_counters_equal_a_recount(desk):
    desk.queue()
    desk.add(30)
    for number in range(12):
        claim = desk.next(f"r{number % 3}")
        match number % 3:
            case 0:
                desk.complete(claim)
            case 1:
                desk.skip(claim)
            case _:
                desk.clock.pass_seconds(601)

    progress = desk.progress()
    with desk.store.database.reading() as connection:
        recount = dict(
            connection.execute(select(ITEMS.c.state, func.count()).group_by(ITEMS.c.state)).all()
        )

    assert recount == {
        state.value: getattr(progress, state.value)
        for state in ItemState
        if getattr(progress, state.value)
    }


def test_every_write_is_on_record_with_its_actor(desk):
    desk.queue()
    desk.add(1)
    desk.complete(desk.next("ana"))

    entries = desk.store.audit(project=PROJECT)

    assert [(entry.action, entry.actor) for entry in entries] == [
        ("submit", "ana"),
        ("claim", "ana"),
        ("items_added", "mia"),
        ("queue_created", "mia"),
    ]
    assert {entry.queue for entry in entries} == {"spot_checks"}


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET actor = 'x'"])
def test_nobody_changes_the_log(desk, statement):
    desk.queue()

    with (
        pytest.raises(DBAPIError, match="append-only"),
        desk.store.database.engine.begin() as connection,
    ):
        connection.execute(text(statement))


def test_what_a_detector_says_is_nobodys_answer(desk):
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2)
    said = {"reason": "answers nothing", "metadata": {"verdict": False}, "detector": "empty"}
    desk.add(1, source=ItemSource.DETECTOR, **said)
    desk.complete(desk.next("ana"), AnnotationDraft(field="correct", value=True))

    assert [row.reviewer for row in desk.annotations()] == ["ana"]
    assert [row.source for row in desk.annotations()] == ["person"]
    assert desk.store.agreement(project=PROJECT, queue="spot_checks")["correct"].units == 0
    assert [one.reviewer for one in desk.store.reviewers(project=PROJECT)] == ["ana"]
