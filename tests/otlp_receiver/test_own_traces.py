"""The receiver's own traces, sent to another receiver, to itself, and to nobody."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from otlp_receiver.errors import InvalidOwnTracesError
from otlp_receiver.own_exporter import sdk_exporter
from otlp_receiver.tokens import TokenFile
from span_store.store import SpanStore
from tests.otlp_receiver.requests import trace_request
from tests.otlp_receiver.serving import REPOSITORY, TRACES, Served, eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.acceptance

ON = '[receiver]\nown_traces = true\nload_interval_seconds = "50ms"\n'
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "300"}
"""At once, and none is lost because a machine stands still for a while."""
METHOD = TRACES.removeprefix("/")
TRACE, SPAN = "ab" * 16, "cd" * 8
SAMPLED = f"00-{TRACE}-{SPAN}-01"
NOT_SAMPLED = f"00-{'ef' * 16}-{SPAN}-00"


@pytest.fixture(scope="module")
def sink(tmp_path_factory):
    """Where own traces go; its log names every module that it imports, as do its children's."""
    environment = {"PYTHONPROFILEIMPORTTIME": "1"}
    place = tmp_path_factory.mktemp("sink") / "data"
    with Served(place, config=ON.replace("true", "false"), environment=environment) as served:
        yield served


def own_spans(served: Served) -> list[dict[str, Any]]:
    """The spans of receivers in this one's table, oldest first, with their attributes."""
    store = SpanStore(served.data_dir)
    if not served.metric("loaded_requests_total"):
        return []
    frame = store.scan("spans").sort("start_time").collect()
    rows = [row for row in frame.to_dicts() if row["scope_name"] == "otlp_receiver"]
    return [row | {"attributes": json.loads(row["attributes"])} for row in rows]


