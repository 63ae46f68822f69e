"""The processes beside the receiver are kept alive, whatever keeps them from it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from otlp_receiver.backlog import Backlog
from otlp_receiver.config import ReceiverConfig
from otlp_receiver.forward_keeper import ForwardKeeper
from otlp_receiver.loader_keeper import LoaderKeeper
from otlp_receiver.metrics import Metrics
from otlp_receiver.progress import Progress
from otlp_receiver.spool_level import SpoolLevel
from otlp_receiver.spool_writer import SpoolWriter

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

REPORT = json.dumps({"last_number": 7})
LOADER = f"""
import sys
if not __import__("os").path.exists(sys.argv[1]):
    open(sys.argv[1], "w").close()
    print("what is no report", flush=True)
    sys.stdin.read()
print({REPORT!r}, flush=True)
sys.stdin.readline()
"""


async def eventually(event: asyncio.Event) -> None:
    async with asyncio.timeout(200):
        await event.wait()


def test_a_loader_that_cannot_be_started_or_understood_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otlp_receiver.loader_keeper._RESTART_SECONDS", 0.01)
    program = tmp_path / "loader"

    async def keep() -> tuple[list[dict[str, Any]], bool, float]:
        reported: list[dict[str, Any]] = []
        has_reported = asyncio.Event()

        def report(given: dict[str, Any]) -> None:
            reported.append(given)
            has_reported.set()

        metrics = Metrics()
        with (tmp_path / "lock").open("w") as lock:
            keeper = LoaderKeeper(
                {}, lock.fileno(), metrics, report, [str(program), str(tmp_path / "was")]
            )
            keeper.start()
            async with asyncio.timeout(200):
                while not metrics.value("loader_restarts_total"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            program.write_text(f"#!{sys.executable}\n{LOADER}")
            program.chmod(0o755)
            await eventually(has_reported)
            is_drained = await keeper.drain(200)
        return reported, is_drained, metrics.value("loader_restarts_total")

    reported, is_drained, restarts = asyncio.run(keep())

    assert reported == [json.loads(REPORT)]
    assert is_drained
    assert restarts >= 2
    assert {record.event for record in caplog.records} == {"loader_restarted"}


def test_forwarding_that_cannot_be_started_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otlp_receiver.forward_keeper._RESTART_SECONDS", 0.01)
    program = tmp_path / "forward"
    state = json.dumps({"requests": 5, "problem": "x" * 100_000})

    async def keep() -> float:
        metrics = Metrics()
        keeper = ForwardKeeper(
            tmp_path, [str(program)], descriptors=[], metrics=metrics, clock=lambda: 7
        )
        keeper.start()
        await asyncio.sleep(0.05)
        program.write_text(
            f"#!{sys.executable}\nimport sys\nprint({state!r}, flush=True)\nsys.stdin.readline()\n"
        )
        program.chmod(0o755)
        async with asyncio.timeout(200):
            while not metrics.value("forwarded_requests_total"):
                keeper.measure()
                await asyncio.sleep(0.01)
        await keeper.stop(200)
        return metrics.value("forwarded_requests_total")

    assert asyncio.run(keep()) == 5


def test_a_spool_that_cannot_be_looked_at_for_a_while_is_measured_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otlp_receiver.progress._MEASURE_SECONDS", 0.01)
    spool, elsewhere = tmp_path / "spool", tmp_path / "elsewhere"
    spool.mkdir()

    async def watch() -> float:
        level = SpoolLevel(spool, ReceiverConfig())
        metrics = Metrics()
        progress = Progress(tmp_path, metrics, level, Backlog(), lambda: 7)
        writer = SpoolWriter(spool, next_number=1, segment_bytes=2**20, clock=lambda: 7)
        rounds = 0
        done = asyncio.Event()

        def count() -> None:
            nonlocal rounds
            rounds += 1
            if rounds == 3:
                spool.rename(elsewhere)
            elif rounds == 6:
                elsewhere.rename(spool)
                metrics.set("disk_free_bytes", 0)
            elif rounds == 9:
                done.set()

        watching = asyncio.create_task(progress.watch(writer, {}, count))
        await asyncio.wait(
            {watching, asyncio.create_task(eventually(done))}, return_when="FIRST_COMPLETED"
        )
        assert not watching.done()
        watching.cancel()
        writer.close()
        return metrics.value("disk_free_bytes")

    assert asyncio.run(watch()) > 0
    assert [record.event for record in caplog.records] == ["spool_unreadable"]
