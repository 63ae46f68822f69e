"""Computations beside the event loop: few at a time, and none that the end waits for."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otlp_receiver.aside import Aside
from tests.otlp_receiver.serving import Served

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 200


def test_answers_and_errors_reach_the_caller() -> None:
    async def ask() -> tuple[int, BaseException, int]:
        aside = Aside()
        answer = await aside.run(lambda: 6 * 7)
        with pytest.raises(ZeroDivisionError) as caught:
            await aside.run(lambda: 1 // 0)
        return answer, caught.value, aside.running

    answer, error, running = asyncio.run(ask())

    assert (answer, running) == (42, 0)
    assert isinstance(error, ZeroDivisionError)


def test_few_compute_at_a_time_and_all_have_their_turn() -> None:
    together = threading.Barrier(2)

    async def ask() -> list[int]:
        aside = Aside(threads_max=2)
        seen: list[int] = []

        def work() -> None:
            together.wait(PATIENCE_SECONDS)
            seen.append(aside.running)

        await asyncio.gather(*(aside.run(work) for _ in range(6)))
        return seen

    assert max(asyncio.run(ask())) == 2


def test_the_loop_ends_while_a_computation_that_nobody_waits_for_goes_on() -> None:
    begun, gate, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(PATIENCE_SECONDS)
        done.set()

    async def ask() -> int:
        aside = Aside(threads_max=1)
        asked = asyncio.create_task(aside.run(work))
        await asyncio.to_thread(begun.wait)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        # It still takes its turn: otherwise those who go away would leave any number behind.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(aside.run(int), 0.01)
        return aside.running

    running = asyncio.run(ask())

    assert (running, done.is_set()) == (1, False)
    gate.set()
    assert done.wait(PATIENCE_SECONDS)


@pytest.mark.acceptance
def test_a_stop_does_not_wait_for_json_that_takes_long_to_read(tmp_path: Path) -> None:
    attributes = [{"key": f"key {number}", "value": {"stringValue": "x"}} for number in range(10)]
    span = {"startTimeUnixNano": "-1", "attributes": attributes}
    spans = [span | {"traceId": f"{number:032x}"} for number in range(1, 20_000)]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    answers: list[int] = []

    with Served(tmp_path / "data", config="[receiver]\ndrain_seconds = '1s'\n") as served:

        def post() -> None:
            address = served.http
            with closing(http.client.HTTPConnection(address, timeout=200)) as connection:
                connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
                answers.append(connection.getresponse().status)

        callers = [threading.Thread(target=post) for _ in range(4)]
        for caller in callers:
            caller.start()
        with closing(http.client.HTTPConnection(served.http, timeout=200)) as connection:
            waits = re.compile(r"^spandocket_receiver_waiting_bytes [1-9]", re.MULTILINE)
            is_read = False
            while not is_read:
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
                # The gauge stands at zero, or is not there, as long as no body is complete.
                is_read = bool(answers or waits.search(text))
        code = served.stop()
        for caller in callers:
            caller.join()
        log = served.log.read_text()

    assert (code, "Stopped;" in log, "Traceback" in log) == (0, True, False)
    assert set(answers) <= {200, 503}
    assert len(answers) == 4
