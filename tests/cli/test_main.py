from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_package_that_shadows_ours_is_refused_at_start(tmp_path, spandocket):
    (tmp_path / "analytics").mkdir()
    (tmp_path / "analytics" / "__init__.py").write_text("")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])

    code, out, err = spandocket("config", "show", environment={"PYTHONPATH": path}, cwd="/")

    assert (code, out) == (1, "")
    assert f"analytics would come from {tmp_path / 'analytics'}" in err
    assert "environment of its own" in err
