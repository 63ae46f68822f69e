"""A run every minute finds what one run over everything finds; two runs never overlap."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.errors import RunInProgressError
from analytics.job import run
from analytics.job.intake import every_trace, last_evaluations
from analytics.job.lock import run_lock
from analytics.job.touched import Touched
from analytics.traces import assemble
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.spans import AS_OF, chat, frame, span, tool
from tests.span_store.rows import frame_of

BEGIN = AS_OF - timedelta(days=1)


def traffic(count=240):
    """Traces one a minute; some are large, one is empty, the spans of one in ten come in halves."""
    early, late = [], []
    for number in range(count):
        name = f"t{number}"
        seconds = 8.0 if number % 60 == 59 else 1.0 + number % 5 * 0.05
        root = span(name, "agent", at=number * 60, seconds=seconds, operation_name="invoke_agent")
        call = chat(name, at=number * 60 + 0.1, seconds=0.5, parent=root)
        (late if number % 10 == 3 else early).append(call)
        early.append(root)
    early.append(chat("blank", at=5_000, answer=""))
    for row in late:
        row["received_at"] += 20 * 10**9
    return early + late


def state(store):
    """What the runs wrote, without the moments of the runs."""
    traces = store.scan("traces").collect().drop("evaluated_at", "revision", "selections")
    findings = store.scan("findings").collect().select("trace_id", "detector", "reason")
    return (
        traces.sort("trace_id").to_dicts(),
        sorted(findings.unique().rows()),
    )


def test_many_incremental_runs_find_what_one_run_finds(tmp_path):
    rows = frame(traffic()).sort("received_at")
    whole, steps = SpanStore(tmp_path / "whole"), SpanStore(tmp_path / "steps")
    whole.append("spans", rows)
    queues = [
        QueueStore.open(f"sqlite:///{tmp_path / name}.sqlite3", QueueConfig())
        for name in ("whole", "steps")
    ]
    run(whole, queues[0], project="default", as_of=AS_OF)

    moment = BEGIN
    while moment <= BEGIN + timedelta(hours=5):
        begin, end = moment - timedelta(minutes=30), moment
        arrived = rows.filter(
            pl.col("received_at").is_between(
                int(begin.timestamp()) * 10**9, int(end.timestamp()) * 10**9, closed="right"
            )
        )
        if arrived.height:
            steps.append("spans", arrived)
        run(steps, queues[1], project="default", as_of=moment, incremental=True)
        moment = end + timedelta(minutes=30)

    left, right = state(whole), state(steps)
    assert [row["trace_id"] for row in left[0]] == [row["trace_id"] for row in right[0]]
    assert left[1] == right[1]
    assert left[0] == right[0]
    for store in queues:
        store.close()


def test_an_incremental_run_leaves_untouched_traces_alone(store, queues):
    store.append("spans", frame(traffic(20)))
    run(store, queues, project="default", as_of=AS_OF, incremental=True)

    report = run(
        store, queues, project="default", as_of=AS_OF + timedelta(minutes=1), incremental=True
    )

    assert (report.traces_seen, report.traces_evaluated) == (0, 0)


def test_runs_that_find_nothing_to_do_leave_no_record(store, queues):
    minutes = [AS_OF + timedelta(minutes=number) for number in range(4)]
    store.append("spans", frame(traffic(20)))
    for moment in minutes[:3]:
        run(store, queues, project="default", as_of=moment, incremental=True)
    assert store.scan("runs").collect()["as_of"].to_list() == [AS_OF]

    late = chat("one-more", at=86_430)
    store.append("spans", frame([late]))
    report = run(store, queues, project="default", as_of=minutes[3], incremental=True)

    assert report.traces_evaluated == 1
    assert store.scan("runs").collect()["as_of"].sort().to_list() == [AS_OF, minutes[3]]


def test_the_baselines_of_an_incremental_run_hold_the_whole_window_once_an_hour(store, queues):
    store.append("spans", frame(traffic(60)))
    run(store, queues, project="default", as_of=AS_OF, incremental=True)
    before = store.scan("baselines").collect().filter(cohort_level="project", metric="duration_ms")
    for number, minutes in enumerate((30, 90)):
        moment = AS_OF + timedelta(minutes=minutes)
        late = chat(f"late-{number}", at=86_400 + 60 * minutes - 60)
        store.append("spans", frame([late]))
        run(store, queues, project="default", as_of=moment, incremental=True)

    after = store.scan("baselines").collect().filter(cohort_level="project", metric="duration_ms")

    assert before["n"].to_list() == [61]
    assert after.sort("computed_at")["n"].to_list() == [61, 63]


def test_two_runs_do_not_overlap(tmp_path, store, queues):
    lock = tmp_path / "analysis.lock"

    with run_lock(lock), pytest.raises(RunInProgressError, match="process"):
        run(store, queues, project="default", as_of=AS_OF, lock_file=lock)

    assert run(store, queues, project="default", as_of=AS_OF, lock_file=lock).traces_seen == 0


def test_an_answer_that_logs_tell_ends_alike_in_both_kinds_of_run(tmp_path):
    store = SpanStore(tmp_path)
    rows = frame([chat("told", at=0), chat("plain", at=60)])
    rows = rows.with_columns(pl.lit(None, pl.String).alias("output_messages")).with_columns(
        pl.lit(None, rows.schema["finish_reasons"]).alias("finish_reasons")
    )
    store.append("spans", rows)
    told = rows.row(0, named=True)
    part = '[{"role":"assistant","parts":[{"type":"text","content":"x"}],"finish_reason":"stop"}]'
    piece = {name: told.get(name) for name in ("project", "trace_id", "span_id", "received_at")}
    piece |= {"field": "output_messages", "content_id": "1", "position": 0, "time": 5}
    store.append(
        "contents", frame_of("contents", [piece | {"fragment": part, "is_fragment": False}])
    )
    until = int(rows["received_at"].max())

    nightly = every_trace(store, project="default", as_of_ns=until)
    lately = Touched.of(store, project="default", since_ns=0, as_of_ns=until)
    evaluated = last_evaluations(store, project="default")
    touched = assemble(lately.spans(store, evaluated, AnalysisConfig()))

    assert sorted(nightly["finish_reason"].fill_null("-")) == ["-", "stop"]
    assert touched.equals(nightly)


@pytest.mark.parametrize("late", ["a span", "a log"])
def test_what_arrives_days_later_is_read_with_the_whole_trace(store, queues, late):
    root = span("old", "agent", seconds=10, operation_name="invoke_agent")
    answers = chat("old", at=1, parent=root)
    failed = tool("old", "look_up", at=3, parent=root, is_error=True, status_code="error")
    store.append("spans", frame([root, answers, failed]))
    for day in range(4):
        store.append("spans", frame([chat(f"day-{day}", at=day * 86_400 + 60)]))
        moment = AS_OF + timedelta(days=day)
        run(store, queues, project="default", as_of=moment, incremental=True)
    arrival = 4 * 86_400 * 10**9 + root["end_time"]
    if late == "a span":
        store.append("spans", frame([chat("old", at=5, parent=root) | {"received_at": arrival}]))
    else:
        piece = {name: answers[name] for name in ("project", "trace_id", "span_id")}
        piece |= {"field": "output_messages", "content_id": "1", "position": 0, "time": 5}
        piece |= {"received_at": arrival, "fragment": "[]", "is_fragment": False}
        store.append("contents", frame_of("contents", [piece]))

    moment = AS_OF + timedelta(days=4)
    report = run(store, queues, project="default", as_of=moment, incremental=True)
    # A run over everything has nothing to correct.
    after = run(store, queues, project="default", as_of=moment + timedelta(seconds=1))

    (row,) = store.scan("traces").collect().filter(name="agent", revision=2).to_dicts()
    facts = ("span_count", "model_call_count", "tool_call_count", "complete_reason", "detectors")
    calls = 2 if late == "a span" else 1
    expected = (calls + 2, calls, 1, "root_quiet", ["tool_call_errors"])
    assert tuple(row[name] for name in facts) == expected
    assert (report.traces_evaluated, after.traces_evaluated) == (1, 0)


def test_what_arrives_late_from_a_clock_that_is_ahead_is_read_with_the_whole_trace(store, queues):
    root = span("old", "agent", seconds=10, operation_name="invoke_agent")
    arrival = root["end_time"]
    hours = 3600 * 10**9
    rows = [root, chat("old", at=1, parent=root), chat("old", at=5, parent=root)]
    for row in rows:
        row["start_time"] += 3 * hours
        row["end_time"] += 3 * hours
    rows[2]["received_at"] = arrival + 26 * hours
    store.append("spans", frame([*rows[:2], chat("next-day", at=25 * 3600)]))
    run(store, queues, project="default", as_of=BEGIN + timedelta(hours=25.5), incremental=True)
    store.append("spans", frame(rows[2:]))
    run(store, queues, project="default", as_of=BEGIN + timedelta(hours=27), incremental=True)

    (row,) = store.scan("traces").collect().filter(name="agent", revision=2).to_dicts()
    assert (row["span_count"], row["model_call_count"]) == (3, 2)


@pytest.mark.parametrize("first", ["full", "bare"])
def test_of_two_versions_of_a_span_both_kinds_of_run_take_the_fuller_one(tmp_path, first):
    full = chat("t", is_streaming=True, time_to_first_chunk_ms=90.0)
    kept = ("project", "trace_id", "span_id", "name", "start_time", "end_time", "received_at")
    bare = dict.fromkeys(full) | {name: full[name] for name in kept}
    bare |= {"is_model_call": True, "is_error": False, "content_truncated": False}
    one, other = (full, bare) if first == "full" else (bare, full)
    rows = []
    for incremental in (False, True):
        store = SpanStore(tmp_path / str(incremental))
        url = f"sqlite:///{tmp_path / str(incremental)}.sqlite3"
        with closing(QueueStore.open(url, QueueConfig())) as queues:
            run(store, queues, project="default", as_of=BEGIN)
            store.append("spans", frame([one]))
            store.append("spans", frame([other | {"received_at": one["received_at"] + 10**9}]))
            run(store, queues, project="default", as_of=AS_OF, incremental=incremental)
        rows.append(store.scan("traces").collect().to_dicts())

    ((nightly,), (steps,)) = rows
    assert steps == nightly
    assert (steps["request_model"], steps["total_tokens"]) == ("gpt-4o", 30)
