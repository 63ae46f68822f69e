"""What forwarding costs: the sustained rate to the table with every request sent on as well.

    python -m benchmarks.forwarding [--seconds 40]

The endpoint behind is the empty grpcio handler, which is also the ceiling, measured in the same
run. What counts is the lesser of what the table holds more and what was forwarded more at the end
than after the first third; processor seconds include server, loader, forwarding and generator, and
the endpoint's own share. What the forwarding process alone uses for a span is printed beside it:
on a machine that is busy with other things, it is the figure to trust.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import psutil

from benchmarks.load import Requests, grpc_load
from benchmarks.processors import ProcessorSeconds
from benchmarks.receiver import LARGE, Empty, Receiver, Watch, measured

SETTINGS = """spool_bytes_soft = "256MiB"

[forward]
endpoint = "http://{address}"
mode = "{mode}"
batch_bytes = "3MiB"
"""


def main() -> None:
    """Measure both modes, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40)
    options = parser.parse_args()
    Requests(LARGE["spans"])
    with Empty() as empty:
        ceiling = measured(empty.process, lambda: grpc_load(empty.address, 8, **LARGE))
        print(f"empty handler: {ceiling.rate:,.0f} spans/s, {ceiling.microseconds:.1f} us a span")
        for mode in ("faithful", "enriched"):
            measure(mode, empty, options.seconds, ceiling)


def measure(mode, empty, seconds, ceiling) -> None:
    """One mode, from an empty data directory."""
    settings = SETTINGS.format(address=empty.address, mode=mode)
    with Receiver(settings) as receiver, Watch(receiver) as watch:
        grpc_load(receiver.grpc, seconds / 3, **LARGE)
        before, began = done(receiver), time.perf_counter()
        forwarder = forwarding_process(receiver)
        alone = forwarder.cpu_times()
        pids = (receiver.process.pid, empty.process.pid, os.getpid())
        with ProcessorSeconds(*pids) as used:
            load = grpc_load(receiver.grpc, seconds * 2 / 3, **LARGE)
            after = done(receiver)
        spent = sum(forwarder.cpu_times()[:2]) - sum(alone[:2])
        loaded, forwarded = (late - early for late, early in zip(after, before, strict=True))
        rate = min(loaded, forwarded) / (time.perf_counter() - began)
        microseconds = used.seconds / max(1, min(loaded, forwarded)) * 1e6
        print(
            f"{mode}: {rate:,.0f} spans/s in the table and forwarded (loaded {loaded:,}, forwarded "
            f"{forwarded:,}), ratio {rate / ceiling.rate:.2f} of the rates, "
            f"{ceiling.microseconds / microseconds:.2f} of the processor time "
            f"({microseconds:.1f} us); refused {load.refused}"
        )
        print(f"  forwarding alone: {spent / max(1, forwarded) * 1e6:.1f} us a span")
        print(f"  spool MiB, mean of each third of the time: {watch.thirds(0)}")
        print(f"  resident MiB of the whole service: {watch.thirds(1)}", flush=True)


def forwarding_process(receiver) -> psutil.Process:
    """The receiver's child that forwards."""
    children = psutil.Process(receiver.process.pid).children()
    return next(child for child in children if "cli.forwarding" in child.cmdline())


def done(receiver) -> tuple[int, int]:
    """Spans in the table, and spans forwarded."""
    state = receiver.data_dir / "spool" / "forward.state"
    requests = json.loads(state.read_bytes())["requests"] if state.exists() else 0
    return receiver.loaded_spans(), requests * LARGE["spans"]


if __name__ == "__main__":
    main()
