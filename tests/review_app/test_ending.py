"""The page's server ends when it is told to, whenever that is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("is_used", [False, True], ids=["at once", "after a page"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_page_in_order(tmp_path, number, is_used):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPANDOCKET_", "OTEL_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "review", "--port", "0"],
        cwd=REPOSITORY,
        env=clean | {"SPANDOCKET_DATA_DIR": str(tmp_path / "data")},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        address = re.search(r"http://[\d.:]+/", server.stderr.readline())[0]
        if is_used:
            with urllib.request.urlopen(address, timeout=60) as page:
                assert page.status == 200
        server.send_signal(number)

        assert server.wait(60) == 0
        assert server.stderr.read() == ""
