"""Choosing traces by what evaluators and detectors said of them."""

from __future__ import annotations

import json

import polars as pl
import pytest

from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from review_app.traces import matching_condition
from span_store.errors import InvalidFilterError, UnknownColumnError
from span_store.schema import EVALUATIONS, TRACES
from span_store.store import SpanStore
from tests.review_app.conftest import FIRST, NOW, SECOND


@pytest.fixture
def scored(traces):
    """The first trace has a low score of judge, the second a decision of refusal."""
    score = dict.fromkeys(EVALUATIONS.names) | {
        "project": "default",
        "evaluation_id": "e1",
        "object_type": "trace",
        "object_id": FIRST,
        "trace_id": FIRST,
        "evaluator": "judge",
        "score": 0.25,
        "time": 1,
        "received_at": 1,
    }
    traces.append("evaluations", pl.DataFrame([score], schema=EVALUATIONS.polars))
    again = dict.fromkeys(TRACES.names) | {
        "project": "default",
        "trace_id": SECOND,
        "revision": 2,
        "start_time": 2,
        "error_count": 0,
        "decisions": json.dumps({"refusal": {"decision": "matched"}}),
    }
    traces.append("traces", pl.DataFrame([again], schema=TRACES.polars))
    return traces


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ('"score:judge" < 0.5', [FIRST]),
        ('"score:judge" >= 0.5', []),
        ('"score:nobody" < 0.5', []),
        ("array_contains(scored_by, 'judge')", [FIRST]),
        ("\"decision:refusal\" = 'matched'", [SECOND]),
        ("start_time < '1970-01-01T00:00:00.000000002Z'", [FIRST]),
        ("revision = 1", [FIRST]),
    ],
)
def test_traces_are_chosen_by_scores_decisions_and_times(scored, where, found):
    frame = matching_condition(scored, "default", where)

    assert frame.select("trace_id").collect()["trace_id"].to_list() == found


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("error_cont > 0", UnknownColumnError),
        ("error_count", InvalidFilterError),
        ("start_time > 'yesterday'", InvalidFilterError),
    ],
)
def test_conditions_that_trace_facts_cannot_answer_are_refused(scored, where, error):
    with pytest.raises(error):
        matching_condition(scored, "default", where)


def test_a_live_queue_takes_what_an_evaluator_has_scored(spandocket):
    made = spandocket(
        "queues", "create", "judged", "--live", "--filter", "array_contains(scored_by, 'judge')"
    )
    changed = spandocket("queues", "change", "judged", "--filter", '"score:judge" < 0.5')
    refused = spandocket("queues", "create", "x", "--live", "--filter", "scord_by = 1")

    assert (made.code, changed.code, refused.code) == (0, 0, 2), made.err + changed.err
    assert "scored_by" in refused.err


def test_a_view_over_traces_is_shown_on_the_command_line(spandocket, tmp_path):
    place = tmp_path / "data"
    rows = [
        dict.fromkeys(TRACES.names)
        | {"project": "default", "trace_id": trace_id, "revision": 1, "error_count": number}
        for number, trace_id in enumerate((FIRST, SECOND))
    ]
    SpanStore(place).append("traces", pl.DataFrame(rows, schema=TRACES.polars))
    store = QueueStore.open(f"sqlite:///{place / 'queue.sqlite3'}", QueueConfig())
    filters = {"where": "error_count > 0"}
    saved = {"name": "errors", "queue": None, "filters": filters}
    store.save_view(project="default", now=NOW, actor="ann", **saved)
    store.close()

    shown = spandocket("views", "show", "errors", "--format", "jsonl")

    assert [json.loads(line)["trace_id"] for line in shown.out.splitlines()] == [SECOND], shown.err
