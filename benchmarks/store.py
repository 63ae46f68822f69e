"""The tables: what durability, duplicate removal, lookups, a long log and compaction cost.

Every line is a ratio of two things measured in this run, in processor seconds, on the rows of
``benchmarks.analysis``:

- an append (durable, with transaction) against writing the same rows as one Parquet file;
- a scan that removes duplicates against a bare scan of the same columns, without and with doubles;
- opening a table after thousands of commits against opening it after one;
- a compacted table against the same rows as appended: scan time and bytes;
- one trace, and new spans with their traces, against a scan of everything.

    python -m benchmarks.store --spans 600000 --commits 3000
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks.analysis import SPANS_A_TRACE, spans_of
from span_store.compaction import compact
from span_store.maintenance import Maintenance
from span_store.schema import SPANS
from span_store.store import SpanStore

APPEND_TRACES = 3_400
"""Traces of one append: about 20,000 spans, a second of a busy receiver."""

COLUMNS = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_time",
    "duration_ms",
    "is_error",
    "operation_name",
    "request_model",
    "input_tokens",
    "output_tokens",
    "input_messages",
    "output_messages",
    "tool_arguments",
    "tool_result",
]


def main():
    """Measure, and print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spans", type=int, default=600_000)
    parser.add_argument("--commits", type=int, default=3_000)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    options = parser.parse_args()
    place = options.keep or Path(tempfile.mkdtemp(prefix="spandocket-store-"))
    try:
        traces = options.spans // SPANS_A_TRACE
        tell("append", **append(place, traces))
        scanned = scans(place)
        tell("scan", **scanned)
        tell("lookup", **lookups(place, traces))
        tell("compact", **compaction(place, scanned["bare_seconds"]))
        tell("lookup_compacted", **lookups(place, traces))
        tell("doubles", **with_doubles(place, traces))
        tell("log", **long_log(place / "log", options.commits))
    finally:
        if options.keep is None:
            shutil.rmtree(place, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    tell("memory", spans=options.spans, peak_mib=round(peak / 2**20))


def tell(name, **values):
    """One result."""
    rounded = {
        key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()
    }
    print(json.dumps({"measured": name} | rounded), flush=True)


def seconds(work, times=4):
    """Processor seconds of the cheapest of some runs.

    Of all threads, and not the time on the clock: the machine may be busy with other things.
    """
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def append(place, traces):
    """Append everything in batches; now and then write the same rows as a plain file."""
    store = SpanStore(place)
    appended = plain = 0.0
    rows = plain_rows = 0
    for number, first in enumerate(range(0, traces, APPEND_TRACES)):
        frame = spans_of(first, min(APPEND_TRACES, traces - first), traces)
        start = time.process_time()
        store.append("spans", frame, ("benchmark", number))
        appended += time.process_time() - start
        rows += frame.height
        if number % 5 == 0:
            start = time.process_time()
            frame.write_parquet(place / "plain.parquet", compression="lz4")
            plain += time.process_time() - start
            plain_rows += frame.height
    (place / "plain.parquet").unlink()
    return {
        "rows": rows,
        "rows_per_second": round(rows / appended),
        "plain_parquet_rows_per_second": round(plain_rows / plain),
        "ratio": (plain / plain_rows) / (appended / rows),
    }


def bare(place):
    """Read the columns of all live files, nothing else."""
    _, files = SpanStore(place).table_log("spans").live_files()
    pl.scan_parquet(files["path"].to_list()).select(pl.col(COLUMNS).null_count()).collect(
        engine="streaming"
    )


def deduplicated(place):
    """The same through the store, which looks for duplicates first."""
    SpanStore(place).scan("spans", columns=COLUMNS).select(pl.all().null_count()).collect(
        engine="streaming"
    )


def scans(place):
    """Duplicate removal on a table without duplicates."""
    bare_seconds, with_rule = seconds(lambda: bare(place)), seconds(lambda: deduplicated(place))
    return {
        "bare_seconds": bare_seconds,
        "deduplicated_seconds": with_rule,
        "ratio": with_rule / bare_seconds,
    }


def lookups(place, traces):
    """One trace; and as an incremental reader does it, the last file's spans and their traces."""
    store = SpanStore(place)
    one = spans_of(traces // 2, 1, traces)["trace_id"][0]
    scan_seconds = seconds(lambda: bare(place))
    one_seconds = seconds(
        lambda: SpanStore(place).scan("spans", trace_ids=[one], columns=COLUMNS).collect()
    )
    last = spans_of(traces - APPEND_TRACES, APPEND_TRACES, traces)
    since = int(last["received_at"].min())

    def incremental():
        new = store.scan("spans", received_since=since, columns=["trace_id"]).collect()
        ids = new["trace_id"].unique().to_list()
        return store.scan("spans", trace_ids=ids, columns=COLUMNS).collect().height

    first_seconds = seconds(incremental, times=1)
    return {
        "scan_seconds": scan_seconds,
        "one_trace_seconds": one_seconds,
        "one_trace_ratio": one_seconds / scan_seconds,
        "new_spans": last.height,
        "incremental_first_seconds": first_seconds,
        "incremental_next_seconds": seconds(incremental),
    }


def compaction(place, bare_seconds):
    """Merge everything; scan again."""
    store = SpanStore(place)
    start = time.process_time()
    keeper = Maintenance(store, "spans", datetime.now(UTC))
    report = compact(keeper, target_bytes=64 * 2**20, files_min=2)
    took = time.process_time() - start
    return {
        "files": f"{report.files_before} -> {report.files_after}",
        "rows_per_second": round(report.rows_before / took),
        "bytes_ratio": report.bytes_after / report.bytes_before,
        "scan_ratio": seconds(lambda: bare(place)) / bare_seconds,
    }


def with_doubles(place, traces):
    """Send a hundredth of the spans again, then scan as before."""
    store = SpanStore(place)
    count = max(1, traces // 100)
    again = spans_of(traces // 3, count, traces)
    store.append("spans", again.with_columns(pl.col("received_at") + 1))
    bare_seconds, with_rule = seconds(lambda: bare(place)), seconds(lambda: deduplicated(place))
    return {
        "doubled_rows": again.height,
        "deduplicated_seconds": with_rule,
        "ratio": with_rule / bare_seconds,
    }


def long_log(place, commits):
    """Open a table after one commit and after many."""
    store = SpanStore(place)
    frame = pl.DataFrame(schema=SPANS.polars).clear()
    store.append("spans", frame, ("benchmark", 0))

    def open_table():
        SpanStore(place).last_transaction("spans", "benchmark")

    once = seconds(open_table)
    log = store.table_log("spans")
    start = time.process_time()
    for number in range(1, commits):
        log.commit([], {"benchmark": number})
    each = (time.process_time() - start) / (commits - 1)
    many = seconds(open_table)
    return {
        "commits": commits,
        "open_after_one_seconds": once,
        "open_seconds": many,
        "ratio": many / once,
        "commit_seconds": each,
    }


if __name__ == "__main__":
    main()
