"""The job over a small store: what it finds, queues and writes, and that repeating it is free."""

from __future__ import annotations

import gc
import json
import weakref
from datetime import timedelta

import pytest

from analytics.config import AnalysisConfig
from analytics.detectors.evaluation import evaluate
from analytics.job import run
from queue_store.model import AnnotationDraft
from tests.analytics.spans import AS_OF, chat, frame, identifier, span, tool


def agent_traces(count):
    rows = []
    for number in range(count):
        name = f"trace-{number}"
        seconds = 4.0 if number == count - 1 else 1.0 + 0.01 * (number % 7)
        root = span(
            name,
            "invoke_agent helper",
            at=number * 10,
            seconds=seconds,
            operation_name="invoke_agent",
            agent_name="helper",
        )
        rows += [root, chat(name, at=number * 10 + 0.2, seconds=0.5, parent=root)]
    return rows


def matched(report):
    return {count.detector: count.matched for count in report.detectors}


def added(report):
    return {count.queue: count.added for count in report.queues}


@pytest.fixture
def filled(store):
    rows = agent_traces(60)
    rows.append(
        tool("trace-3", "search", at=30.1, seconds=0.1, parent=rows[6], result={"error": "down"})
    )
    rows.append(chat("blank", answer="  "))
    store.append("spans", frame(rows))
    return store


def test_a_run_flags_queues_and_explains(filled, queues):
    report = run(filled, queues, project="default", as_of=AS_OF)

    assert report.traces_evaluated == 61
    found = matched(report)
    assert (found["resource_outliers"], found["tool_call_errors"], found["empty_response"]) == (
        1,
        1,
        1,
    )
    item = queues.items(project="default", queue="tool_call_errors").items[0]
    assert item.object_id == identifier("trace-3", 32)
    assert "down" in item.reason
    assert item.selection.p == 1.0
    terms = item.priority_terms
    product = terms["severity"] * terms["confidence"] * terms["precision"] * terms["novelty"]
    assert item.priority == pytest.approx(product * terms["business_weight"] / terms["u"])


def test_every_trace_records_decisions_and_the_probability_of_being_kept(filled, queues):
    run(filled, queues, project="default", as_of=AS_OF)

    traces = filled.scan("traces", project="default").collect()

    assert traces.height == 61
    flagged = traces.filter(trace_id=identifier("trace-3", 32)).row(0, named=True)
    assert json.loads(flagged["decisions"])["tool_call_errors"]["decision"] == "matched"
    assert flagged["inclusion_probability"] == 1.0
    kept = [json.loads(text) for text in traces["selections"] if text != "[]"]
    assert all(record["selected"] == (record["u"] < record["p"]) for one in kept for record in one)


def test_repeating_a_run_changes_nothing(filled, queues):
    first = run(filled, queues, project="default", as_of=AS_OF)
    rows = {name: filled.scan_raw(name).collect().height for name in ("traces", "findings", "runs")}

    again = run(filled, queues, project="default", as_of=AS_OF)

    assert again.traces_evaluated == 0
    assert matched(again) == matched(first)
    assert sum(added(again).values()) == 0
    for name, count in rows.items():
        assert filled.scan_raw(name).collect().height == count


def test_a_dry_run_says_what_would_happen_and_writes_nothing(filled, queues):
    dry = run(filled, queues, project="default", as_of=AS_OF, dry_run=True)

    assert matched(dry)["tool_call_errors"] == 1
    assert {count.queue: count.selected for count in dry.queues}["tool_call_errors"] == 1
    assert filled.scan_raw("traces").collect().height == 0
    assert queues.queues(project="default") == []


def test_the_random_floor_keeps_its_share_of_all_traces(store, queues):
    store.append("spans", frame([chat(f"plain-{number}", at=number) for number in range(400)]))

    report = run(
        store, queues, project="default", as_of=AS_OF, config=AnalysisConfig(random_floor=0.1)
    )

    floor = next(count for count in report.queues if count.queue == "random_floor")
    assert floor.considered == 0 or floor.added == floor.selected
    assert 20 <= floor.added <= 60
    kept = store.scan("traces").collect()
    unflagged = [p for p in kept["inclusion_probability"] if p < 1]
    assert set(unflagged) == {0.1}


def test_a_late_span_makes_a_new_revision_and_brings_the_item_back(filled, queues):
    run(filled, queues, project="default", as_of=AS_OF)
    late = tool("trace-3", "search", at=30.6, seconds=0.1, result={"error": "down again"})
    late["received_at"] = int((AS_OF + timedelta(hours=1)).timestamp()) * 1_000_000_000
    filled.append("spans", frame([late]))

    report = run(filled, queues, project="default", as_of=AS_OF + timedelta(hours=2))

    assert report.traces_evaluated == 1
    newest = filled.scan("traces").collect().filter(trace_id=identifier("trace-3", 32))
    assert sorted(newest["revision"]) == [1, 2]
    item = queues.items(project="default", queue="tool_call_errors").items[0]
    assert item.revision == 2


def test_an_item_that_comes_back_says_what_changed(filled, queues):
    run(filled, queues, project="default", as_of=AS_OF)
    (item,) = queues.items(project="default", queue="tool_call_errors").items
    answer = AnnotationDraft(field="flag_is_right", value=True)
    claim = queues.claim_item(project="default", item_id=item.id, reviewer="ana", now=AS_OF)
    settled = {"item_id": item.id, "token": claim.token, "values": [answer]}
    queues.complete(project="default", now=AS_OF, **settled)

    late = tool("trace-3", "search", at=30.6, seconds=0.1, is_error=True)
    late["received_at"] = int((AS_OF + timedelta(hours=1)).timestamp()) * 1_000_000_000
    filled.append("spans", frame([late]))
    run(filled, queues, project="default", as_of=AS_OF + timedelta(hours=2))

    (again,) = queues.items(project="default", queue="tool_call_errors").items
    change = "(again, since it changed: tool calls 1 to 2, errors 0 to 1)"
    assert (again.state.value, again.revision) == ("pending", 2)
    assert again.reason.startswith("Tool search failed")
    assert again.reason.endswith(change)


def test_traces_that_are_not_quiet_wait_and_the_report_says_until_when(store, queues):
    store.append("spans", frame([chat("fresh", seconds=2)]))
    ended = store.scan("spans").collect()["end_time"][0]

    report = run(store, queues, project="default", as_of=ended + timedelta(seconds=5))

    assert (report.traces_evaluated, report.traces_waiting) == (0, 1)
    assert report.waiting_until == ended + timedelta(seconds=30)


def test_what_arrives_after_the_moment_of_the_run_does_not_count(store, queues):
    store.append("spans", frame([chat("later", at=100_000)]))

    assert run(store, queues, project="default", as_of=AS_OF).traces_seen == 0


def test_the_content_of_a_chunk_is_let_go_of_when_it_is_decided(filled, queues, monkeypatch):
    contexts = []

    def watched(context, *others):
        contexts.append(weakref.ref(context))
        return evaluate(context, *others)

    monkeypatch.setattr("analytics.job.detection.evaluate", watched)
    gc.disable()
    try:
        run(filled, queues, project="default", as_of=AS_OF, config=AnalysisConfig(chunk_traces=10))
        alive = [context for context in contexts if context() is not None]
    finally:
        gc.enable()
    assert len(contexts) == 7
    assert alive == []
