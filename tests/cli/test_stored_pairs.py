"""Which of several imported scores and probabilities the report takes."""

from __future__ import annotations

import json

import pytest

TRACE = f"{1:032x}"


@pytest.fixture
def at(spandocket, tmp_path):
    """The command in a project with one trace; ``bring`` imports rows that are told as objects."""
    span = {"traceId": TRACE, "spanId": "b" * 16, "name": "x"}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (tmp_path / "spans.json").write_text(json.dumps(document))
    assert spandocket("import", "spans.json").code == 0
    assert spandocket("fields", "create", "correct", "--type", "boolean").code == 0

    def bring(noun, *rows):
        about = {"object_type": "trace", "object_id": TRACE}
        text = "\n".join(json.dumps(about | row) for row in rows)
        (tmp_path / "rows.jsonl").write_text(text)
        done = spandocket(noun, "import", "rows.jsonl")
        assert done.code == 0, done.err

    return bring


REPORT = ("alignment", "report", "--evaluator", "judge", "--field", "correct")


def test_a_score_without_a_time_counts_as_given_when_it_arrived(at, spandocket):
    at("annotations", {"reviewer": "ana", "field": "correct", "value": True})
    at("evaluations", {"evaluator": "judge", "score": 0, "time": "2026-03-01T00:00:00Z"})
    at("evaluations", {"evaluator": "judge", "score": 1})
    assert spandocket("analyze", "--as-of", "2100-01-01T00:00:00Z").code == 0

    report = json.loads(spandocket(*REPORT).out)
    listed = [json.loads(line) for line in spandocket("evaluations", "list").out.splitlines()]
    passing = spandocket("traces", "list", "--where", '"score:judge" = 1')

    assert report["confusion"]["counts"] == [[0, 0], [0, 1]]
    assert [row["score"] for row in listed] == [0, 1]
    assert TRACE in passing.out


def test_two_probabilities_of_one_object_are_named_until_they_agree(at, spandocket):
    ana, ben = ({"reviewer": name, "field": "correct", "value": True} for name in ("ana", "ben"))
    at("evaluations", {"evaluator": "judge", "score": 1})
    at("annotations", ana | {"inclusion_probability": 0.1, "cluster": "a"})
    at("annotations", ben | {"inclusion_probability": 0.2, "cluster": "b"})

    refused = [spandocket(*REPORT), spandocket("alignment", "overview", "--field", "correct")]
    at("annotations", ben | {"inclusion_probability": 0.1, "cluster": "a"})

    for outcome in refused:
        assert (outcome.code, outcome.out) == (2, "")
        assert f"trace {TRACE} has several values of inclusion_probability" in outcome.err
        assert "0.1 with ana's, 0.2 with ben's" in outcome.err
        assert f"trace {TRACE} has several values of cluster: a with ana's" in outcome.err
        assert "import the answers again" in outcome.err
    assert spandocket(*REPORT).code == 0
