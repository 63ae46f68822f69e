"""What a run has seen, and what therefore the next one looks at: nothing falls between two runs."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from analytics.job import run
from tests.analytics.spans import AS_OF, BEGIN, SECOND, chat, frame, identifier
from tests.analytics.test_live_queues import live, score

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAY_LATER = BEGIN + 86_400 * SECOND


def names(report):
    return report.traces_evaluated, report.traces_looked_at_again


def test_a_run_for_a_moment_to_come_hides_nothing_from_the_runs_before_it(store, queues):
    store.append("spans", frame([chat("a")]))
    run(store, queues, project="default", as_of=AS_OF + 365 * DAY, clock=lambda: AS_OF)
    store.append("spans", frame([chat("b", received_at=DAY_LATER + 3600 * SECOND)]))

    report = run(store, queues, project="default", as_of=AS_OF + 2 * HOUR, incremental=True)

    assert report.traces_evaluated == 1


def test_a_run_over_a_range_leaves_the_others_to_the_next_run(store, queues):
    store.append("spans", frame([chat("early"), chat("late", at=7200)]))
    ranged = run(store, queues, project="default", as_of=AS_OF, since=AS_OF - DAY + HOUR)

    following = run(store, queues, project="default", as_of=AS_OF + HOUR, incremental=True)

    assert (ranged.traces_evaluated, following.traces_evaluated) == (1, 1)
    assert ranged.watermark < AS_OF - DAY + HOUR < following.watermark


def test_a_run_has_the_same_id_in_every_time_zone(store, queues):
    berlin = timezone(HOUR)
    since = AS_OF - DAY

    reports = [
        run(store, queues, project="default", as_of=as_of, since=begin, dry_run=True)
        for as_of, begin in ((AS_OF, since), (AS_OF.astimezone(berlin), since.astimezone(berlin)))
    ]

    assert reports[0].run_id == reports[1].run_id


def test_a_run_for_the_past_does_not_undo_what_a_later_one_saw(store, queues):
    store.append("spans", frame([chat("a")]))
    run(store, queues, project="default", as_of=AS_OF)
    more = chat("a", at=5, received_at=DAY_LATER + 1) | {"span_id": identifier("more", 16)}
    store.append("spans", frame([more]))
    run(store, queues, project="default", as_of=AS_OF + 2 * HOUR)

    past = run(store, queues, project="default", as_of=AS_OF)
    present = run(store, queues, project="default", as_of=AS_OF + 3 * HOUR)

    assert (past.traces_evaluated, present.traces_evaluated) == (0, 0)
    assert store.scan("traces").collect()["revision"].max() == 2


@pytest.mark.parametrize("first", [True, False], ids=["the first spans", "further spans"])
def test_a_span_that_was_acknowledged_before_a_run_and_loaded_after_it_is_found(
    store, queues, first
):
    if not first:
        store.append("spans", frame([chat("known")]))
    run(store, queues, project="default", as_of=AS_OF)
    loaded_late = chat("b", at=70_000, received_at=DAY_LATER - SECOND)
    store.append("spans", frame([loaded_late]))

    report = run(store, queues, project="default", as_of=AS_OF + HOUR, incremental=True)

    assert report.traces_evaluated == 1


def test_a_score_that_was_acknowledged_before_a_run_and_loaded_after_it_counts_once(store, queues):
    store.append("spans", frame([chat("a"), chat("b")]))
    live(queues, "scored", "array_contains(scored_by, 'helpful')")
    score(store, "a", 0.2, at=AS_OF - timedelta(minutes=1))
    run(store, queues, project="default", as_of=AS_OF)
    score(store, "b", 0.2, at=AS_OF - timedelta(seconds=1))

    reports = [
        run(store, queues, project="default", as_of=AS_OF + hours * HOUR) for hours in (1, 2)
    ]

    assert [names(report) for report in reports] == [(0, 1), (0, 0)]
    assert queues.items(project="default", queue="scored").total == 2
