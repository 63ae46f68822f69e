"""A hundred thousand mutated requests through the real path: intake, spool on disk, rows.

SPANDOCKET_MUTATIONS sets how many a run tries. What it does not prove: that the transports in front
of the intake survive them; they pass bytes on and look at none.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.config import ReceiverConfig
from otlp_receiver.dialects.captures import read_captures
from otlp_receiver.inspection import Inspected
from otlp_receiver.intake import Intake
from otlp_receiver.metrics import Metrics
from otlp_receiver.rejections import RejectionLog
from otlp_receiver.repair import repaired
from otlp_receiver.rows import to_rows
from otlp_receiver.spool_level import SpoolLevel
from otlp_receiver.spool_reader import SpoolReader
from otlp_receiver.spool_writer import SpoolWriter
from otlp_receiver.status import Reason, Refusal
from tests.otlp_receiver.requests import log_request, trace_request

if TYPE_CHECKING:
    from collections.abc import Sequence

MUTATIONS = int(os.environ.get("SPANDOCKET_MUTATIONS", "100000"))
TOGETHER = 1000
"""Requests under way at the same time."""
CAPTURES = Path(__file__).parents[1] / "data" / "captures" / "captures.tar.xz"

Request = tuple[str, bytes]


def originals() -> list[Request]:
    """Requests of our own, and the smallest that real libraries sent, one a dialect."""
    found: dict[str, Request] = {
        "spans": ("traces", trace_request(3, content="x" * 40).SerializeToString()),
        "span": ("traces", trace_request(1, seed=1).SerializeToString()),
        "scores": ("logs", log_request(2).SerializeToString()),
    }
    for capture in read_captures(CAPTURES):
        smallest = min(capture.records(), key=lambda record: len(record.body))
        if len(smallest.body) < 1500:
            found[capture.dialect] = (smallest.signal, smallest.body)
    return list(found.values())


def mutated(body: bytes, rand: random.Random) -> bytes:
    """Flipped bits, cuts, insertions, doubled stretches."""
    changed = bytearray(body)
    for _ in range(rand.randint(1, 3)):
        place = rand.randrange(len(changed)) if changed else 0
        match rand.randrange(5):
            case 0 if changed:
                changed[place] ^= 1 << rand.randrange(8)
            case 1:
                del changed[place:]
            case 2:
                changed[place:place] = rand.randbytes(rand.randint(1, 8))
            case 3 if changed:
                changed[place] = rand.choice([0, 0x7F, 0x80, 0xFF])
            case _:
                end = place + rand.randint(1, 40)
                changed[place:place] = changed[place:end]
    return bytes(changed)


async def accepted(folder: Path, requests: Sequence[Request]) -> list[Inspected | Refusal]:
    """What the intake makes of each request; what it accepts is in the spool afterwards."""
    config = ReceiverConfig()
    (folder / "spool").mkdir()
    intake = Intake(
        config=config,
        level=SpoolLevel(folder / "spool", config),
        metrics=Metrics(),
        rejections=RejectionLog(folder),
        clock=lambda: 7,
    )
    writer = SpoolWriter(
        folder / "spool",
        next_number=1,
        segment_bytes=config.segment_bytes,
        clock=lambda: 7,
        settle=intake.settle,
    )
    intake.attach(writer)

    async def one(signal: str, body: bytes) -> Inspected | Refusal:
        try:
            return await intake.accept(
                signal, body, "p", transport="grpc", began=time.perf_counter()
            )
        except Refusal as refusal:
            return refusal

    answers: list[Inspected | Refusal] = []
    for start in range(0, len(requests), TOGETHER):
        answers += await asyncio.gather(
            *(one(*request) for request in requests[start : start + TOGETHER])
        )
    writer.close()
    return answers


KINDS = {
    "traces": ExportTraceServiceRequest.DESCRIPTOR,
    "logs": ExportLogsServiceRequest.DESCRIPTOR,
}


@pytest.mark.slow
def test_mutated_requests_are_stored_whole_or_refused_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR")
    rand = random.Random(4317)
    known = originals()
    chosen = [rand.choice(known) for _ in range(MUTATIONS)]
    sent = [(signal, mutated(body, rand)) for signal, body in chosen]

    answers = asyncio.run(accepted(tmp_path, sent))

    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    stored = [
        (request, answer)
        for request, answer in zip(sent, answers, strict=True)
        if isinstance(answer, Inspected) and answer.accepted
    ]
    assert {answer.reason for answer in refused} == {Reason.BAD_DATA}
    assert min(len(stored), len(refused)) > MUTATIONS // 10
    for (signal, body), answer in stored:
        # A text that is no UTF-8 any more is mended; all else is kept byte for byte.
        assert answer.rejected or answer.body in (body, repaired(body, KINDS[signal]))
    assert sum(len(answer.rejected) for _, answer in stored) > 0

    reader, position = SpoolReader(tmp_path / "spool"), 0
    while records := reader.read(2**21):
        batch = stored[position : position + len(records)]
        position += len(records)
        assert [record.body for record in records] == [answer.body for _, answer in batch]
        rows = to_rows(records)
        spans = sum(answer.accepted for (signal, _), answer in batch if signal == "traces")
        assert rows.failed == []
        assert rows.spans.height == spans
    assert position == len(stored)
