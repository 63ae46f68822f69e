"""An incremental run over a long history, against the new spans alone.

Fills a store with a history, evaluates it in a nightly run, appends new spans that arrived an hour
later and measures one incremental run; then the same new spans in a store of their own. Each run
is a process of its own.

    python -m benchmarks.increments --history 1000000 --spans 60000
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from analytics.config import AnalysisConfig
from analytics.job.memory import POLARS_ALLOCATOR
from benchmarks.analysis import (
    BEGIN,
    NIGHT,
    SECOND,
    SPANS_A_TRACE,
    analyse,
    fill,
    measured,
    spans_of,
)
from span_store.store import SpanStore

LATER = NIGHT + timedelta(hours=2)
TRACES_AN_APPEND = 3_000


def add(place: Path, first: int, span_count: int) -> None:
    """Append new traces that arrived between the nightly run and the one measured."""
    store = SpanStore(place)
    traces = span_count // SPANS_A_TRACE
    begin = BEGIN + 26 * 3_600 * SECOND
    for done in range(0, traces, TRACES_AN_APPEND):
        count = min(TRACES_AN_APPEND, traces - done)
        rows = spans_of(done, count, traces, begin=begin, seconds=1_800, numbered_from=first)
        store.append("spans", rows)


def history(place: Path, span_count: int, chunk_traces: int) -> None:
    """A store whose spans were all evaluated by a nightly run."""
    if not (place / "spans").exists():
        fill(place, span_count)
    if not (place / "runs").exists():
        measured(analyse, place, chunk_traces, ())


def main() -> None:
    """Fill, evaluate, append, and compare the two incremental runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--spans", type=int, default=60_000)
    parser.add_argument("--place", type=Path, help="A filled store; it is copied, not changed.")
    options = parser.parse_args()
    os.environ.setdefault(*POLARS_ALLOCATOR)
    chunk_traces = AnalysisConfig().chunk_traces
    folder = Path(tempfile.mkdtemp(prefix="increments-"))
    long, alone = folder / "long", folder / "alone"
    if options.place is not None:
        shutil.copytree(options.place, long)
    history(long, options.history, chunk_traces)
    runs = {}
    for name, place in (("over_history", long), ("alone", alone)):
        add(place, options.history // SPANS_A_TRACE, options.spans)
        runs[name] = measured(analyse, place, chunk_traces, (), LATER, True)
    seconds = [run["seconds"] for run in runs.values()]
    processor = [run["cpu_seconds"] for run in runs.values()]
    print(
        json.dumps(
            {
                "history": options.history,
                "spans": options.spans,
                "ratio": round(seconds[0] / seconds[1], 2),
                "cpu_ratio": round(processor[0] / processor[1], 2),
                **runs,
            },
            indent=2,
            default=str,
        )
    )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
