"""How fast the receiver is, beside an empty grpcio handler measured in the same run.

    python -m benchmarks.receiver [--seconds 10] [--sustained 60] [--only large,small,...]

Server and generator share the machine's cores; both sides of every ratio have the same generator.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil

from benchmarks.load import Load, grpc_load, http_load, spans_request

LARGE = {"spans": 512, "connections": 2, "in_flight": 4}
SMALL = {"spans": 10, "connections": 64, "in_flight": 1}
SECTIONS = ("large", "small", "latency", "http", "json", "sustained")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--sustained", type=float, default=60)
    parser.add_argument("--only", default=",".join(SECTIONS))
    options = parser.parse_args()
    wanted = set(options.only.split(","))
    unknown = wanted - set(SECTIONS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    body = spans_request(LARGE["spans"])
    size = len(body) / LARGE["spans"]
    print(f"{LARGE['spans']} spans of {size:.0f} bytes a request; {os.cpu_count()} cores")
    with Empty() as empty:
        ceiling = grpc_load(empty.address, options.seconds, **LARGE)
        print(f"empty handler, large requests: {ceiling.spans_per_second:,.0f} spans/s")
        floor = grpc_load(empty.address, options.seconds, **SMALL) if "small" in wanted else None
        if floor:
            print(f"empty handler, small requests: {floor.requests_per_second:,.0f} requests/s")
    for name in SECTIONS:
        if name in wanted:
            globals()[f"measure_{name}"](options, ceiling, floor)


def measure_large(options: argparse.Namespace, ceiling: Load, _: Load | None) -> None:
    with Receiver() as receiver:
        load = grpc_load(receiver.grpc, options.seconds, **LARGE)
        say("durably acknowledged, large requests", load.spans_per_second, "spans/s", ceiling)


def measure_small(options: argparse.Namespace, _: Load, floor: Load | None) -> None:
    assert floor is not None
    with Receiver() as receiver:
        load = grpc_load(receiver.grpc, options.seconds, **SMALL)
        ratio = load.requests_per_second / floor.requests_per_second
        print(
            f"durably acknowledged, small requests: {load.requests_per_second:,.0f} requests/s, "
            f"ratio {ratio:.2f}, refused {load.refused}"
        )


def measure_latency(options: argparse.Namespace, _: Load, __: Load | None) -> None:
    """Acknowledgement times at a tenth of the peak."""
    with Receiver() as receiver:
        peak = grpc_load(receiver.grpc, options.seconds / 2, **LARGE)
        time.sleep(3)
        pace = peak.requests_per_second / 10
        load = grpc_load(receiver.grpc, options.seconds, **LARGE, requests_per_second_max=pace)
        times = sorted(load.seconds)
        print(
            f"acknowledgement at a tenth of the peak ({pace:.0f} requests/s): "
            f"median {statistics.median(times) * 1e3:.1f} ms, "
            f"p99 {times[int(len(times) * 0.99)] * 1e3:.1f} ms, n {len(times)}"
        )


def measure_http(options: argparse.Namespace, _: Load, __: Load | None) -> None:
    with Receiver() as receiver:
        grpc_rate = grpc_load(receiver.grpc, options.seconds, **LARGE)
    with Receiver() as receiver:
        load = http_load(receiver.http, options.seconds, "protobuf", LARGE["spans"])
        say("HTTP protobuf against gRPC", load.spans_per_second, "spans/s", grpc_rate)


def measure_json(options: argparse.Namespace, ceiling: Load, _: Load | None) -> None:
    with Receiver() as receiver:
        load = http_load(receiver.http, options.seconds, "json", LARGE["spans"])
        say("HTTP JSON", load.spans_per_second, "spans/s", ceiling)


def measure_sustained(options: argparse.Namespace, ceiling: Load, _: Load | None) -> None:
    """Full load for the whole time; what counts is what the table holds, and that nothing grows."""
    with Receiver() as receiver:
        started = time.perf_counter()
        with Watch(receiver) as watch:
            load = grpc_load(receiver.grpc, options.sustained, **LARGE)
            loaded = receiver.loaded_spans()
            elapsed = time.perf_counter() - started
        say("queryable in the table, sustained", loaded / elapsed, "spans/s", ceiling)
        say("  acknowledged meanwhile", load.spans_per_second, "spans/s", ceiling)
        print(f"  refused {load.refused} of {load.refused + load.answered} requests")
        print(f"  spool MiB over time: {watch.thirds('spool')}")
        print(f"  resident MiB over time: {watch.thirds('resident')}")


def say(name: str, rate: float, unit: str, ceiling: Load) -> None:
    print(f"{name}: {rate:,.0f} {unit}, ratio {rate / ceiling.spans_per_second:.2f}")


class Empty:
    """A grpcio server whose handler does nothing."""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.empty_handler"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


class Receiver:
    """``spandocket serve`` on a data directory of its own."""

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory(prefix="spandocket-bench-")
        self.data_dir = Path(self.folder.name) / "data"
        ready = Path(self.folder.name) / "ready.json"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cli", "--data-dir", str(self.data_dir), "serve"),
                *("--grpc-port", "0", "--http-port", "0", "--ready-file", str(ready)),
            ],
            stderr=(Path(self.folder.name) / "log").open("w"),
        )
        while not ready.exists():
            assert self.process.poll() is None, "serve did not start"
            time.sleep(0.05)
        addresses = json.loads(ready.read_text())
        self.grpc, self.http = addresses["grpc"], addresses["http"]
        time.sleep(3)
        return self

    def loaded_spans(self) -> int:
        """Rows in the table now."""
        import polars as pl

        from span_store.store import SpanStore

        counted = SpanStore(self.data_dir).scan_raw("spans").select(pl.len()).collect()
        return int(counted.item())

    def __exit__(self, *_: object) -> None:
        if sys.exc_info()[0] is None:
            self.process.send_signal(signal.SIGTERM)
        else:
            self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class Watch:
    """Samples the spool's size and the resident memory of the whole service."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.samples: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        import threading

        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _sample(self) -> None:
        parent = psutil.Process(self.receiver.process.pid)
        while not self.ended.wait(0.5):
            spool = 0
            for path in (self.receiver.data_dir / "spool").glob("*.segment"):
                try:
                    spool += path.stat().st_size
                except FileNotFoundError:
                    continue
            resident = sum(
                process.memory_info().rss for process in [parent, *parent.children(recursive=True)]
            )
            self.samples.append((spool / 2**20, resident / 2**20))

    def thirds(self, what: str) -> str:
        """Mean of each third of the time, and the peak."""
        values = [sample[0 if what == "spool" else 1] for sample in self.samples]
        third = max(1, len(values) // 3)
        means = [statistics.fmean(values[i * third : (i + 1) * third]) for i in range(3)]
        return ", ".join(f"{mean:,.0f}" for mean in means) + f"; peak {max(values):,.0f}"


if __name__ == "__main__":
    main()
