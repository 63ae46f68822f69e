"""Where a trace is, at every station of its way."""

from __future__ import annotations

import json

import pytest

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = "eee19b7ec3c1b174"


def attributes(**values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


@pytest.fixture
def where(spandocket, tmp_path):
    """Asks for the trace's whereabouts after running commands."""

    def ask(*commands):
        for command in commands:
            outcome = spandocket(*command)
            assert outcome.code == 0, outcome.err
        return json.loads(spandocket("traces", "where", TRACE).out)

    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "execute_tool find",
        "startTimeUnixNano": "1790000000000000001",
        "endTimeUnixNano": "1790000001000000002",
        "status": {"code": 2, "message": "late"},
        "attributes": attributes(
            **{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"}
        ),
    }
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (tmp_path / "spans.json").write_text(json.dumps(document))
    return ask


def test_a_trace_nobody_sent_is_unknown_and_ends_with_1(spandocket):
    code, out, err = spandocket("traces", "where", TRACE)

    assert (code, out) == (1, "")
    assert f"nothing is known of trace {TRACE}" in err


def test_a_trace_of_another_project_is_named_with_it(where, spandocket):
    spandocket("--project", "shop", "import", "spans.json")

    code, _, err = spandocket("traces", "where", TRACE)

    assert code == 1
    assert "it is in project shop: use --project" in err


def test_loaded_with_its_times_to_the_nanosecond(where):
    found = where(["import", "spans.json"])

    assert found["state"] == "loaded"
    assert found["loaded"]["spans"] == 1
    assert found["loaded"]["start_time"] == "2026-09-21T14:13:20.000000001Z"
    assert found["analysed"] is None


def test_queued_with_the_reason_then_held_then_reviewed(where, spandocket):
    found = where(
        ["import", "spans.json"], ["analyze"], ["fields", "create", "ok", "--type", "boolean"]
    )

    (item,) = found["queues"]
    assert (found["state"], item["queue"], item["status"]) == (
        "queued",
        "tool_call_errors",
        "pending",
    )
    assert "find" in item["reason"]

    claim = json.loads(spandocket("items", "next", "tool_call_errors", "--reviewer", "ann").out)
    assert where()["queues"][0]["holder"] == "ann"

    found = where(
        ["annotations", "add", claim["id"], "--reviewer", "ann", "--field", "ok=false"],
        ["items", "complete", claim["id"], "--token", claim["token"]],
    )
    assert found["state"] == "reviewed"
    assert found["queues"][0]["completed_by"] == "ann"
    assert [(r["reviewer"], r["field"], r["value"]) for r in found["reviews"]] == [
        ("ann", "ok", False)
    ]

    told = spandocket("traces", "where", TRACE, "--format", "table").out.splitlines()
    assert told[0] == f"trace {TRACE} of project default: reviewed"
    assert any(line.startswith("review    ann answered ok = false on ") for line in told)
