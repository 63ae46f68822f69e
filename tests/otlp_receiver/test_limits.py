"""What a request may cost before it is understood: compressed streams, JSON, memory."""

from __future__ import annotations

import asyncio
import gzip
import random
import threading
import zlib
from typing import TYPE_CHECKING

import pytest

from otlp_receiver.config import ReceiverConfig
from otlp_receiver.intake import Intake
from otlp_receiver.limits import decompress
from otlp_receiver.metrics import Metrics
from otlp_receiver.otlp_json import json_to_protobuf
from otlp_receiver.rejections import RejectionLog
from otlp_receiver.spool_level import SpoolLevel
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEBIBYTE = 2**20


def undone(body: bytes, encoding: str = "gzip", bytes_max: int = 64 * MEBIBYTE) -> bytes:
    return decompress(body, encoding, bytes_max=bytes_max, ratio_max=10_000)


def refused(call: Callable[[], object]) -> Reason:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.reason


def test_members_of_a_stream_are_strung_together_wherever_they_begin() -> None:
    """Noise does not shrink, so that these lie across the pieces in which a body is read."""
    noise = random.Random(7).randbytes
    texts = [noise(MEBIBYTE - 40), noise(80), noise(3 * MEBIBYTE), b"", noise(1)]

    assert undone(b"".join(map(gzip.compress, texts))) == b"".join(texts)


def test_many_small_members_are_strung_together_and_very_many_refused() -> None:
    member = gzip.compress(b"ab")

    assert undone(member * 1000) == b"ab" * 1000
    # Each takes as long to begin as a large one: millions of them would stop everybody else.
    assert refused(lambda: undone(gzip.compress(b"") * 1001)) is Reason.BAD_DATA


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"spans")[:-1], "gzip"),
        (gzip.compress(b"spans") + gzip.compress(b"more")[:-3], "gzip"),
        (gzip.compress(b"spans") + b"\x00", "gzip"),
        (gzip.compress(b"spans")[:10] + b"\xff" * 20, "gzip"),
        (zlib.compress(b"spans"), "gzip"),
        (zlib.compress(b"spans")[:-2], "deflate"),
        (gzip.compress(b"spans"), "deflate"),
        (b"\x1f", "gzip"),
    ],
    # A gzip member holds the time of its making: named by their bytes, no two runs had these tests.
    ids=[
        "cut",
        "second member cut",
        "a byte too many",
        "spoilt",
        "zlib as gzip",
        "zlib cut",
        "gzip as deflate",
        "begun",
    ],
)
def test_streams_that_are_cut_spoilt_or_of_another_form_are_bad_data(
    body: bytes, encoding: str
) -> None:
    assert refused(lambda: undone(body, encoding)) is Reason.BAD_DATA


def test_members_are_bounded_together() -> None:
    members = gzip.compress(bytes(MEBIBYTE)) * 3

    assert len(undone(members, bytes_max=3 * MEBIBYTE)) == 3 * MEBIBYTE
    assert refused(lambda: undone(members, bytes_max=3 * MEBIBYTE - 1)) is Reason.TOO_LARGE


@pytest.mark.parametrize("filling", [b"{},", b"[],", b"0,", b'{"a":', b'"",'])
def test_a_bomb_of_tiny_json_values_is_refused_before_it_is_parsed(filling: bytes) -> None:
    # Not closed: a parser would call it no JSON, but it never gets there.
    text = b'{"resourceSpans":[' + filling * 50_000

    assert refused(lambda: json_to_protobuf("traces", text, slots_max=10_000)) is Reason.TOO_LARGE


def test_braces_and_commas_within_texts_are_no_bomb() -> None:
    content = (r"{},[],{\"a\":[],\\" * 2_000).encode()
    text = (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",'
        b'"spanId":"eee19b7ec3c1b174","attributes":[{"key":"a","value":{"stringValue":"'
        + content
        + b'"}}]}]}]}]}'
    )

    assert content.count(b"{") > 2_000
    assert json_to_protobuf("traces", text, slots_max=1_000)


def intake_at(folder: Path, metrics: Metrics, **settings: int) -> Intake:
    config = ReceiverConfig(**settings)
    return Intake(
        config=config,
        level=SpoolLevel(folder, config),
        metrics=metrics,
        rejections=RejectionLog(folder),
        clock=lambda: 7,
    )


def test_compressed_requests_do_not_wait_for_long_computations(tmp_path: Path) -> None:
    gate = threading.Event()
    body = random.Random(1).randbytes(2**20)

    async def unpack() -> tuple[bytes, bool, bool]:
        intake = intake_at(tmp_path, Metrics())
        computing = [asyncio.create_task(intake.aside.run(gate.wait)) for _ in range(3)]
        unpacked = await intake.decompressed(gzip.compress(body), "gzip")
        was_computing = intake.is_computing
        gate.set()
        await asyncio.gather(*computing)
        return unpacked, was_computing, intake.is_computing

    assert asyncio.run(unpack()) == (body, True, False)


def test_everything_in_memory_is_bounded_together(tmp_path: Path) -> None:
    async def hold() -> list[Reason]:
        metrics = Metrics()
        intake = intake_at(tmp_path, metrics, waiting_bytes_max=100)

        def more(size: int) -> None:
            with intake.holding(size):
                pass

        with intake.holding(60):
            more(40)
            found = [refused(lambda: more(41))]
        # One request alone is always let in: how large it may be says another limit.
        more(1000)
        assert metrics.value("waiting_bytes") == 0
        return found

    assert asyncio.run(hold()) == [Reason.OVERLOADED]
