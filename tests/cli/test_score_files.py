"""Files of evaluator scores as people and programs write them."""

from __future__ import annotations

import json

import pytest

HEAD = "object_type,object_id,evaluator,score"


SAID = (
    '"evaluator":"a","score":1',
    '"evaluator":"half an emoji \\ud83d","score":1',
    '"evaluator":"a","score":0',
    '"evaluator":"a","score":1e999',
)


def score(number, value="1", more=""):
    return f"trace,{number:032x},judge,{value}{more}"


@pytest.fixture
def bring(tmp_path, spandocket):
    """Import a file of this text; gives the outcome and what it says."""

    def imported(text, *options, name="s.csv"):
        (tmp_path / name).write_bytes(text.encode())
        return spandocket("evaluations", "import", name, *options)

    return imported


def told(outcome):
    return json.loads(outcome.out)


def test_lines_are_those_of_the_file_whatever_stands_in_it(bring):
    table = "\n".join(
        [f"{HEAD},explanation", "", score(1, more=',"one\ntwo"'), score(2, "often", ","), ""]
    )
    rows = [{"object_type": "trace", "object_id": "a" * 32, "evaluator": "judge", "score": 1}]
    rows.append(rows[0] | {"score": "often"})
    lines = "\n".join(["\ufeff" + json.dumps(rows[0]), "", json.dumps(rows[1]), "{broken"])

    assert "line 5: score is 'often'" in bring(table).err
    said = bring(lines, name="s.jsonl").err
    assert "line 3: score is 'often'" in said
    assert "line 4: is not JSON" in said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", f'{HEAD}\n{score(1)}\ntrace,{2:032x},"a"b,1\n{score(3)}\n{score(4)},5\n'),
        (
            "s.jsonl",
            "\n".join(
                f'{{"object_type":"trace","object_id":"{number:032x}",{said}}}'
                for number, said in enumerate(SAID)
            ),
        ),
    ],
)
def test_rows_that_cannot_be_read_keep_the_others_out_unless_they_are_wanted(bring, name, text):
    refused, kept = (bring(text, *more, name=name) for more in ((), ("--skip-bad",)))

    assert (refused.code, told(refused)["added"], told(refused)["bad"]) == (1, 0, 2)
    assert (kept.code, told(kept)["added"], told(kept)["bad"]) == (1, 2, 2)


def test_a_misspelt_column_is_refused_with_the_nearest(bring):
    outcome = bring(f"{HEAD},evaluater_version\n{score(1, more=',v2')}\n")

    assert outcome.code == 2
    assert "did you mean evaluator_version" in outcome.err


def test_a_listing_is_imported_again_and_what_is_not_stored_is_named(bring, spandocket, tmp_path):
    bring(f"{HEAD}\n{score(1)}\n")
    (tmp_path / "listed.csv").write_text(spandocket("evaluations", "list", "--format", "csv").out)

    outcome = spandocket("evaluations", "import", "listed.csv")

    assert (outcome.code, told(outcome)["bad"]) == (0, 0)
    assert "not stored: error_type, source" in outcome.err


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-10:00", "0001-01-02T00:00:00Z"])
def test_a_time_that_nanoseconds_cannot_tell_is_named(bring, time):
    outcome = bring(f"{HEAD},time\n{score(1, more=',' + time)}\n")

    assert outcome.code == 1
    assert "line 2: time is" in outcome.err


def test_ids_have_the_form_of_their_type_in_both_kinds_of_files(bring, spandocket, tmp_path):
    ids = [("span", "a" * 32), ("trace", f"{'a' * 32}:{'b' * 16}"), ("trace", "a" * 32)]
    spandocket("fields", "create", "ok", "--type", "boolean")
    answers = [f"{kind},{name},ana,ok,true" for kind, name in ids]
    (tmp_path / "a.csv").write_text(
        "\n".join(["object_type,object_id,reviewer,field,value", *answers])
    )

    given = spandocket("annotations", "import", "a.csv")
    scored = bring("\n".join([HEAD, *(f"{kind},{name},judge,1" for kind, name in ids)]))

    for outcome in (given, scored):
        assert "line 2: object_id: " in outcome.err
        assert "write TRACE_ID:SPAN_ID" in outcome.err
        assert "line 3: object_id: " in outcome.err
        assert "line 4" not in outcome.err
