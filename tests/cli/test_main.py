from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from cli.main import spandocket as spandocket_command

REPOSITORY = Path(__file__).parents[2]


def test_version_names_the_product(spandocket):
    code, out, _ = spandocket("--version")

    assert code == 0
    assert out.startswith("spandocket, version ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "Did you mean config?"),
        (["config", "shw"], "Did you mean 'show'?"),
        (["config", "show", "--fromat", "csv"], "Did you mean '--format'?"),
        (["config", "show", "--format", "xml"], "is not one of 'table', 'json', 'jsonl', 'csv'"),
        (["config", "show", "--project", "x"], "--project stands before the noun"),
        (["--config"], "requires an argument"),
        (["--config", "missing.toml", "config", "show"], "cannot read missing.toml"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_right(spandocket, arguments, said):
    code, out, err = spandocket(*arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_reader_that_stops_reading_ends_the_command_quietly():
    command = [sys.executable, "-m", "cli", "config", "show"]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()

    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.parametrize("closed", ["0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"])
def test_a_command_whose_streams_are_closed_does_its_work(tmp_path, spandocket, closed):
    script = f'exec "{sys.executable}" -m cli queues create checks --as mia {closed}'
    environment = os.environ | {"SPANDOCKET_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert '"name":"checks"' in spandocket("queues", "show", "checks").out


def test_an_error_that_came_of_an_interruption_is_told_as_one(monkeypatch, capsys):
    def broken_off(**_):
        try:
            raise KeyboardInterrupt
        finally:
            raise AssertionError("the transaction is half done")

    monkeypatch.setattr(spandocket_command, "main", broken_off)

    with pytest.raises(SystemExit) as ended:
        main()

    assert (ended.value.code, capsys.readouterr()) == (130, ("", ""))


def test_a_package_that_shadows_ours_is_refused_at_start(tmp_path, spandocket):
    (tmp_path / "analytics").mkdir()
    (tmp_path / "analytics" / "__init__.py").write_text("")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])

    code, out, err = spandocket("config", "show", environment={"PYTHONPATH": path}, cwd="/")

    assert (code, out) == (1, "")
    assert f"analytics would come from {tmp_path / 'analytics'}" in err
    assert "environment of its own" in err


def test_an_empty_listing_names_the_projects_that_have_data(tmp_path, spandocket):
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "x"}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (tmp_path / "spans.json").write_text(json.dumps(document))
    assert spandocket("--project", "shop", "import", "spans.json").code == 0

    code, out, err = spandocket("--project", "shpo", "spans", "list")

    assert (code, out) == (0, "")
    assert "Nothing to list." in err
    assert "Project 'shpo' has no spans here; there are spans of shop: use --project." in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spans", "list", "--trace-id", "xyz"], "'x' is no hex digit"),
        (["spans", "show", "a" * 32, "b" * 15], "has 15 digits; a span id has 16"),
        (["traces", "show", "a" * 31], "has 31 digits; a trace id has 32"),
        (["traces", "list", "--where", "span_cout > 1"], "did you mean span_count"),
        (["spans", "list", "--where", "name ="], "cannot read the filter"),
        (["spans", "count", "--where", "1 + 1"], "not true or false"),
        (["findings", "list", "--detector", "refusl"], "refusal"),
        (["queues", "show", "refusl"], "did you mean refusal?"),
        (["items", "list", "refusl"], "did you mean refusal?"),
        (["items", "next", "refusl", "--reviewer", "ann"], "did you mean refusal?"),
        (["items", "show", "99"], "no item '99'"),
        (["annotations", "add", "99", "--reviewer", "ann", "--field", "x=1"], "99"),
        (["alignment", "report", "--evaluator", "judge", "--field", "verdict"], "verdict"),
        (["analyze", "--as-of", "someday"], "'someday' is not a time"),
        (["queues", "create", "q", "--live", "--filter", "costusd > 1"], "did you mean cost_usd"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_unknown_names_end_with_2_and_name_the_nearest(spandocket, arguments, said):
    code, out, err = spandocket(*arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [("queues", "list"), ("fields", "list"), ("analyze",)])
def test_a_place_that_cannot_be_used_is_named_with_the_reason(spandocket, tmp_path, arguments):
    (tmp_path / "file").write_text("in the way")

    code, out, err = spandocket(*arguments, data_dir=tmp_path / "file" / "data")

    assert (code, out) == (1, "")
    assert err.startswith(f"Error: cannot use {tmp_path / 'file'}")
    assert "Not a directory" in err
    assert "Errno" not in err


@pytest.mark.parametrize("option", ["--data-dir", "--config", "--project"])
def test_an_option_that_a_shell_left_empty_is_wrong_usage(spandocket, option):
    code, out, err = spandocket(option, "", "spans", "count")

    assert (code, out) == (2, "")
    assert option in err
    assert "it is empty" in err


def test_an_empty_path_is_not_this_folder(spandocket, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "note.json").write_text("{}")

    code, out, err = spandocket("import", "", cwd=tmp_path / "here")

    assert (code, out) == (2, "")
    assert "a path is empty" in err
    assert spandocket("import", ".", cwd=tmp_path / "here").code == 0