def requests_of(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [span for span in spans if span["kind"] == "server"]


def post(served: Served, body: bytes, content_type: str, **headers: str) -> int:
    host, port = served.http.split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        named = {"Content-Type": content_type, "traceparent": SAMPLED, **headers}
        connection.request("POST", "/v1/traces", body, named)
        return connection.getresponse().status


def code_of(served: Served, body: bytes, *metadata: tuple[str, str]) -> str:
    try:
        served.export(body, metadata=metadata)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_every_request_has_a_span_that_says_what_was_decided(
    sink: Served, tmp_path: Path, protocol: str
) -> None:
    name = f"receiver over {protocol}"
    environment = SOON | {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{sink.grpc if protocol == 'grpc' else sink.http}",
        "OTEL_SERVICE_NAME": name,
    }
    good, mixed = trace_request(3), trace_request(2)
    mixed.resource_spans[0].scope_spans[0].spans[0].span_id = b""
    tokens = TokenFile(tmp_path / "data" / "tokens.json")
    _, secret = tokens.create("shop", now=1)
    token = ("authorization", f"Bearer {secret}")

    with Served(tmp_path / "data", config=ON, environment=environment) as served:
        body = good.SerializeToString()
        assert code_of(served, body, token, ("traceparent", NOT_SAMPLED)) == "OK"
        assert code_of(served, body, token, ("traceparent", SAMPLED)) == "OK"
        assert code_of(served, b"\xff", token, ("traceparent", "broken")) == "INVALID_ARGUMENT"
        assert post(served, mixed.SerializeToString(), "application/x-protobuf", **dict([token]))
        assert post(served, body, "text/plain", Authorization=f"Bearer {secret}") == 415
        assert post(served, body, "application/x-protobuf") == 401

        def mine() -> list[dict[str, Any]]:
            return [span for span in own_spans(sink) if span["service_name"] == name]

        eventually(lambda: len(requests_of(mine())) >= 5 and len(mine()) > 5)
        served.stop()

    stored, broken, partly, unsupported, stranger = requests_of(mine())
    assert (stored["name"], stored["trace_id"], stored["parent_span_id"]) == (METHOD, TRACE, SPAN)
    assert stored["attributes"] == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
        "user_agent.original": stored["attributes"]["user_agent.original"],
        "spandocket.signal": "traces",
        "spandocket.project": "shop",
        "spandocket.bytes": len(body),
        "spandocket.accepted": 3,
        "spandocket.rejected": 0,
    }
    assert (broken["parent_span_id"], broken["error_type"]) == (None, "bad_data")
    assert broken["attributes"]["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert (partly["name"], partly["trace_id"]) == ("POST /v1/traces", TRACE)
    assert partly["attributes"] == {
        "http.request.method": "POST",
        "http.route": "/v1/traces",
        "http.response.status_code": 200,
        "url.path": "/v1/traces",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "spandocket.signal": "traces",
        "spandocket.project": "shop",
        "spandocket.bytes": len(mixed.SerializeToString()),
        "spandocket.accepted": 1,
        "spandocket.rejected": 1,
    }
    assert (unsupported["error_type"], stranger["error_type"]) == ("unsupported", "unauthenticated")
    assert unsupported["attributes"]["spandocket.project"] == "shop"
    assert "spandocket.project" not in stranger["attributes"]
    # The conventions: whom a refusal is to blame on.
    assert {span["status_code"] for span in requests_of(mine())} == {"unset"}
    batches = [span for span in mine() if span["kind"] == "internal"]
    assert {span["name"] for span in batches} == {"load batch"}
    assert sum(span["attributes"]["spandocket.records"] for span in batches) <= 3


def test_nothing_of_the_sdk_is_imported_when_they_are_off(sink: Served) -> None:
    sink.export(trace_request(1).SerializeToString())
    eventually(lambda: sink.metric("loaded_requests_total"))

    imported = sink.log.read_text()
    assert "otlp_receiver.grpc_server" in imported
    assert "span_store.store" in imported, "the loader's are among them"
    assert "opentelemetry.sdk" not in imported
    assert "own_traces" not in imported.replace("cli.own_traces", "")


def test_a_receiver_pointed_at_itself_makes_no_spans_about_its_own(tmp_path: Path) -> None:
    served = pointed_at_itself(tmp_path / "data")
    with served:
        for count in (1, 2):
            served.export(trace_request(1, seed=count).SerializeToString())
            eventually(lambda wanted=count: len(requests_of(own_spans(served))) >= wanted)
        # The span of a batch as well: the two requests came in one or two.
        eventually(lambda: len(own_spans(served)) > 2)
        eventually(lambda: is_quiet(served))
        found = own_spans(served)
        assert served.stop() == 0

    # What brought the first span was answered before the second request was sent.
    assert len(requests_of(found)) == 2


def pointed_at_itself(data_dir: Path) -> Served:
    """Its port must be known before it starts; another program may take it just then."""
    while True:
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            port = probe.getsockname()[1]
        environment = SOON | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        served = Served(data_dir, "--grpc-port", str(port), config=ON, environment=environment)
        try:
            return served.wait()
        except AssertionError:
            assert "cannot listen" in served.log.read_text()


def is_quiet(served: Served) -> bool:
    """Whether no request comes for many times as long as spans and batches wait."""
    name = 'requests_total{transport="grpc",signal="traces"}'
    before = served.metric(name)
    try:
        eventually(lambda: served.metric(name) > before, patience_seconds=2)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_an_endpoint_that_never_answers_holds_up_nothing_and_is_told_once(
    tmp_path: Path, protocol: str
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        environment = SOON | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2",
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2",
        }
        with Served(tmp_path / "data", config=ON, environment=environment) as served:
            while "own_traces_have_a_problem" not in served.log.read_text():
                served.export(trace_request(1).SerializeToString())
            for _ in range(50):
                served.export(trace_request(1).SerializeToString())
            assert served.stop() == 0

    lines = [line for line in served.log.read_text().splitlines() if line[:1].isdigit()]
    assert len(lines) == 1, lines
    assert lines[0].endswith("event=own_traces_have_a_problem")


def test_what_the_environment_says_wrongly_is_told_at_the_start(spandocket, tmp_path) -> None:
    settings = tmp_path / "own.toml"
    settings.write_text(ON)
    wrong = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
    mistyped = {"OTEL_PROPAGATORS": "pigeon"}

    ended = spandocket("--config", settings, "serve", environment=wrong)
    looked_at = spandocket("--config", settings, "doctor", environment=mistyped)

    assert ended.code == 2
    assert "grpc or http/protobuf, not 'http/json'" in ended.err
    assert "receiver.own_traces = false" in ended.err
    checks = {row["check"]: row for row in map(json.loads, looked_at.out.splitlines())}
    assert checks["own traces"]["state"] == "failed"
    assert "pigeon" in checks["own traces"]["found"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_PROPAGATORS", "pigeon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
    ],
)
def test_a_variable_that_says_what_cannot_be_ends_the_start(name: str, value: str) -> None:
    """In a process of its own, because some are read only once."""
    program = (
        "import time; from otlp_receiver.errors import InvalidOwnTracesError as Wrong\n"
        "from otlp_receiver.own_traces import OwnTraces\n"
        "try: OwnTraces('grpc', time.time_ns)\n"
        "except Wrong as error: print(error)"
    )
    clean = {key: said for key, said in os.environ.items() if not key.startswith("OTEL_")}

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean | {"PYTHONPATH": str(REPOSITORY), name: value},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )

    assert done.stdout.startswith("cannot send own traces: ")
    assert value in done.stdout or name in done.stdout
    assert "Traceback" not in done.stderr


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(InvalidOwnTracesError, match=r"pip install 'spandocket\[traces\]'"):
        sdk_exporter("http/protobuf")
