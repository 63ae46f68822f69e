"""One running receiver for the tests that only talk to it."""

from __future__ import annotations

import pytest

from tests.otlp_receiver.serving import Served

SMALL = """
[receiver]
request_bytes_max = "2MiB"
request_seconds = "4s"
load_interval_seconds = "50ms"
"""


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("served") / "data", config=SMALL) as running:
        yield running
