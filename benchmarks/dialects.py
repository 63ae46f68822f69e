"""Decoding and understanding together, against ptars alone on the same bytes, on one core.

Usage: python -m benchmarks.dialects [--spans 40000] [--repeats 5] [--profile CODE]

The bytes are the captured exports of each dialect, repeated; in every repetition words of the
prompts and answers are replaced, so that the texts of different repetitions are distinct and
nothing is understood once for all of them.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import pyarrow as pa  # noqa: E402

from otlp_receiver.decode_schema import wire_handler  # noqa: E402
from otlp_receiver.dialects.captures import Capture, read_captures  # noqa: E402
from otlp_receiver.record import SpoolRecord  # noqa: E402
from otlp_receiver.rows import to_rows  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ARCHIVE = Path(__file__).parents[1] / "tests" / "data" / "captures" / "captures.tar.xz"

CASES = {
    # code: (folders, the share of ptars' rate that must be reached)
    "A": (("A-genai-openai-span-only",), 0.30),
    "C2": (("C2-openllmetry-openai", "C2-traceloop-sdk"), 0.30),
    "E2": (("E2-ai-sdk-7-otel",), 0.30),
    "C1": (("C1-openllmetry-openai-0.40", "C1-traceloop-sdk-0.40"), 0.12),
    "D": (("D-openinference-openai",), 0.12),
}

_VARIED = (b"concise", b"capital", b"refunds", b"invoice", b"streams", b"password")


_SPANS_A_REQUEST = 512


def bodies_of(captures: list[Capture], span_count: int) -> list[bytes]:
    """Trace requests with at least this many spans, texts varied from repetition to repetition."""
    handler = wire_handler("Traces")
    once = [
        record.body
        for capture in captures
        for record in capture.records()
        if record.signal == "traces"
    ]
    spans = _spans(handler.list_to_record_batch(once))
    bodies = []
    for repetition in range(-(-span_count // spans)):
        for body in once:
            varied = body
            for word in _VARIED:
                varied = varied.replace(word, f"{repetition:0{len(word)}d}".encode())
            bodies.append(varied)
    # An exporter sends hundreds of spans at once; requests strung together are one request.
    joined = -(-_SPANS_A_REQUEST * len(once) // spans)
    return [b"".join(bodies[at : at + joined]) for at in range(0, len(bodies), joined)]


def _spans(batch: pa.RecordBatch) -> int:
    return len(batch.column(0).flatten().field("scope_spans").flatten().field("spans").flatten())


def seconds(function: Callable[[], object]) -> float:
    """Processor time of one call: neighbours on the machine lengthen the time on the wall."""
    begin = time.process_time()
    function()
    return time.process_time() - begin


def main() -> None:
    """Print one line a dialect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    captures = list(read_captures(ARCHIVE))
    if options.profile:
        _profile(captures, options.profile, options.spans)
        return
    print("dialect  spans  bytes/span  ptars spans/s  to_rows spans/s  ratio  asked")
    for code, (folders, asked) in CASES.items():
        if options.only and code not in options.only.split(","):
            continue
        chosen = [capture for capture in captures if capture.dialect in folders]
        bodies = bodies_of(chosen, options.spans)
        handler = wire_handler("Traces")
        count = _spans(handler.list_to_record_batch(bodies))
        records = _records(bodies)
        to_rows(records[:50])
        alone, both = [], []
        for _ in range(options.repeats):
            alone.append(seconds(partial(handler.list_to_record_batch, bodies)))
            both.append(seconds(partial(to_rows, records)))
        pairs = sorted(one / other for one, other in zip(alone, both, strict=True))
        ratio = pairs[len(pairs) // 2]
        print(
            f"{code:7} {count:6} {sum(map(len, bodies)) / count:11.0f}"
            f" {count / min(alone):14,.0f} {count / min(both):16,.0f}"
            f" {ratio:6.2f} {asked:6.2f}"
        )


def _records(bodies: list[bytes]) -> list[SpoolRecord]:
    return [
        SpoolRecord(number=number, project="p", signal="traces", received_at=1, body=body)
        for number, body in enumerate(bodies)
    ]


def _profile(captures: list[Capture], code: str, span_count: int) -> None:
    import cProfile
    import pstats

    folders, _ = CASES[code]
    chosen = [capture for capture in captures if capture.dialect in folders]
    records = _records(bodies_of(chosen, span_count))
    to_rows(records[:50])
    profile = cProfile.Profile()
    profile.runcall(to_rows, records)
    pstats.Stats(profile).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
