"""Care of the tables takes only what nobody else needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cli.background import step_back


def test_a_process_that_steps_back_lets_others_come_first() -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        step_back(waiting.pid)
        session = Path(f"/proc/{waiting.pid}/autogroup")

        assert os.getpriority(os.PRIO_PROCESS, waiting.pid) == 15
        if session.exists() and session.read_text():
            assert session.read_text().split()[-1] == "15"
    finally:
        waiting.communicate(b"\n")


def test_a_process_that_has_ended_needs_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    step_back(ended.pid)
