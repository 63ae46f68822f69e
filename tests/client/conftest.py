"""A server in a process of its own, with two traces; one for all tests of a module."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from span_store.schema import SPANS, TRACES
from span_store.store import SpanStore
from spandocket_client import Client

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST, SECOND = "a" * 32, "b" * 32


def span(trace_id, number, **more):
    said = [{"role": "user", "parts": [{"type": "text", "content": "Where?"}]}]
    return (
        dict.fromkeys(SPANS.names)
        | {
            "project": "default",
            "trace_id": trace_id,
            "span_id": f"{number:016x}",
            "name": "chat",
            "service_name": "chatbot",
            "provider_name": "openai",
            "start_time": number * 10**9,
            "end_time": number * 10**9 + 5,
            "received_at": 1,
            "is_model_call": True,
            "is_error": number == 3,
            "input_messages": json.dumps(said),
            "output_messages": json.dumps(said),
        }
        | more
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    store = SpanStore(place)
    spans = [span(FIRST, 1), span(FIRST, 2), span(SECOND, 3)]
    store.append("spans", pl.DataFrame(spans, schema=SPANS.polars))
    traces = [
        dict.fromkeys(TRACES.names)
        | {"project": "default", "trace_id": trace_id, "revision": 1, "start_time": number}
        for number, trace_id in enumerate((FIRST, SECOND), start=1)
    ]
    store.append("traces", pl.DataFrame(traces, schema=TRACES.polars))
    return place


@pytest.fixture(scope="module")
def environment(data_dir):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPANDOCKET_", "OTEL_"))}
    return clean | {"SPANDOCKET_DATA_DIR": str(data_dir), "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture(scope="module")
def address(environment):
    command = [sys.executable, "-m", "cli", "review", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        said = ""
        while (found := re.search(r"http://[\d.]+:\d+", said)) is None:
            line = server.stderr.readline()
            assert line, f"the server ended: {said}"
            said += line
        yield found[0]
        server.terminate()


@pytest.fixture
def client(address):
    with Client(address, person="ana") as client:
        yield client
