"""``kill -9`` at random moments under load: nothing acknowledged is lost, nothing is doubled.

Each request is sent once. If it was acknowledged its spans must lie in the table exactly once; if
not, they may lie there once. Does not prove what a loss of power does to the disk's own caches.
SPANDOCKET_CRASH_KILLS sets how many kills a run makes; with -s it says what it counted.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import pytest

from span_store.store import SpanStore
from tests.otlp_receiver.requests import span_ids, trace_request
from tests.otlp_receiver.serving import TRACES, Served

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("SPANDOCKET_CRASH_KILLS", "6"))
DRAIN_SECONDS = 300 + 5 * KILLS
"""Batches are as small as can be, and after many kills there are thousands."""
CONFIG = f"""
[receiver]
segment_bytes = "256KiB"
load_bytes = "48KiB"
load_interval_seconds = "20ms"
drain_seconds = "{DRAIN_SECONDS}s"
"""
SENDERS = 4
SPANS = 20


class Sender(threading.Thread):
    """Sends requests with ids of its own until told to stop; remembers which were acknowledged."""

    def __init__(self, number: int, address: list[str], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.address = address
        self.stop = stop
        self.acknowledged: set[tuple[str, str]] = set()
        self.refused = 0

    def run(self) -> None:
        seed = self.number * 10**9
        while not self.stop.is_set():
            with grpc.insecure_channel(
                self.address[0], options=[("grpc.use_local_subchannel_pool", 1)]
            ) as channel:
                call = channel.unary_unary(TRACES)
                while not self.stop.is_set():
                    seed += 1
                    request = trace_request(SPANS, seed=seed, content="x" * 300)
                    try:
                        call(request.SerializeToString(), timeout=10)
                    except grpc.RpcError:
                        self.refused += 1
                        time.sleep(0.02)
                        break
                    self.acknowledged.update(span_ids(request))
                    time.sleep(0.03)


@pytest.mark.acceptance
@pytest.mark.slow
@pytest.mark.timeout(800 + 20 * KILLS)
def test_killed_at_random_moments_it_keeps_every_acknowledged_span_exactly_once(
    tmp_path: Path,
) -> None:
    rand = random.Random(20261122)
    stop = threading.Event()
    served = Served(tmp_path / "data", config=CONFIG).wait()
    address = [served.grpc]
    senders = [Sender(number, address, stop) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    killed: Counter[str] = Counter()
    for _ in range(KILLS):
        # Soon after the start, while it repairs; or later, while the loader commits.
        time.sleep(rand.uniform(*rand.choice([(0.0, 0.5), (1.0, 4.0)])))
        victim = rand.choice(["receiver", "everything", "loader", "worker"])
        if victim in {"loader", "worker"}:
            process = served.loader() if victim == "loader" else served.worker()
            if process is not None:
                process.kill()
                killed[victim] += 1
            continue
        served.kill(with_loader=victim == "everything")
        killed[victim] += 1
        served = Served(tmp_path / "data", config=CONFIG).wait()
        address[0] = served.grpc
    deadline = time.monotonic() + 200
    while sum(len(sender.acknowledged) for sender in senders) <= KILLS * SPANS:
        assert time.monotonic() < deadline, "hardly anything was acknowledged"
        time.sleep(0.1)
    stop.set()
    for sender in senders:
        sender.join()
    code = served.stop(50 + DRAIN_SECONDS)

    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    rows = SpanStore(tmp_path / "data").scan_raw("spans").select("trace_id", "span_id").collect()
    found = set(rows.rows())
    lost, doubled = len(acknowledged - found), rows.height - len(found)
    sys.stdout.write(
        f"{dict(killed)} killed: {len(acknowledged):,} spans acknowledged, {lost:,} lost; "
        f"{len(found):,} stored, {doubled:,} doubled\n"
    )
    assert code == 0, served.log.read_text()
    assert "everything acknowledged is in the tables" in served.log.read_text()
    assert len(acknowledged) > KILLS * SPANS
    assert acknowledged <= found, f"{lost} acknowledged spans are lost"
    assert rows.height == len(found), f"{doubled} spans are doubled"
