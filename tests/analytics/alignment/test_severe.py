"""Severe false accepts: grave cases that an otherwise good evaluator let pass."""

from __future__ import annotations

import polars as pl
import pytest
from alignment_builders import two_by_two
from test_stored_data import NOW, boolean_field, queue_store, trace
from test_stored_design import make_queue, put, reported, scores, write_traces

from analytics.alignment.report import ReportOptions, report
from queue_store.model import AnnotationDraft, IssueState

__all__ = ["queue_store"]


def good_evaluator(**columns):
    """Two hundred items with one case in fifty missed; columns are set on the two misses."""
    frame = two_by_two(98, 2, 2, 98).with_row_index("number")
    missed = (pl.col("human") == 1) & (pl.col("evaluator") == 0)
    return frame.with_columns(
        pl.format("i{}", "number").alias("item"),
        *[pl.when(missed).then(pl.lit(value)).alias(name) for name, value in columns.items()],
    ).drop("number")


def test_an_evaluator_with_a_grave_miss_open_may_not_gate():
    fine, grave = (
        report(good_evaluator(severity=severity), ReportOptions()) for severity in (0.5, 0.9)
    )

    assert (fine.verdict["level"], fine.severe_false_accepts["open"]) == ("gate", 0)
    assert (grave.verdict["level"], grave.severe_false_accepts["open"]) == ("trends", 2)
    assert "2 severe false accepts are open: i98, i99" in grave.verdict["reasons"]


def test_a_bound_just_below_the_wanted_one_does_not_read_as_the_wanted_one():
    found = report(two_by_two(90, 10, 10, 90), ReportOptions())

    assert 0.695 < found.raw["mcc"].ci_low < 0.7
    assert found.verdict["reasons"][0] == "the lower bound 0.69 is below 0.7"


def test_a_resolved_miss_is_no_longer_open():
    found = report(good_evaluator(severity=0.9, resolved="true"), ReportOptions())

    assert found.verdict["level"] == "gate"
    assert found.severe_false_accepts["open"] == 0
    assert found.severe_false_accepts["resolved"] == 2


def test_without_severities_nothing_is_claimed():
    found = report(good_evaluator(), ReportOptions())

    assert found.severe_false_accepts["open"] is None
    assert found.severe_false_accepts["null_reason"] == "no severities are known"


def test_the_gate_fails_on_grave_misses_when_it_is_asked_to(command, tmp_path):
    path = tmp_path / "pairs.csv"
    good_evaluator(severity=0.8).write_csv(path)
    bounds = ("alignment", "gate", "--pairs", path, "--min-mcc", 0.6)

    plain, strict, lenient = (
        command(*bounds, *more) for more in ((), ("--max-severe", 0), ("--max-severe", 2))
    )

    assert (plain.code, lenient.code) == (0, 0)
    assert (strict.code, strict.json["status"]) == (3, "failed")
    assert "2 severe false accepts are open" in strict.err
    assert [row["item"] for row in strict.json["severe_false_accepts"]["items"]] == ["i98", "i99"]
    assert command("alignment", "gate", "--pairs", path, "--max-severe", 0).code == 3


@pytest.mark.parametrize("severity", ["1.5", "-0.1", "grave"])
def test_an_impossible_severity_names_its_row(command, tmp_path, severity):
    path = tmp_path / "pairs.csv"
    path.write_text(f"human,evaluator,severity\n1,1,0.5\n1,0,{severity}\n")

    said = command("alignment", "report", "--pairs", path)

    assert said.code == 2
    assert f"row 2: severity is {severity}, it must be from 0 to 1" in said.err


def test_a_stored_miss_is_open_until_the_problem_it_points_to_is_closed(
    command, tmp_path, queue_store
):
    boolean_field(queue_store)
    make_queue(queue_store, "all")
    queue_store.create_issue(project="default", title="Refunds", now=NOW, actor="test")
    write_traces(
        tmp_path, [{"trace_id": trace(n), "max_severity": 0.9 if n < 2 else 0.0} for n in range(12)]
    )
    for number in range(12):
        put(queue_store, "all", number, p=1.0, u=0.1)
    for _ in range(12):
        claim = queue_store.claim_next(project="default", queue="all", reviewer="ann", now=NOW)
        bad = int(claim.item.object_id, 16) < 6
        issue = "Refunds" if claim.item.object_id == trace(0) else None
        queue_store.complete(
            project="default", item_id=claim.item.id, token=claim.token, now=NOW,
            values=[AnnotationDraft(field="bad", value=bad, issue=issue)],
        )  # fmt: skip
    scores(command, tmp_path, range(12), lambda number: 2 <= number < 6)

    before = reported(command)["severe_false_accepts"]
    queue_store.change_issue(
        project="default", title="Refunds", state=IssueState.RESOLVED, now=NOW, actor="test"
    )
    after = reported(command)["severe_false_accepts"]

    assert (before["open"], before["resolved"]) == (2, 0)
    assert (after["open"], after["resolved"]) == (1, 1)
    assert [row["item"] for row in after["items"]] == [trace(1)]
