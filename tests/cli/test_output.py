from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone

import pytest

from cli.output import rfc3339, write_object, write_rows

ROWS = [
    {
        "trace_id": "a" * 32,
        "start_time": "2026-01-31T12:00:00.123456789Z",
        "detectors": ["x", "y"],
        "cost_usd": None,
        "is_error": False,
        "extra": {"k": "é"},
    },
    {"trace_id": "b" * 32, "start_time": None, "detectors": [], "cost_usd": 0.0, "is_error": True},
]
COLUMNS = ["trace_id", "start_time", "detectors", "cost_usd", "is_error"]


def test_json_lines_hold_every_key_and_unknown_is_null(capsys):
    write_rows(ROWS, "jsonl", COLUMNS)

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_json_is_one_list(capsys):
    write_rows(ROWS, "json", COLUMNS)

    assert json.loads(capsys.readouterr().out) == ROWS


def test_json_of_no_rows_is_an_empty_list(capsys):
    write_rows([], "json", COLUMNS)

    assert json.loads(capsys.readouterr().out) == []


def test_csv_has_the_named_columns_and_unknown_is_empty(capsys):
    write_rows(ROWS, "csv", COLUMNS)

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == COLUMNS
    assert rows[1] == ["a" * 32, "2026-01-31T12:00:00.123456789Z", '["x","y"]', "", "false"]
    assert rows[2] == ["b" * 32, "", "[]", "0", "true"]


def test_csv_keeps_every_digit_of_a_number(capsys):
    numbers = [123456789.125, 0.1234567890123, 1e-07, -0.25, 5.0, 2**53 + 0.0]

    write_rows([{"n": number} for number in numbers], "csv", ["n"])

    lines = capsys.readouterr().out.splitlines()[1:]
    assert [float(line) for line in lines] == numbers
    assert lines[4] == "5"


def test_a_table_keeps_ids_whole_and_shows_times_to_the_second(capsys):
    write_rows(ROWS, "table", COLUMNS)

    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == COLUMNS
    assert first.split() == ["a" * 32, "2026-01-31", "12:00:00", "x,", "y", "-", "false"]
    assert second.split() == ["b" * 32, "-", "0", "true"]


def test_long_text_is_folded_and_the_columns_beside_it_are_not_squeezed(capsys):
    row = {"trace_id": "a" * 32, "evaluator": "a_long_name_of_one", "reason": "word " * 40}

    write_rows([row], "table", ["trace_id", "evaluator", "reason"])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert lines[1].startswith(f"{'a' * 32}  a_long_name_of_one  word word")
    assert max(map(len, lines)) <= 32 + 2 + 18 + 2 + 60


def test_a_table_of_nothing_says_so_on_stderr(capsys):
    write_rows([], "table", COLUMNS)

    assert capsys.readouterr() == ("", "Nothing to list.\n")


def test_markup_in_data_is_shown_as_it_is(capsys):
    write_rows([{"name": "[bold]x[/bold]"}], "table", ["name"])

    assert "[bold]x[/bold]" in capsys.readouterr().out


@pytest.mark.parametrize("output_format", ["json", "jsonl"])
def test_one_object_is_json(output_format, capsys):
    write_object({"n": 1, "label": "é"}, output_format)

    out = capsys.readouterr().out
    assert json.loads(out) == {"n": 1, "label": "é"}
    assert "é" in out


def test_one_object_as_a_table_has_a_line_a_field(capsys):
    write_object({"n": 1, "label": None}, "table")

    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["field", "value"],
        ["n", "1"],
        ["label", "-"],
    ]


def test_times_are_written_in_utc_with_nanoseconds(capsys):
    moment = datetime(2026, 1, 31, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))

    write_object({"time": moment}, "jsonl")

    assert json.loads(capsys.readouterr().out) == {"time": "2026-01-31T12:00:00.000005000Z"}
    assert rfc3339(1) == "1970-01-01T00:00:00.000000001Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"


def test_a_table_shows_no_control_characters_of_others(capsys):
    write_rows([{"name": "red\x1b[31m\x9b1m and \u202eback\r"}], "table", ["name"])

    shown = capsys.readouterr().out.splitlines()[-1]
    assert shown == "red\ufffd[31m\ufffd1m and \ufffdback\ufffd"
