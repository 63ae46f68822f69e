"""How fast the receiver is, beside an empty grpcio handler measured in the same run.

    python -m benchmarks.receiver [--seconds 8] [--sustained 60] [--only large,small,...]
    python -m benchmarks.receiver --only paced --paces 0.15 --sustained 600

Server and generator share the machine's cores, and both sides of every ratio have the same
generator. Each ratio is given twice: of the rates, and of the processor seconds that server,
loader and generator together used for a span. The second is what the first would be on a machine
with nothing else to do, as long as processors and not the disk are the limit.
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
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from benchmarks.load import Load, Requests, grpc_load, http_load
from benchmarks.processors import ProcessorSeconds

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = {"spans": 512, "connections": 2, "in_flight": 4}
SMALL = {"spans": 10, "connections": 64, "in_flight": 1}
BALANCED = 'segment_bytes = "32MiB"\nspool_bytes_soft = "64MiB"\nspool_bytes_hard = "2GiB"\n'
"""Senders and loader find their balance within seconds, not after gigabytes."""
ROOMY = 'spool_bytes_soft = "32GiB"\nspool_bytes_hard = "64GiB"\n'
"""With the loader resting, the soft limit would slow senders down after some seconds."""
SECTIONS = ("large", "small", "latency", "http", "json", "paced", "sustained")
PACES = "0.10,0.15"
"""Shares of the empty handler's rate that should be loaded as fast as they come."""


@dataclass(frozen=True)
class Measured:
    """A run of the generator, and the processor time that everything took for a span."""

    load: Load
    microseconds: float

    @property
    def rate(self) -> float:
        return self.load.spans_per_second


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--sustained", type=float, default=60)
    parser.add_argument("--paces", default=PACES)
    parser.add_argument("--only", default=",".join(SECTIONS))
    options = parser.parse_args()
    wanted = options.only.split(",")
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    size = len(Requests(512).next()) / 512
    Requests(SMALL["spans"])
    print(f"512 spans of {size:.0f} bytes a request; {os.cpu_count()} cores")
    with Empty() as empty:
        large = measured(empty.process, lambda: grpc_load(empty.address, options.seconds, **LARGE))
        small = measured(empty.process, lambda: grpc_load(empty.address, options.seconds, **SMALL))
    print(f"empty handler, large requests: {large.rate:,.0f} spans/s, {large.microseconds:.1f} us")
    print(f"empty handler, small requests: {small.rate:,.0f} spans/s, {small.microseconds:.1f} us")
    for name in SECTIONS:
        if name in wanted:
            globals()[f"measure_{name}"](options, small if name == "small" else large)


def measured(process: subprocess.Popen[str], run: Callable[[], Load]) -> Measured:
    with ProcessorSeconds(process.pid, os.getpid()) as used:
        load = run()
    return Measured(load, used.seconds / max(1, load.answered * load.spans) * 1e6)


def say(name: str, found: Measured, ceiling: Measured) -> None:
    print(
        f"{name}: {found.rate:,.0f} spans/s, ratio {found.rate / ceiling.rate:.2f} of the rates, "
        f"{ceiling.microseconds / found.microseconds:.2f} of the processor time "
        f"({found.microseconds:.1f} us); refused {found.load.refused}",
        flush=True,
    )


def measure_large(options: argparse.Namespace, ceiling: Measured) -> None:
    with Receiver(ROOMY) as receiver:
        receiver.rest_loader()
        run = measured(receiver.process, lambda: grpc_load(receiver.grpc, options.seconds, **LARGE))
        say("acknowledged, 512 spans a request, loader resting", run, ceiling)
    with Receiver() as receiver:
        load = grpc_load(receiver.grpc, options.seconds, **LARGE)
        print(
            f"the same with the loader beside it: {load.spans_per_second:,.0f} spans/s, "
            f"ratio {load.spans_per_second / ceiling.rate:.2f} of the rates",
            flush=True,
        )


def measure_small(options: argparse.Namespace, ceiling: Measured) -> None:
    with Receiver() as receiver:
        run = measured(receiver.process, lambda: grpc_load(receiver.grpc, options.seconds, **SMALL))
        say("acknowledged, 10 spans a request, 64 connections", run, ceiling)


def measure_latency(options: argparse.Namespace, _: Measured) -> None:
    """Acknowledgement times at a tenth of the peak."""
    with Receiver() as receiver:
        peak = grpc_load(receiver.grpc, options.seconds / 2, **LARGE)
        time.sleep(5)
        pace = peak.requests_per_second / 10
        load = grpc_load(receiver.grpc, options.seconds, **LARGE, requests_per_second_max=pace)
        times = sorted(load.seconds)
        print(
            f"acknowledgement at a tenth of the peak ({pace:.0f} requests/s): "
            f"median {statistics.median(times) * 1e3:.1f} ms, "
            f"p99 {times[int(len(times) * 0.99)] * 1e3:.1f} ms, n {len(times)}",
            flush=True,
        )


def measure_http(options: argparse.Namespace, _: Measured) -> None:
    """As many requests in flight as over gRPC, each on a connection of its own."""
    with Receiver(ROOMY) as receiver:
        receiver.rest_loader()
        grpc_run = measured(
            receiver.process, lambda: grpc_load(receiver.grpc, options.seconds, **LARGE)
        )
    with Receiver(ROOMY) as receiver:
        receiver.rest_loader()
        run = measured(
            receiver.process, lambda: http_load(receiver.http, options.seconds, "protobuf", 512)
        )
        say("HTTP protobuf against gRPC", run, grpc_run)


