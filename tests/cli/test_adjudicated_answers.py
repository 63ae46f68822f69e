"""Imported answers that settle a disagreement."""

from __future__ import annotations

import json

import pytest

HEADER = "object_type,object_id,reviewer,field,value,adjudicated\n"
TRACE = "a" * 32


@pytest.fixture
def imported(spandocket, tmp_path):
    def run(*rows):
        spandocket("fields", "create", "ok", "--type", "boolean")
        path = tmp_path / "answers.csv"
        path.write_text(HEADER + "".join(f"trace,{TRACE},{row}\n" for row in rows))
        return spandocket("annotations", "import", path)

    return run


def test_an_adjudicated_answer_stands_beside_the_reviewers_own(imported, spandocket):
    outcome = imported("ann,ok,true,", "ben,ok,false,no", "ann,ok,false,yes")

    assert outcome.code == 0, outcome.err
    rows = [json.loads(line) for line in spandocket("annotations", "list").out.splitlines()]
    assert {(row["reviewer"], row["value"], row["adjudicated"]) for row in rows} == {
        ("ann", True, False),
        ("ben", False, False),
        ("ann", False, True),
    }


def test_an_answer_that_is_neither_adjudicated_nor_not_is_named_with_its_line(imported):
    outcome = imported("ann,ok,true,perhaps")

    assert outcome.code != 0
    assert "line 2: adjudicated: 'perhaps' is not true or false" in outcome.err
