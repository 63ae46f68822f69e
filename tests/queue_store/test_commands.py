"""The queue commands as a person types them; in this process, for speed, but for the last."""

from __future__ import annotations

import json
from typing import NamedTuple

import polars as pl
import pytest
from click.testing import CliRunner

from cli.exit_codes import exit_code_of
from cli.main import spandocket as command
from span_store.schema import SPANS
from span_store.store import SpanStore

TRACES = [f"{number:032x}" for number in range(1, 5)]
SYSTEM = {
    "jailbreaking",
    "refusal",
    "frustration",
    "forgetting",
    "laziness",
    "inappropriate_content",
    "trashing",
    "tool_call_errors",
    "resource_outliers",
    "output_schema_validation",
    "empty_response",
}


class Outcome(NamedTuple):
    """What a person sees of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The command in a data directory that knows four traces."""
    for name in ("SPANDOCKET_CONFIG", "SPANDOCKET_PROJECT", "SPANDOCKET_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments, data_dir=tmp_path / "data"):
        done = CliRunner().invoke(command, ["--data-dir", str(data_dir), *map(str, arguments)])
        code, err = done.exit_code, done.stderr
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            code = exit_code_of(done.exception)
            err += str(done.exception)
        return Outcome(code, done.stdout, err)

    said = [{"role": "assistant", "parts": [{"type": "text", "content": "Sorry, no refunds."}]}]
    rows = [
        {
            "project": "default",
            "trace_id": trace_id,
            "span_id": "a" * 16,
            "conversation_id": "chat-7",
            "start_time": 1,
            "end_time": 2,
            "received_at": 3,
            "output_messages": json.dumps(said),
        }
        for trace_id in TRACES
    ]
    given = pl.DataFrame(rows)
    frame = given.select(
        (pl.col(name) if name in given.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in SPANS.polars.items()
    )
    SpanStore(tmp_path / "data").append("spans", frame)
    return run


def one(outcome):
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def lines(outcome):
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_fresh_project_has_the_eleven_system_queues(here):
    found = lines(here("queues", "list"))

    assert {row["name"] for row in found} == SYSTEM
    assert all(row["kind"] == "system" and row["description"] for row in found)
    assert all(row["state"] == "not_started" and row["total"] == 0 for row in found)


def test_a_queue_is_worked_through_from_the_command_line(here):
    one(here("fields", "create", "correct", "--type", "boolean", "--required"))
    one(here("queues", "create", "checks", "--field", "correct", "--instructions", "look"))
    added = here("items", "add", "checks", *TRACES[:3], "f" * 32, "--priority", 2)
    assert (added.code, json.loads(added.out)["unknown"]) == (1, ["f" * 32])
    assert json.loads(added.out)["added"] == 3
    assert "f" * 32 in added.err

    page = one(here("items", "list", "checks", "--limit", 2, "--offset", 2, "--format", "json"))
    assert (page["total"], len(page["items"])) == (3, 1)

    first = one(here("items", "next", "checks", "--reviewer", "ana"))
    refused = here("items", "claim", first["id"], "--reviewer", "ben")
    assert refused.code == 1
    assert "held by ana until" in refused.err
    stale = here("items", "complete", first["id"], "--token", "stale")
    assert (stale.code, "held by ana until" in stale.err) == (1, True)
    bad = here("annotations", "add", first["id"], "--reviewer", "ana", "--field", "correct=maybe")
    assert (bad.code, bad.out) == (2, "")
    lines(here("annotations", "add", first["id"], "--reviewer", "ana", "--field", "correct=yes"))
    done = one(here("items", "complete", first["id"], "--token", first["token"]))
    assert done["status"] == "completed"

    second = one(here("items", "next", "checks", "--reviewer", "ana"))
    skipped = one(
        here("items", "skip", second["id"], "--token", second["token"], "--reason", "unclear")
    )
    assert (skipped["status"], skipped["skip_reason"]) == ("skipped", "unclear")

    progress = one(here("queues", "progress", "checks"))
    wanted = {"state": "in_progress", "total": 3, "completed": 1, "skipped": 1}
    assert wanted.items() <= progress.items()
    assert progress["completed_percent"] == pytest.approx(100 / 3)
    assert progress["with_responses_percent"] == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("queues", "show", "refusla"), "refusal"),
        (("queues", "create", "q", "--field", "corect"), "correct"),
        (("queues", "create", "q", "--live", "--filter", "duration > 1"), "duration_ms"),
        (("queues", "create", "q", "--filter", "is_error"), "--live"),
        (("items", "list", "refusla"), "refusal"),
        (("annotations", "list", "--field", "corect"), "correct"),
        (("items", "show", "999"), "item"),
        (("queues", "create", "q", "--show", "outptu"), "output"),
        (("items", "list", "refusal", "--since", "soon"), "2026-01-31"),
        (("items", "add", "refusal", TRACES[0], "--metadata", "{"), "JSON"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(here, arguments, hint):
    one(here("fields", "create", "correct", "--type", "boolean"))

    outcome = here(*arguments)

    assert (outcome.code, outcome.out) == (2, "")
    assert hint in outcome.err
    assert "Traceback" not in outcome.err


def test_a_live_queue_samples_a_tenth_unless_told(here):
    created = one(here("queues", "create", "slow", "--live", "--filter", "duration_ms > 1000"))

    assert (created["kind"], created["sample"]) == ("live", 0.1)
    assert created["filter"] == "duration_ms > 1000"


def test_ids_are_read_from_a_file_that_begins_with_a_mark(here, tmp_path):
    one(here("queues", "create", "checks"))
    ids = tmp_path / "ids.txt"
    ids.write_text("\r\n".join(TRACES[:2]) + "\r\n", encoding="utf-8-sig")

    added = one(here("items", "add", "checks", "--file", ids))

    assert (added["added"], added["unknown"]) == (2, [])


def test_answers_are_imported_once_and_bad_rows_are_named(here, tmp_path):
    one(here("fields", "create", "correct", "--type", "boolean"))
    table = tmp_path / "labels.csv"
    header = "object_type,object_id,reviewer,field,value,inclusion_probability,cluster\n"
    good = header + f"trace,{TRACES[0]},ana,correct,true,0.5,c1\n"
    table.write_text(good + f"trace,{TRACES[1]},ana,corect,true,,\n")
    refused = here("annotations", "import", table)
    assert (refused.code, json.loads(refused.out)["added"]) == (1, 0)
    assert "line 3" in refused.err
    assert "did you mean correct" in refused.err

    table.write_text(good)
    results = [one(here("annotations", "import", table)) for _ in range(2)]

    assert [(row["added"], row["duplicates"]) for row in results] == [(1, 0), (0, 1)]
    (stored,) = lines(here("annotations", "list", "--field", "correct"))
    assert (stored["value"], stored["inclusion_probability"], stored["cluster"]) == (
        True,
        0.5,
        "c1",
    )


def test_several_reviewers_a_decision_and_the_exports(here, tmp_path):
    one(here("fields", "create", "correct", "--type", "boolean"))
    one(
        here(
            "queues",
            "create",
            "checks",
            "--field",
            "correct",
            "--labels",
            2,
            "--adjudicate",
        )
    )
    here("items", "add", "checks", TRACES[0])
    for reviewer, value in (("ana", "true"), ("ben", "false")):
        claim = one(here("items", "next", "checks", "--reviewer", reviewer))
        one(
            here(
                "items",
                "complete",
                claim["id"],
                "--token",
                claim["token"],
                "--field",
                f"correct={value}",
            )
        )
    (waiting,) = lines(here("adjudications", "list"))
    assert waiting["answers"] == {"correct": {"ana": True, "ben": False}}
    one(here("adjudications", "decide", waiting["id"], "--pick", "ben", "--as", "mia"))

    (wide,) = lines(here("annotations", "export", "--queue", "checks"))
    assert (wide["ana_correct"], wide["ben_correct"], wide["adjudicated_correct"]) == (
        True,
        False,
        False,
    )
    for ending in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"answers.{ending}"
        assert here("annotations", "export", "--out", out).code == 0
        again = one(here("annotations", "import", out))
        assert again["rejected"] == 0
    progress = one(here("queues", "progress", "checks"))
    assert [row["reviewer"] for row in progress["reviewers"]] == ["ana", "ben"]
    (agreed,) = progress["agreement"]
    assert (agreed["field"], agreed["percent"], agreed["items"]) == ("correct", 0.0, 1)
    every = {row["queue"]: row["agreement"] for row in lines(here("queues", "progress"))}
    assert (every["checks"], every["refusal"]) == ([agreed], [])
    assert "correct 0 % (kappa" in here("queues", "progress", "--format", "table").out

    one(here("datasets", "create", "golden"))
    dataset = one(here("datasets", "add", "golden", "--queue", "checks"))
    (entry,) = lines(here("datasets", "export", "golden"))
    assert dataset["version"] == 1
    assert entry["output"][0]["parts"][0]["content"] == "Sorry, no refunds."
    more = one(here("datasets", "add", "golden", "--object", TRACES[3]))
    assert (more["version"], more["entries"]) == (2, 2)
    assert here("datasets", "add", "golden", "--object", "f" * 32).code == 2

    moved = tmp_path / "checks.jsonl"
    assert here("queues", "export", "checks", "--out", moved).code == 0
    copy = one(here("queues", "import", moved, data_dir=tmp_path / "elsewhere"))
    assert (copy["name"], copy["completed"]) == ("checks", 1)
    assert one(here("store", "check"))["ok"] is True


def test_a_guarded_project_is_read_by_its_people_alone(here, monkeypatch):
    one(here("fields", "create", "correct", "--type", "boolean"))
    here("items", "add", "refusal", TRACES[0])
    lines(here("reviewers", "grant", "mia", "--role", "manager"))
    lines(here("reviewers", "grant", "ana", "--role", "annotator", "--as", "mia"))
    reads = (
        ("queues", "list"),
        ("items", "list", "refusal"),
        ("items", "show", "1"),
        ("annotations", "list"),
        ("annotations", "export"),
        ("datasets", "list"),
        ("audit", "list"),
    )

    monkeypatch.setenv("SPANDOCKET_ACTOR", "eve")
    for words in reads:
        refused = here(*words)
        assert (refused.code, refused.out) == (1, "")
        assert "eve may not read" in refused.err
    claim = one(here("items", "next", "refusal", "--reviewer", "ana"))
    answer = ("--reviewer", "ana", "--field", "correct=no")
    (row,) = lines(here("annotations", "add", claim["id"], *answer))
    anchor = ("annotations", "anchor", row["id"], "--reviewer", "ana", "--quote", "no refunds")
    assert one(here(*anchor))["anchor"]["quote"] == "no refunds"
    monkeypatch.setenv("SPANDOCKET_ACTOR", "ana")
    assert all(here(*words).code == 0 for words in reads)


def test_items_are_found_by_the_day_they_were_added(here):
    here("items", "add", "refusal", *TRACES[:2])

    def counted(*options):
        return one(here("items", "count", "refusal", *options))["count"]

    assert (counted("--since", "1h ago"), counted("--until", "1h ago")) == (2, 0)
    one(here("views", "save", "fresh", "refusal", "--since", "2026-01-01", "--status", "pending"))
    assert len(lines(here("views", "show", "fresh"))) == 2
    one(here("views", "save", "fresh", "refusal", "--until", "2026-01-01"))
    assert lines(here("views", "show", "fresh")) == []


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_wide_export_brings_back_everything_that_was_said(here, tmp_path, ending):
    one(here("fields", "create", "correct", "--type", "boolean"))
    here("items", "add", "refusal", *TRACES[:2])
    said = ("--field", "correct=no", "--comment", "too curt", "--corrected-output", "Yes.")
    lines(here("annotations", "add", 1, "--reviewer", "ana_b", *said, "--also", "correct=yes"))
    (row,) = lines(here("annotations", "add", 2, "--reviewer", "ben", "--field", "correct=yes"))
    one(here("annotations", "anchor", row["id"], "--reviewer", "ben", "--quote", "no refunds"))
    out = tmp_path / f"answers.{ending}"
    assert here("annotations", "export", "--out", out).code == 0
    other = tmp_path / "other"
    one(here("fields", "create", "correct", "--type", "boolean", data_dir=other))
    one(here("items", "count", "refusal", data_dir=other))

    result = one(here("annotations", "import", out, data_dir=other))

    def told(data_dir):
        numbers = {"id", "item_id", "item_revision", "source"}
        rows = lines(here("annotations", "list", data_dir=data_dir))
        return [{key: row[key] for key in row.keys() - numbers} for row in rows]

    assert result["added"] == 2
    assert told(other) == told(tmp_path / "data")


def test_an_answer_points_at_a_passage(here):
    one(here("fields", "create", "correct", "--type", "boolean"))
    here("items", "add", "refusal", TRACES[0])
    (row,) = lines(here("annotations", "add", 1, "--reviewer", "ana", "--field", "correct=no"))

    placed = one(
        here("annotations", "anchor", row["id"], "--reviewer", "ana", "--quote", "no refunds")
    )
    again = one(here("annotations", "anchor", placed["id"], "--reviewer", "ana"))

    assert placed["anchor"]["quote"] == "no refunds"
    assert (placed["anchor"]["start"], placed["anchor"]["prefix"]) == (7, "Sorry, ")
    assert again["id"] == placed["id"]


@pytest.mark.acceptance
def test_an_unusable_store_is_a_clear_message(spandocket, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "queue.sqlite3").write_text("no database at all" * 100)

    outcome = spandocket("queues", "list")

    assert (outcome.code, outcome.out) == (1, "")
    assert "queue.sqlite3" in outcome.err
    assert "Traceback" not in outcome.err
