"""Baselines compared between runs, and seen by the hour of the week."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from analytics.baseline_changes import changes
from analytics.job import run
from analytics.seasons import hours_of_week
from tests.analytics.spans import AS_OF, BEGIN, SECOND, chat, frame

HOUR = 3600 * SECOND


def norms(**by_cohort):
    rows = [
        {
            "cohort_level": "operation",
            "cohort": cohort,
            "metric": "duration_ms",
            "n": n,
            "median": median,
            "p95": median * 2,
            "p99": median * 3,
            "log_mad": 0.3,
        }
        for cohort, (n, median) in by_cohort.items()
    ]
    return pl.DataFrame(rows)


def test_a_cohort_moves_when_factor_and_certainty_both_say_so():
    before = norms(much=(400, 100.0), little=(400, 100.0), few=(8, 100.0), gone=(50, 9.0))
    after = norms(much=(400, 150.0), little=(400, 104.0), few=(8, 150.0), new=(50, 9.0))

    found = {row["cohort"]: row for row in changes(before, after, ratio_min=1.1).to_dicts()}

    assert {name: row["change"] for name, row in found.items()} == {
        "much": "moved",
        "little": "steady",
        "few": "steady",
        "gone": "vanished",
        "new": "appeared",
    }
    # The shift in standard errors of two medians: ln 1.5 / (1.2533 * sqrt(2 * 0.09 / 400)).
    assert found["much"]["z"] == pytest.approx(15.25, abs=0.01)
    assert found["gone"]["median_after"] is None


def test_equal_values_that_change_have_moved():
    same = {"log_mad": pl.lit(0.0)}
    before = norms(a=(30, 100.0)).with_columns(**same)
    after = norms(a=(30, 120.0)).with_columns(**same)

    assert changes(before, after, ratio_min=1.1)["change"].to_list() == ["moved"]


def test_two_runs_are_compared_by_the_command(store, queues, command):
    rows = [chat(f"t{n}", at=n * 60, seconds=1 + n % 7 / 50) for n in range(60)]
    store.append("spans", frame(rows))
    first = run(store, queues, project="default", as_of=AS_OF)
    late = [chat(f"u{n}", at=9e4 + n * 60, seconds=3 + n % 7 / 50) for n in range(180)]
    store.append("spans", frame(late))
    second = run(store, queues, project="default", as_of=AS_OF + timedelta(days=1))

    said = command("baselines", "diff", "--level", "project", "--metric", "duration_ms")
    backward = command("baselines", "diff", second.run_id, first.run_id, "--level", "project")
    unknown = command("baselines", "diff", first.run_id, "nonsense")

    (moved,) = (json.loads(line) for line in said.out.splitlines())
    assert (moved["change"], moved["n_before"], moved["n_after"]) == ("moved", 60, 240)
    assert moved["median_ratio"] > 2
    assert f"From run {first.run_id} to run {second.run_id}: 1 moved" in said.err
    assert f"From run {second.run_id} to run {first.run_id}" in backward.err
    assert unknown.code == 2
    assert "no baselines of run 'nonsense'" in unknown.err


def test_one_run_alone_cannot_be_compared(store, queues, command):
    store.append("spans", frame([chat(f"t{n}", at=n) for n in range(10)]))
    run(store, queues, project="default", as_of=AS_OF)

    said = command("baselines", "diff")

    assert said.code == 2
    assert "two are needed" in said.err


def weeks_of_traces():
    """Four weeks: agent a by day at 100 ms (300 ms on Tuesdays at 10), agent b by night at 9 s."""
    rows = []
    # BEGIN is a Monday at 9 o'clock.
    for hour in range(4 * 168):
        weekday, clock = (hour + 9) // 24 % 7 + 1, (hour + 9) % 24
        is_day = 8 <= clock < 20
        slow = 3 if (weekday, clock) == (2, 10) else 1
        rows += [
            {
                "end_time": BEGIN + hour * HOUR + place,
                "operation_name": "chat",
                "request_model": "m",
                "agent_name": "a" if is_day else "b",
                "name": "run",
                "duration_ms": 100.0 * slow if is_day else 9000.0,
                "time_to_first_chunk_ms": None,
                "total_tokens": 10,
                "cost_usd": None,
            }
            for place in range(3)
        ]
    return pl.DataFrame(
        rows, schema_overrides={"time_to_first_chunk_ms": pl.Float64, "cost_usd": pl.Float64}
    )


def test_the_slow_hour_of_the_week_stands_out_and_the_mixture_does_not():
    found = hours_of_week(weeks_of_traces(), metrics=("duration_ms",), levels=("project",))

    assert found.height == 168
    slow = found.filter(pl.col("ratio") > 1.5).to_dicts()
    assert [(row["weekday"], row["hour"], row["n"]) for row in slow] == [(2, 10, 12)]
    assert slow[0]["ratio"] == pytest.approx(3.0)
    # At night another workload runs, ninety times slower, as it always is.
    assert found.filter(pl.col("hour") == 3)["ratio"].unique().to_list() == [1.0]


def test_hours_follow_the_time_zone_asked_for():
    berlin = hours_of_week(
        weeks_of_traces(), metrics=("duration_ms",), levels=("project",), time_zone="Asia/Tokyo"
    )

    slow = berlin.filter(pl.col("ratio") > 1.5).to_dicts()
    assert [(row["weekday"], row["hour"]) for row in slow] == [(2, 19)]


def test_the_command_shows_hours_and_refuses_unknown_names(store, queues, command):
    rows = [chat(f"t{n}", at=n * 600, seconds=1 + n % 7 / 50) for n in range(60)]
    store.append("spans", frame(rows))
    run(store, queues, project="default", as_of=AS_OF)

    said = command("baselines", "hours", "--metric", "duration_ms")
    zone = command("baselines", "hours", "--time-zone", "Mars/Olympus")
    cohort = command("baselines", "hours", "--level", "operation", "--cohort", "chatt")

    found = [json.loads(line) for line in said.out.splitlines()]
    assert sum(row["n"] for row in found) == 60
    assert (found[0]["weekday"], found[0]["hour"]) == (1, 9)
    assert zone.code == cohort.code == 2
    assert "unknown time zone 'Mars/Olympus'" in zone.err
    assert "did you mean chat?" in cohort.err


def test_a_metric_that_no_trace_has_any_more_has_vanished(store, queues, command):
    paid = [chat(f"t{n}", at=n, cost_usd=0.5) for n in range(10)]
    store.append("spans", frame(paid))
    run(store, queues, project="default", as_of=AS_OF)
    free = [chat(f"u{n}", at=30 * 86_400 + n) for n in range(10)]
    store.append("spans", frame(free))
    run(store, queues, project="default", as_of=AS_OF + timedelta(days=40))

    said = command("baselines", "diff", "--metric", "cost_usd", "--level", "project")
    listed = command("baselines", "list", "--metric", "cost_usd")

    assert [json.loads(line)["change"] for line in said.out.splitlines()] == ["vanished"]
    assert (listed.code, listed.out) == (0, "")


def test_a_clock_that_is_a_year_ahead_takes_no_hours_away(store, queues, command):
    rows = [chat(f"t{n}", at=n * 600, seconds=1 + n % 7 / 50) for n in range(60)]
    ahead = chat("ahead")
    for name in ("start_time", "end_time"):
        ahead[name] += 365 * 24 * HOUR
    store.append("spans", frame([*rows, ahead]))
    run(store, queues, project="default", as_of=AS_OF)

    said = command("baselines", "hours", "--metric", "duration_ms")

    assert sum(json.loads(line)["n"] for line in said.out.splitlines()) == 60
