"""Ids in imported files: hex digits in either case name the same object."""

from __future__ import annotations

import json

TRACE, SPAN = "0AF7651916CD43DD8448EB211C80319C", "B7AD6B7169203331"


def listed(spandocket, *arguments):
    return [json.loads(line) for line in spandocket(*arguments).out.splitlines()]


def test_answers_and_scores_meet_whatever_the_case_of_their_ids(tmp_path, spandocket):
    objects = [("trace", TRACE), ("span", f" {TRACE}:{SPAN}"), ("session", "Talk A")]
    answers = [f"{kind},{name},ann,ok,true" for kind, name in objects]
    scores = [f"{kind},{name.lower()},judge,1" for kind, name in objects[:2]]
    again = [f"{kind},{name},judge,1" for kind, name in objects[:2]]
    head = "object_type,object_id"
    (tmp_path / "a.csv").write_text("\n".join([f"{head},reviewer,field,value", *answers]))
    for name, rows in (("s.csv", [*scores, "session,Talk A,judge,1"]), ("again.csv", again)):
        (tmp_path / name).write_text("\n".join([f"{head},evaluator,score", *rows]))
    spandocket("fields", "create", "ok", "--type", "boolean")

    imported = spandocket("annotations", "import", "a.csv")
    assert imported.code == 0, imported.err
    assert json.loads(spandocket("evaluations", "import", "s.csv").out)["added"] == 3
    assert json.loads(spandocket("evaluations", "import", "again.csv").out)["duplicates"] == 2

    trace, span = TRACE.lower(), f"{TRACE}:{SPAN}".lower()
    for noun in ("annotations", "evaluations"):
        ids = {row["object_id"] for row in listed(spandocket, noun, "list")}
        assert ids == {trace, span, "Talk A"}
        assert len(listed(spandocket, noun, "list", "--object-id", TRACE)) == 1
        assert len(listed(spandocket, noun, "list", "--object-id", "Talk A")) == 1
    report = json.loads(
        spandocket("alignment", "report", "--evaluator", "judge", "--field", "ok").out
    )
    assert report["scope"]["pairs"] == 3


def test_times_of_scores_keep_their_nanoseconds(tmp_path, spandocket):
    times = [
        "2026-01-31T12:00:00.123456789Z",
        "2026-01-31T13:00:00.1234567+01:00",
        "2026-01-31T12:00:00Z",
    ]
    rows = [f"trace,{number:032x},judge,1,{time}" for number, time in enumerate(times, start=1)]
    head = "object_type,object_id,evaluator,score,time"
    (tmp_path / "s.csv").write_text("\n".join([head, *rows]))
    spandocket("evaluations", "import", "s.csv")

    found = {row["object_id"][-1]: row["time"] for row in listed(spandocket, "evaluations", "list")}

    assert found == {
        "1": "2026-01-31T12:00:00.123456789Z",
        "2": "2026-01-31T12:00:00.123456700Z",
        "3": "2026-01-31T12:00:00.000000000Z",
    }
