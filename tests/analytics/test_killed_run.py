"""A run that is killed at any point leaves nothing that the next run does not put right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from analytics.job import run
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.spans import AS_OF, chat, frame
from tests.conftest import REPOSITORY

KILLED_RUN = """
import faulthandler, os, signal, sys
faulthandler.dump_traceback_later(240)
from analytics.job import run, queue_filling, writing
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store import tablelog
from span_store.store import SpanStore
from tests.analytics.spans import AS_OF

place, point = sys.argv[1:]
owner, name = {
    "before findings": (writing.Writer, "findings"),
    "before items": (queue_filling, "fill"),
    "beside items": (writing.Writer, "traces"),
    "before traces": (tablelog.TableLog, "commit"),
    "before baselines": (writing.Writer, "baselines"),
    "before the run": (writing.Writer, "run"),
}[point]
whole = getattr(owner, name)


def killed(*given, **options):
    if point != "before traces" or given[0].uri.endswith("/traces"):
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*given, **options)


setattr(owner, name, killed)
queues = QueueStore.open(f"sqlite:///{place}/queue.sqlite3", QueueConfig())
run(SpanStore(place), queues, project="default", as_of=AS_OF)
"""

POINTS = (
    "before findings",
    "before items",
    "beside items",
    "before traces",
    "before baselines",
    "before the run",
)


def traffic():
    rows = [chat(f"t{n}", at=n * 60, seconds=9 if n % 50 == 49 else 1) for n in range(120)]
    return frame([*rows, *(chat(f"blank-{n}", at=n, answer="") for n in range(5))])


def outcome(place):
    """Everything that counts: facts, findings, items with their priorities."""
    store = SpanStore(place)
    queues = QueueStore.open(f"sqlite:///{place}/queue.sqlite3", QueueConfig())
    items = [
        (item.queue, item.object_id, item.priority, item.reason, item.revision)
        for queue in queues.queues(project="default")
        for item in queues.items(project="default", queue=queue.name, limit=500).items
    ]
    queues.close()
    counts = json.loads(store.scan("runs").collect()["counts"].item())
    return (
        store.scan("traces").collect().sort("trace_id", "revision").rows(),
        store.scan("findings").collect().sort("finding_id").rows(),
        sorted(items),
        # What it did, whichever attempt did it.
        {name: counts[name] for name in ("traces_evaluated", "detectors", "queues")},
    )


def finish(place):
    queues = QueueStore.open(f"sqlite:///{place}/queue.sqlite3", QueueConfig())
    run(SpanStore(place), queues, project="default", as_of=AS_OF)
    queues.close()


@pytest.mark.acceptance
@pytest.mark.slow
def test_a_run_killed_at_each_point_ends_like_one_that_was_not(tmp_path):
    whole = tmp_path / "whole"
    SpanStore(whole).append("spans", traffic())
    finish(whole)
    expected = outcome(whole)
    places = {point: tmp_path / point.replace(" ", "-") for point in POINTS}
    for place in places.values():
        SpanStore(place).append("spans", traffic())
    killed = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED_RUN, str(place), point],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        for point, place in places.items()
    ]

    assert [process.wait(timeout=300) for process in killed] == [-signal.SIGKILL] * len(POINTS)

    for point, place in places.items():
        finish(place)
        assert outcome(place) == expected, point


@pytest.mark.acceptance
def test_the_lock_of_a_killed_run_is_free(tmp_path, spandocket):
    data = tmp_path / "data"
    data.mkdir()
    script = "import sys, time; from pathlib import Path; from analytics.job.lock import run_lock\n"
    script += "with run_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(data / "analysis.lock")],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"

    refused = spandocket("analyze", data_dir=data)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    time.sleep(0.05)
    allowed = spandocket("analyze", data_dir=data)

    assert (refused.code, "another analysis is running" in refused.err) == (1, True)
    assert allowed.code == 0, allowed.err
