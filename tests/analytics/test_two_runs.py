"""Two runs at once: one waits for the other, or says who is at work."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from analytics.job.lock import run_lock
from cli.main import spandocket as spandocket_command
from span_store.store import SpanStore
from tests.analytics.spans import chat, frame
from tests.conftest import REPOSITORY


@pytest.fixture
def lock(tmp_path):
    with ExitStack() as stack:
        stack.enter_context(run_lock(tmp_path / "data" / "analysis.lock"))
        yield stack


def test_a_run_may_wait_for_another_one(lock, command, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: lock.close())

    done = command("analyze", "--wait", "60", "--format", "json")

    assert (done.code, json.loads(done.out)["traces_seen"]) == (0, 0)
    assert "waiting for it" in done.err


def test_a_run_that_waited_long_enough_says_who_is_at_work(lock, command):
    done = command("analyze", "--wait", "0.01")

    assert done.code == 1
    assert f"process {os.getpid()}" in done.err


@pytest.mark.acceptance
def test_following_goes_on_when_another_run_has_ended(lock, tmp_path):
    SpanStore(tmp_path / "data").append("spans", frame([chat("blank", answer="")]))
    following = subprocess.Popen(
        [
            *(sys.executable, "-m", "cli", "--data-dir", str(tmp_path / "data"), "analyze"),
            *("--follow", "--interval", "0.2", "--format", "jsonl"),
        ],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = [following.stderr.readline() for _ in range(2)]
        lock.close()
        report = json.loads(following.stdout.readline())
        following.send_signal(signal.SIGTERM)
        following.communicate(timeout=60)
    finally:
        following.kill()
        following.wait()
        following.stdout.close()
        following.stderr.close()

    assert "looking again" in said[1]
    assert report["traces_evaluated"] == 1
    assert following.returncode == 0


def test_an_interval_without_following_is_wrong_usage(command):
    done = command("analyze", "--interval", "60")

    assert (done.code, "--interval goes with --follow" in done.err) == (2, True)


def test_following_ends_in_order_where_polars_answers_the_interruption(command, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("analytics.job.run", interrupted)

    assert command("analyze", "--follow").code == 0


def test_a_dry_run_on_new_data_leaves_every_file_as_it_was(command, tmp_path):
    SpanStore(tmp_path / "tables").append("spans", frame([chat("blank", answer="")]))
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}

    done = command("analyze", "--dry-run", "--format", "json")

    assert json.loads(done.out)["traces_evaluated"] == 1
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))} == before


def test_a_range_that_ends_before_it_begins_is_wrong_usage(command):
    done = command("analyze", "--since", "2026-03-02", "--until", "2026-03-01")

    assert (done.code, "is not before --until" in done.err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as-of", "9999-12-31"),
        ("--as-of", "0001-01-01"),
        ("--since", "99999999999999d ago"),
        ("--since", "0001-01-01T00:00:00+02:00"),
        ("--wait", "nan"),
        ("--interval", "nan"),
    ],
)
def test_moments_and_waits_that_no_clock_reaches_are_wrong_usage(command, arguments):
    done = command("analyze", *arguments)

    assert (done.code, arguments[1] in done.err) == (2, True)


def test_a_range_may_be_as_wide_as_years_are_written(command):
    done = command("analyze", "--since", "0001-01-01", "--until", "9999-12-31", "--wait", "inf")
    (row,) = map(json.loads, command("runs", "list", "--format", "jsonl").out.splitlines())

    assert done.code == 0, done.err
    assert row["since"] == "0001-01-01T00:00:00.000000000Z"
    assert row["until"] == "9999-12-31T00:00:00.000000000Z"


def test_the_line_for_cron_writes_where_its_user_may():
    text = (REPOSITORY / "configs" / "spandocket.cron").read_text()
    data_dir = re.search("^SPANDOCKET_DATA_DIR=(.*)$", text, flags=re.MULTILINE).group(1)
    (written,) = re.findall(r">>? *(\S+)$", text, flags=re.MULTILINE)

    assert Path(data_dir) in Path(written).parents


@pytest.mark.parametrize(
    "name", ["spandocket-analyze.service", "spandocket-follow.service", "spandocket.cron"]
)
def test_the_samples_for_schedulers_call_a_command_that_there_is(name):
    text = (REPOSITORY / "configs" / name).read_text()
    (called,) = re.findall(r"^(?!#).*?spandocket (analyze [^>\n]*)", text, flags=re.MULTILINE)

    done = CliRunner().invoke(spandocket_command, [*shlex.split(called), "--help"])

    assert done.exit_code == 0, done.stderr
    options = set(re.findall(r"--[a-z-]+", called))
    assert options <= set(re.findall(r"--[a-z-]+", done.stdout))


def test_the_log_says_which_runs_were_backfills_and_over_which_range(command):
    command("analyze", "--as-of", "2026-03-02")
    command("analyze", "--as-of", "2026-03-03", "--since", "2026-03-01T01:00:00+01:00")

    rows = [json.loads(line) for line in command("runs", "list").out.splitlines()]

    shown = [(row["kind"], row["since"], row["until"]) for row in rows]
    assert shown == [("backfill", "2026-03-01T00:00:00.000000000Z", None), ("full", None, None)]
    table = command("runs", "list", "--format", "table").out
    assert "backfill" in table
