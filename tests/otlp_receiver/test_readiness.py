"""What load balancers are told: while it starts, when the disk fails and is back, when it stops."""

from __future__ import annotations

import asyncio
import http.client
import json
import resource
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from otlp_receiver import intake as intake_module
from otlp_receiver.config import ReceiverConfig
from otlp_receiver.intake import Intake
from otlp_receiver.metrics import Metrics
from otlp_receiver.rejections import RejectionLog
from otlp_receiver.spool_level import SpoolLevel
from otlp_receiver.spool_writer import SpoolWriter
from otlp_receiver.status import Reason, Refusal
from tests.otlp_receiver.requests import trace_request
from tests.otlp_receiver.serving import TRACES, Served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def until(condition: Callable[[], bool], what: str, patience_seconds: float = 200) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def readiness(served: Served) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(served.http, timeout=120)) as connection:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()


def bound_files(served: Served, size: int) -> None:
    """Let every write of the receiver beyond this offset of a file fail from now on."""
    _, hard = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.acceptance
def test_a_receiver_that_nobody_sends_to_notices_that_the_disk_is_back(tmp_path: Path) -> None:
    request = trace_request(1, seed=3).SerializeToString()
    with Served(tmp_path / "data") as served, served.channel() as channel:
        states = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        told = [next(states).status]
        bound_files(served, 0)
        with pytest.raises(grpc.RpcError) as refusal:
            served.export(request)
        failing = readiness(served)
        told.append(next(states).status)

        bound_files(served, resource.RLIM_INFINITY)
        until(lambda: readiness(served)[0] == 200, "readiness without a request")
        told.append(next(states).status)
        served.export(request)

    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
    assert failing == (503, "the spool cannot be written")
    assert told == [SERVING, NOT_SERVING, SERVING]


@pytest.mark.acceptance
def test_those_who_watch_its_health_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    # A third of this may pass until calls in flight are ended.
    served = Served(tmp_path / "data", config="[receiver]\ndrain_seconds = '1h'\n")
    with served, served.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        known = stub.Watch(health_pb2.HealthCheckRequest(service=TRACES.split("/")[1]))
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        first = [next(known).status, next(unknown).status]
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=120)
        code = served.stop()
        last = [state.status for state in known]

    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
    assert first == [SERVING, SERVICE_UNKNOWN]
    assert last == [NOT_SERVING]
    assert code == 0


def test_while_the_spool_is_checked_callers_wait_a_little_and_are_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start() -> list[object]:
        config = ReceiverConfig()
        intake = Intake(
            config=config,
            level=SpoolLevel(tmp_path, config),
            metrics=Metrics(),
            rejections=RejectionLog(tmp_path),
            clock=lambda: 7,
        )
        body = trace_request(1).SerializeToString()

        async def accepted() -> object:
            try:
                return (
                    await intake.accept("traces", body, "p", transport="grpc", began=0.0)
                ).accepted
            except Refusal as refusal:
                return refusal.reason

        found: list[object] = [intake.readiness(), await accepted()]
        monkeypatch.setattr(intake_module, "_START_SECONDS", 200.0)
        waiting = asyncio.create_task(accepted())
        await asyncio.sleep(0)
        writer = SpoolWriter(
            tmp_path, next_number=1, segment_bytes=2**20, clock=lambda: 7, settle=intake.settle
        )
        intake.attach(writer)
        found += [await waiting, intake.readiness()]
        writer.close()
        return found

    monkeypatch.setattr(intake_module, "_START_SECONDS", 0.01)

    found = asyncio.run(start())

    assert found == [(False, "starting"), Reason.STARTING, 1, (True, "ready")]
    assert Reason.STARTING.value.is_retryable


@pytest.mark.acceptance
def test_a_request_that_is_still_arriving_when_the_time_is_up_is_told_to_come_back(
    tmp_path: Path,
) -> None:
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with Served(tmp_path / "data", config="[receiver]\ndrain_seconds = '9s'\n") as served:
        host, port = served.http.split(":")
        with socket.create_connection((host, int(port)), timeout=120) as connection:
            connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 900\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 100")
            served.process.terminate()
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            body = json.loads(answer.read())
        code = served.process.wait(200)
        log = served.log.read_text()

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert body["message"].startswith("the receiver is stopping")
    assert (code, "Traceback" in log) == (0, False)