def measure_json(options: argparse.Namespace, ceiling: Measured) -> None:
    with Receiver(ROOMY) as receiver:
        receiver.rest_loader()
        run = measured(
            receiver.process, lambda: http_load(receiver.http, options.seconds, "json", 512)
        )
        say("HTTP JSON", run, ceiling)


def measure_paced(options: argparse.Namespace, ceiling: Measured) -> None:
    """Default settings; requests come at a share of the empty handler's rate.

    The loader keeps up when, in the second half, as much is loaded as comes and the spool holds
    no more than in the first.
    """
    for share in map(float, options.paces.split(",")):
        pace = ceiling.load.requests_per_second * share
        with Receiver() as receiver, Watch(receiver) as watch:
            half = options.sustained / 2
            grpc_load(receiver.grpc, half, **LARGE, requests_per_second_max=pace)
            before, began = receiver.loaded_spans(), time.perf_counter()
            load = grpc_load(receiver.grpc, half, **LARGE, requests_per_second_max=pace)
            loaded = receiver.loaded_spans() - before
            rate = loaded / (time.perf_counter() - began)
            waiting = receiver.waiting_spans()
            print(
                f"at {share:.2f} of the empty handler, default settings: acknowledged "
                f"{load.spans_per_second:,.0f}, queryable {rate:,.0f} spans/s, ratio "
                f"{rate / ceiling.rate:.2f} of the rates; refused {load.refused}; waiting at the "
                f"end {waiting:,} spans"
            )
            print(f"  spool MiB, mean of each third of the time: {watch.thirds(0)}")
            print(f"  resident MiB of the whole service: {watch.thirds(1)}", flush=True)


def measure_sustained(options: argparse.Namespace, ceiling: Measured) -> None:
    """As much as goes in; a low soft limit makes senders wait for the loader, so nothing grows.

    What counts is what the table holds more at the end than after the first third.
    """
    with Receiver(BALANCED) as receiver, Watch(receiver) as watch:
        warm = options.sustained / 3
        grpc_load(receiver.grpc, warm, **LARGE)
        before, began = receiver.loaded_spans(), time.perf_counter()
        with ProcessorSeconds(receiver.process.pid, os.getpid()) as used:
            load = grpc_load(receiver.grpc, options.sustained - warm, **LARGE)
            loaded = receiver.loaded_spans() - before
        rate = loaded / (time.perf_counter() - began)
        microseconds = used.seconds / max(1, loaded) * 1e6
        print(
            f"queryable in the table, sustained: {rate:,.0f} spans/s, "
            f"ratio {rate / ceiling.rate:.2f} of the rates, "
            f"{ceiling.microseconds / microseconds:.2f} of the processor time "
            f"({microseconds:.1f} us); acknowledged {load.spans_per_second:,.0f} spans/s, "
            f"refused {load.refused} of {load.refused + load.answered} requests"
        )
        print(f"  spool MiB, mean of each third of the time: {watch.thirds(0)}")
        print(f"  resident MiB of the whole service: {watch.thirds(1)}", flush=True)


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

    def __init__(self, settings: str = "") -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory(prefix="spandocket-bench-")
        place = Path(self.folder.name)
        self.data_dir, ready = place / "data", place / "ready.json"
        (place / "settings.toml").write_text(f"[receiver]\n{self.settings}", encoding="utf-8")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cli", "--data-dir", str(self.data_dir)),
                *("--config", str(place / "settings.toml"), "serve", "--grpc-port", "0"),
                *("--http-port", "0", "--ready-file", str(ready)),
            ],
            stderr=(place / "log").open("w"),
            text=True,
        )
        while not ready.exists():
            assert self.process.poll() is None, (place / "log").read_text()
            time.sleep(0.05)
        addresses = json.loads(ready.read_text())
        self.grpc, self.http = addresses["grpc"], addresses["http"]
        time.sleep(3)
        return self

    def rest_loader(self) -> None:
        """Stop the loader, to measure the acknowledgement alone."""
        for child in psutil.Process(self.process.pid).children():
            child.kill()
            child.wait()
            time.sleep(1.5)
        for child in psutil.Process(self.process.pid).children():
            child.suspend()

    def loaded_spans(self) -> int:
        """Rows in the table now, as its log counts them: reading them would take time."""
        from span_store.store import SpanStore

        _, files = SpanStore(self.data_dir).table_log("spans").live_files()
        return 0 if files.is_empty() else int(files["num_records"].sum())

    def waiting_spans(self) -> int:
        """Acknowledged and not in the table yet."""
        with urllib.request.urlopen(f"http://{self.http}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("spandocket_receiver_loader_lag_spans "):
                    return int(line.rpartition(" ")[2])
        raise AssertionError("no such metric")

    def __exit__(self, *_: object) -> None:
        for child in psutil.Process(self.process.pid).children():
            child.resume()
            child.kill()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        time.sleep(0.5)
        self.folder.cleanup()


class Watch:
    """Samples the spool's size and the resident memory of the whole service."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.samples: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _sample(self) -> None:
        parent = psutil.Process(self.receiver.process.pid)
        # Looking at every process of the machine takes time from what is measured.
        while not self.ended.wait(2.0):
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

    def thirds(self, column: int) -> str:
        values = [sample[column] for sample in self.samples]
        third = max(1, len(values) // 3)
        means = [statistics.fmean(values[i * third : (i + 1) * third]) for i in range(3)]
        return ", ".join(f"{mean:,.0f}" for mean in means) + f"; peak {max(values):,.0f}"


if __name__ == "__main__":
    main()
