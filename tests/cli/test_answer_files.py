"""Files of human answers as people and programs write them."""

from __future__ import annotations

import json

import pytest

HEAD = "object_type,object_id,reviewer,field,value"


def answer(number, reviewer="ana", value="true"):
    return f"trace,{number:032x},{reviewer},ok,{value}"


@pytest.fixture
def bring(tmp_path, spandocket):
    """Import a file of this text; gives the outcome and what it says."""
    spandocket("fields", "create", "ok", "--type", "boolean")

    def imported(text, *options, name="a.csv"):
        (tmp_path / name).write_bytes(text.encode())
        return spandocket("annotations", "import", name, *options)

    return imported


def told(outcome):
    return json.loads(outcome.out)


def test_what_follows_a_line_that_is_no_csv_is_read_and_checked(bring):
    lines = [HEAD, answer(1), f'trace,{2:032x},"ben"x,ok,true', answer(3), answer(4, value="maybe")]

    refused, kept = (bring("\n".join(lines), *more) for more in ((), ("--skip-bad",)))

    assert [problem["line"] for problem in told(refused)["problems"]] == [3, 5]
    assert (refused.code, told(refused)["added"], told(kept)["added"]) == (1, 0, 2)


def test_every_bad_row_is_named_beside_lines_that_are_no_json(bring):
    row = {"object_type": "trace", "object_id": "a" * 32, "reviewer": "a", "field": "ok"}
    lines = [json.dumps(row | {"value": value}) for value in (True, "maybe")]

    refused = bring("\n".join([lines[0], "{broken", "[1]", lines[1]]), name="a.jsonl")

    assert [problem["line"] for problem in told(refused)["problems"]] == [2, 3, 4]
    assert told(refused)["added"] == 0


def test_a_comment_may_hold_any_kind_of_line_break(bring, spandocket):
    comment = "one\u2028two\x85three\x0cfour"
    row = {"object_type": "trace", "object_id": "a" * 32, "reviewer": "a", "field": "ok",
           "value": True, "comment": comment}  # fmt: skip

    outcome = bring(json.dumps(row, ensure_ascii=False) + "\r\n", name="a.jsonl")

    assert told(outcome)["added"] == 1
    (stored,) = json.loads(spandocket("annotations", "list", "--format", "json").out)
    assert stored["comment"] == comment


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"{HEAD},value\n{answer(1)},false\n", "several columns are called value"),
        (f"{HEAD}\n{answer(1)}\n".replace(",", ";"), "separated by commas, and here by semicolons"),
        (f"{HEAD}\n{answer(1)}\n".replace(",", "\t"), "separated by commas, and here by tabs"),
    ],
    ids=["twins", "semicolons", "tabs"],
)
def test_a_header_that_could_be_misread_is_refused_saying_what_to_do(bring, text, hint):
    outcome = bring(text)

    assert outcome.code == 2
    assert hint in outcome.err


def test_answers_with_long_remarks_come_back_from_an_export(bring, tmp_path, spandocket):
    row = {"object_type": "trace", "object_id": "a" * 32, "field": "ok", "value": True}
    rows = [row | {"reviewer": name, "comment": name * 90_000} for name in "ab"]
    bring("\n".join(map(json.dumps, rows)), name="a.jsonl")

    spandocket("annotations", "export", "--out", "wide.csv")
    outcome = spandocket("annotations", "import", "wide.csv")

    assert (told(outcome)["duplicates"], told(outcome)["rejected"]) == (2, 0), outcome.err


def test_a_listing_of_several_options_is_imported_again(bring, spandocket, tmp_path):
    options = ("--option", "a", "--option", "b", "--option", "d")
    spandocket("fields", "create", "kinds", "--type", "categorical", "--multiple", *options)
    value = json.dumps(["a", "b"]).replace('"', '""')
    bring(f'{HEAD}\ntrace,{1:032x},ana,kinds,"{value}"\n')

    (tmp_path / "listed.csv").write_text(spandocket("annotations", "list", "--format", "csv").out)
    outcome = spandocket("annotations", "import", "listed.csv")

    assert told(outcome)["duplicates"] == 1, outcome.err
