"""What forwarding costs: the sustained rate to the table with every request sent on as well.

    python -m benchmarks.forwarding [--seconds 40] [--share 0.10] [--modes faithful,enriched]

The endpoint behind is the empty grpcio handler, which is also the ceiling, measured in the same
run. Requests come at a share of its rate, with the default settings. The first third of the time is
not counted; then, what came into the table and what was forwarded, and whether the spool stayed as
it was. What the forwarding process alone uses for a span is printed beside it: on a machine that is
busy with other things, it is the figure to trust.
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

SETTINGS = """
[forward]
endpoint = "http://{address}"
mode = "{mode}"
"""


def main() -> None:
    """Measure the modes, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--share", type=float, default=0.10)
    parser.add_argument("--modes", default="faithful,enriched")
    options = parser.parse_args()
    Requests(LARGE["spans"])
    with Empty() as empty:
        ceiling = measured(empty.process, lambda: grpc_load(empty.address, 8, **LARGE))
        print(f"empty handler: {ceiling.rate:,.0f} spans/s, {ceiling.microseconds:.1f} us a span")
        for mode in options.modes.split(","):
            measure(mode, empty, options, ceiling)


def measure(mode, empty, options, ceiling) -> None:
    """One mode, from an empty data directory."""
    pace = ceiling.load.requests_per_second * options.share
    settings = SETTINGS.format(address=empty.address, mode=mode)
    with Receiver(settings) as receiver, Watch(receiver) as watch:
        grpc_load(receiver.grpc, options.seconds / 3, **LARGE, requests_per_second_max=pace)
        before, began = done(receiver), time.perf_counter()
        forwarder = forwarding_process(receiver)
        alone = forwarder.cpu_times()
        pids = (receiver.process.pid, empty.process.pid, os.getpid())
        with ProcessorSeconds(*pids) as used:
            left = options.seconds * 2 / 3
            load = grpc_load(receiver.grpc, left, **LARGE, requests_per_second_max=pace)
            after = done(receiver)
        spent = sum(forwarder.cpu_times()[:2]) - sum(alone[:2])
        loaded, forwarded = (late - early for late, early in zip(after, before, strict=True))
        rate = min(loaded, forwarded) / (time.perf_counter() - began)
        microseconds = used.seconds / max(1, min(loaded, forwarded)) * 1e6
        print(
            f"{mode}, requests at {options.share:.2f} of the empty handler: acknowledged "
            f"{load.spans_per_second:,.0f} spans/s, in the table and forwarded {rate:,.0f} "
            f"(loaded {loaded:,}, forwarded {forwarded:,}), ratio {rate / ceiling.rate:.2f} of the "
            f"rates, {microseconds:.1f} us of all processes a span; refused {load.refused}"
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
