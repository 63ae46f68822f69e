"""The main path as a person walks it: ``spandocket demo``, in real processes, on real data."""

from __future__ import annotations

import fcntl
import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


def environment():
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPANDOCKET_", "OTEL_"))}
    return clean | {"PYTHONPATH": str(REPOSITORY)}


def run(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _demo(folder):
    return run("demo", folder=folder)


@pytest.fixture(scope="module")
def played_twice(tmp_path_factory, worker_id):
    """Two whole demonstrations at the same time: their folders and what they said.

    They are played once, whichever of the test processes comes first.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "demonstrations"
    shared.mkdir(exist_ok=True)
    folders = [shared / name for name in ("first", "second")]
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "outcomes").exists():
            for folder in folders:
                folder.mkdir()
            with ThreadPoolExecutor(2) as pool:
                outcomes = list(pool.map(_demo, folders))
            (shared / "outcomes").write_bytes(pickle.dumps(outcomes))
        return list(zip(folders, pickle.loads((shared / "outcomes").read_bytes()), strict=True))


@pytest.fixture(scope="module")
def played(played_twice):
    """One of them."""
    return played_twice[0]


def test_it_ends_well_and_gives_the_same_numbers_every_time(played_twice):
    (_, first), (_, second) = played_twice

    assert first.returncode == 0, first.stderr
    assert "tool_call_errors" in first.stdout
    assert without_clock(second.stdout) == without_clock(first.stdout)


def without_clock(text):
    return re.sub(r'"created_at":"[^"]*"', "", text)


def test_it_stands_by_the_published_figures(played):
    _, outcome = played

    rows = re.findall(
        r"^(\w+) +450 +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", outcome.stdout, re.MULTILINE
    )
    assert len(rows) == 5
    for _, raw, published_raw, kappa, published_kappa in rows:
        assert (raw, kappa) == (published_raw, published_kappa)
    assert re.search(
        r"accuracy +0.8030 +published 0.803 +kappa 0.6345 +published 0.635", outcome.stdout
    )


def test_the_architecture_names_everything_in_the_folder(played):
    folder, _ = played
    block = (REPOSITORY / "docs/architecture.md").read_text().partition("DATA_DIR/\n")[2]
    block, _, tables = block.partition("```")
    own = {"DEMONSTRATION.txt", "human_answers.csv", "serve.log"}
    found = [
        path
        for path in (folder / "demo-output").iterdir()
        if path.suffix != ".html" and path.name not in own
    ]

    assert {"spool", "spans", "queue.sqlite3"} <= {path.name for path in found}
    for path in found:
        if (path / "_delta_log").is_dir():
            assert f"`{path.name}/`" in tables
        else:
            assert path.name in re.findall(r"[\w.-]+", block), path.name


def test_it_stops_its_server(played):
    folder, outcome = played

    assert "The server stopped cleanly." in outcome.stderr
    assert "everything acknowledged is in the tables" in (
        folder / "demo-output" / "serve.log"
    ).read_text(encoding="utf-8")
    left = [
        p.info["pid"]
        for p in psutil.process_iter(["pid", "cmdline"])
        if str(folder) in " ".join(p.info["cmdline"] or [])
    ]
    assert left == []


def test_the_reports_are_pages_with_plots(played):
    folder, _ = played

    for evaluator in ("gpt4_judge", "string_match"):
        page = (folder / "demo-output" / f"alignment_{evaluator}.html").read_text(encoding="utf-8")
        assert "<svg" in page
        assert "full_refusal" in page


def test_the_session_in_the_readme_is_what_the_commands_print(played):
    folder, _ = played
    text = README.read_text(encoding="utf-8")
    session = re.search(r"<!-- session -->\n```console\n(.*?)```", text, re.DOTALL)[1]
    commands = re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]
    assert len(commands) >= 3

    for entry in commands:
        command, _, expected = entry.partition("\n")
        words = shlex.split(command)
        assert words[0] == "spandocket"
        done = run("--data-dir", "demo-output", *words[1:], folder=folder)
        shown = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        pattern = re.escape(expected.strip()).replace("…", ".*")
        assert re.fullmatch(pattern, shown.strip(), re.DOTALL), f"{command}\n{shown}\n{done.stderr}"


def test_the_three_commands_it_ends_with_work_as_printed(played):
    folder, outcome = played
    printed = outcome.stdout.splitlines()[-3:]

    for line in printed:
        words = shlex.split(line)
        if "review" in words:
            _serves_a_page(words, folder)
            continue
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout


def _serves_a_page(words, folder):
    words[words.index("--port") + 1] = "0"
    with subprocess.Popen(
        words, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    ) as page:
        assert "http://127.0.0.1:" in page.stderr.readline()
        page.send_signal(signal.SIGTERM)
        assert page.wait(60) == 0


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "demo-output").mkdir()
    (tmp_path / "demo-output" / "thesis.txt").write_text("ten years of work")

    outcome = run("demo", folder=tmp_path)

    assert outcome.returncode == 1
    assert "nothing was touched" in outcome.stderr
    assert [path.name for path in (tmp_path / "demo-output").iterdir()] == ["thesis.txt"]
