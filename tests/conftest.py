"""What every test may use: the command as a person runs it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however slow the machine is.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

REPOSITORY = Path(__file__).resolve().parent.parent


class Outcome(NamedTuple):
    """What a person sees of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def spandocket(tmp_path):
    """Runs ``spandocket ARGUMENTS`` with a data directory of the test's own."""

    def run(*arguments, environment=None, stdin=None, data_dir=tmp_path / "data", cwd=tmp_path):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPANDOCKET_", "OTEL_"))}
        clean |= {"SPANDOCKET_DATA_DIR": str(data_dir), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, "-m", "cli", *map(str, arguments)],
            env=clean | (environment or {}),
            input=stdin,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run
