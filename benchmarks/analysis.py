"""The batch job at size: time against a bare scan of the same columns, and peak memory.

Writes generated spans straight to the tables (agent traces: an agent span, three model calls with
content, two tool spans; every trace has its own ids and texts), then measures, each in a process of
its own: a bare Polars scan of the columns that the job reads, and one nightly run of the job. The
scan is measured twice: streamed through, every value made and nothing kept, which is the least it
can take, and collected into a frame, as a program that wants the columns would ask for them. Scans
and job take turns, because machines change their speed.

    python -m benchmarks.analysis --spans 1000000
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from analytics.config import AnalysisConfig
from analytics.detectors.context import SPAN_COLUMNS
from analytics.job import execution, run
from analytics.job.memory import POLARS_ALLOCATOR
from analytics.traces import LIGHT_COLUMNS
from otlp_receiver.memory import spare_garbage_collector
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.layout import ROW_KEY
from span_store.model_calls import COLUMNS as CALL_COLUMNS
from span_store.schema import SPANS
from span_store.store import SpanStore

SECOND = 1_000_000_000
BEGIN = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * SECOND
NIGHT = datetime(2026, 3, 3, 1, tzinfo=UTC)
"""The moment of the nightly run: all traces of the day before are complete."""
SPANS_A_TRACE = 6
COLUMNS_READ = list(dict.fromkeys([*LIGHT_COLUMNS, *SPAN_COLUMNS, *CALL_COLUMNS, ROW_KEY]))
"""The columns of the spans that the job reads."""
WORDS = (  # noqa: SIM905  # A list of words reads best as words.
    "refund order ticket flight window seat booking policy customer account invoice payment "
    "delivery address change cancel upgrade luggage insurance agent reply status update detail"
).split()


def spans_of(
    first: int,
    count: int,
    total: int,
    *,
    begin: int = BEGIN,
    seconds: int = 86_400,
    numbered_from: int = 0,
) -> pl.DataFrame:
    """Rows of ``count`` traces out of ``total`` that are spread over so many seconds."""
    spread = seconds * SECOND // max(total, 1)
    rng = np.random.default_rng(first)
    place = np.arange(first, first + count)
    number = place + numbered_from
    trace = pl.Series("trace_id", [f"{value:032x}" for value in (number + 1) * 2654435761 % 2**62])
    kind = np.tile(np.arange(SPANS_A_TRACE), count)
    index = np.repeat(np.arange(count), SPANS_A_TRACE)
    seconds = rng.lognormal(1.0, 0.3, count)
    starts = begin + place * spread
    offset = np.array([0.0, 0.02, 0.3, 0.4, 0.7, 0.75])[kind]
    length = np.array([1.0, 0.25, 0.05, 0.28, 0.03, 0.2])[kind]
    start = starts[index] + (offset * seconds[index] * SECOND).astype(np.int64)
    end = start + (length * seconds[index] * SECOND).astype(np.int64)
    frame = pl.DataFrame(
        {
            "place": pl.Series(index * SPANS_A_TRACE + kind),
            "kind_index": pl.Series(kind),
            "trace_id": trace.gather(index),
            "start_time": start,
            "end_time": end,
        }
    )
    is_model = pl.col("kind_index").is_in([1, 3, 5])
    is_tool = pl.col("kind_index").is_in([2, 4])
    tokens = rng.lognormal(7, 0.4, frame.height).astype(np.int64)
    question, notes = texts(rng, count, 30), texts(rng, count, 60)
    agent = pl.Series(np.array(["support", "travel", "billing", "search"])[number % 4]).gather(
        index
    )
    frame = frame.with_columns(
        span_id=pl.format("{}{}", pl.col("trace_id").str.slice(17), pl.col("kind_index")),
        agent_name=agent,
        question=question.gather(index),
        notes=notes.gather(index),
        tokens=pl.Series(tokens),
    )
    frame = frame.with_columns(history())
    return frame.select(
        *columns(is_model, is_tool),
        *(
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in SPANS.polars.items()
            if name not in FILLED
        ),
    ).select(SPANS.names)


def texts(rng: np.random.Generator, count: int, words: int) -> pl.Series:
    """Texts that no two traces share."""
    picks = rng.integers(0, len(WORDS), (count, words))
    vocabulary = np.array(WORDS)
    return pl.Series([" ".join(row) for row in vocabulary[picks]])


def filled(text: str, *values: pl.Expr | str) -> pl.Expr:
    """The text with each ``%s`` replaced by the next expression."""
    pieces: list[pl.Expr] = []
    for place, literal in enumerate(text.split("%s")):
        pieces.append(pl.lit(literal))
        if place < len(values):
            value = values[place]
            pieces.append(pl.col(value) if isinstance(value, str) else value)
    return pl.concat_str(pieces)


def history() -> list[pl.Expr]:
    """Messages as an agent's model calls carry them: each repeats what came before."""
    start = (
        '{"role":"system","parts":[{"type":"text","content":"You help customers."}]},'
        '{"role":"user","parts":[{"type":"text","content":"%s"}]}'
    )
    call = (
        '{"role":"assistant","parts":[{"type":"tool_call","id":"%s","name":"%s",'
        '"arguments":{"query":"%s","limit":5}}],"finish_reason":"tool_call"}'
    )
    response = (
        '{"role":"tool","parts":[{"type":"tool_call_response","id":"%s","response":'
        '{"status":"ok","items":["%s"]}}]}'
    )
    answer = '{"role":"assistant","parts":[{"type":"text","content":"%s"}],"finish_reason":"stop"}'
    begin = filled(start, "question")
    first = filled(call, pl.lit("c1"), pl.lit("search"), pl.col("question").str.slice(0, 30))
    second = filled(call, pl.lit("c2"), pl.lit("open"), pl.col("notes").str.slice(0, 20))
    one = filled(response, pl.lit("c1"), "notes")
    two = filled(response, pl.lit("c2"), pl.col("notes").str.slice(40, 80))
    return [
        filled("[%s]", begin).alias("input_1"),
        filled("[%s,%s,%s]", begin, first, one).alias("input_2"),
        filled("[%s,%s,%s,%s,%s]", begin, first, one, second, two).alias("input_3"),
        filled("[%s]", first).alias("output_1"),
        filled("[%s]", second).alias("output_2"),
        filled(f"[{answer}]", "notes").alias("output_3"),
    ]


DEFINITIONS = json.dumps(
    [
        {
            "type": "function",
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["query"],
            },
        }
        for name in ("search", "open")
    ]
)


def columns(is_model: pl.Expr, is_tool: pl.Expr) -> list[pl.Expr]:
    """The columns of the table that the generated spans fill."""
    kind = pl.col("kind_index")
    parent = pl.when(kind > 0).then(pl.format("{}0", pl.col("trace_id").str.slice(17)))
    tool = pl.when(kind == 2).then(pl.lit("search")).when(kind == 4).then(pl.lit("open"))
    by_call = [pl.when(kind == place) for place in (1, 3, 5)]
    finish = pl.when(kind == 5).then(pl.lit("stop")).otherwise(pl.lit("tool_call"))
    values = {
        "project": pl.lit("default"),
        "trace_id": pl.col("trace_id"),
        "span_id": pl.col("span_id"),
        "parent_span_id": parent,
        "name": pl.when(is_model)
        .then(pl.lit("chat gpt-4o"))
        .when(is_tool)
        .then(pl.format("execute_tool {}", tool))
        .otherwise(pl.format("invoke_agent {}", "agent_name")),
        "kind": pl.lit("internal"),
        "start_time": pl.col("start_time"),
        "end_time": pl.col("end_time"),
        "duration_ms": (pl.col("end_time") - pl.col("start_time")) / 1e6,
        "received_at": pl.col("end_time") + 5 * SECOND,
        "status_code": pl.lit("unset"),
        "is_error": pl.lit(value=False),
        "service_name": pl.lit("desk"),
        "scope_name": pl.lit("opentelemetry.util.genai.handler"),
        "dialect": pl.lit("A"),
        "operation_name": pl.when(is_model)
        .then(pl.lit("chat"))
        .when(is_tool)
        .then(pl.lit("execute_tool"))
        .otherwise(pl.lit("invoke_agent")),
        "provider_name": pl.when(is_model).then(pl.lit("openai")),
        "request_model": pl.when(is_model).then(pl.lit("gpt-4o")),
        "conversation_id": pl.col("trace_id").str.slice(20),
        "agent_name": pl.when(kind == 0).then(pl.col("agent_name")),
        "input_messages": by_call[0]
        .then("input_1")
        .otherwise(by_call[1].then("input_2").otherwise(by_call[2].then("input_3"))),
        "output_messages": by_call[0]
        .then("output_1")
        .otherwise(by_call[1].then("output_2").otherwise(by_call[2].then("output_3"))),
        "tool_definitions": pl.when(is_model).then(pl.lit(DEFINITIONS)),
        "tool_name": pl.when(is_tool).then(tool),
        "tool_call_id": pl.when(is_tool).then(
            pl.when(kind == 2).then(pl.lit("c1")).otherwise(pl.lit("c2"))
        ),
        "tool_arguments": pl.when(is_tool).then(
            pl.concat_str(
                pl.lit('{"query":"'), pl.col("question").str.slice(0, 30), pl.lit('","limit":5}')
            )
        ),
        "tool_result": pl.when(is_tool).then(
            pl.concat_str(pl.lit('{"status":"ok","items":["'), "notes", pl.lit('"]}'))
        ),
        "finish_reasons": pl.when(is_model).then(pl.concat_list(finish)),
        "input_tokens": pl.when(is_model).then(pl.col("tokens")),
        "output_tokens": pl.when(is_model).then(pl.lit(120)),
        "total_tokens": pl.when(is_model).then(pl.col("tokens") + 120),
        "cost_usd": pl.when(is_model).then(pl.col("tokens") * 2.5e-6 + 0.0012),
        "is_model_call": is_model,
        "is_tool_call": is_tool,
        "content_truncated": pl.lit(value=False),
        "dropped_attributes_count": pl.lit(0),
        "dropped_events_count": pl.lit(0),
        "attributes": pl.lit('{"deployment.environment":"production"}'),
    }
    return [value.alias(name) for name, value in values.items()]


FILLED = {expression.meta.output_name() for expression in columns(pl.lit(True), pl.lit(True))}


def fill(place: Path, span_count: int) -> int:
    """Write the spans; gives the number of traces."""
    store = SpanStore(place)
    traces = span_count // SPANS_A_TRACE
    for first in range(0, traces, 20_000):
        count = min(20_000, traces - first)
        store.append("spans", spans_of(first, count, traces))
    return traces


ENGINE = execution
"""What ``run`` imports: imports are in no measured time, neither of the scans nor of the job."""


def measured(function: object, *arguments: object) -> dict[str, object]:
    """Run in a process of its own; seconds, peak memory and what the function gave."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_timed, (function, arguments))  # type: ignore[no-any-return]


def _timed(function, arguments):
    spare_garbage_collector()
    began, used = time.perf_counter(), time.process_time()
    value = function(*arguments)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - used,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "value": value,
    }


def scan(place: Path) -> int:
    """The bare scan: every column of the spans that the job reads, once, every value made.

    These are the columns of trace assembly, those that detectors see, those that tell twins of a
    call apart, and the row key; the job reads some of them more than once. A text counts as made
    when Polars has decompressed and decoded it and knows its length. The same files, Polars' own
    reader of the table format, its streaming engine.
    """
    frame = pl.scan_delta(str(place / "spans")).select(COLUMNS_READ)
    kinds = frame.collect_schema()
    touched = frame.select(
        pl.col(name).str.len_bytes().sum()
        if kinds[name] == pl.String
        else pl.col(name).list.len().sum()
        if isinstance(kinds[name], pl.List)
        else pl.col(name).sum()
        for name in kinds
    )
    return int(touched.collect(engine="streaming").height)


def scan_to_frame(place: Path) -> int:
    """The same columns as one frame in memory: ``scan_delta(…).select(…).collect()``."""
    return pl.scan_delta(str(place / "spans")).select(COLUMNS_READ).collect().height


def analyse(
    place: Path,
    chunk_traces: int,
    without: tuple[str, ...],
    as_of: datetime = NIGHT,
    incremental: bool = False,
) -> dict[str, object]:
    """One nightly run, or an incremental one."""
    queues = QueueStore.open(f"sqlite:///{place / 'queue.sqlite3'}", QueueConfig())
    report = run(
        SpanStore(place),
        queues,
        project="default",
        as_of=as_of,
        config=AnalysisConfig(chunk_traces=chunk_traces, disabled_detectors=without),
        clock=lambda: datetime.now(UTC),
        incremental=incremental,
    )
    queues.close()
    return {
        "seconds": report.seconds,
        "evaluated": report.traces_evaluated,
        "matched": {count.detector: count.matched for count in report.detectors},
        "skipped": {count.detector: count.skip_reasons for count in report.detectors},
    }


def forget_runs(place: Path) -> None:
    """Remove what earlier runs left beside the spans."""
    for name in ("traces", "findings", "baselines", "runs"):
        shutil.rmtree(place / name, ignore_errors=True)
    for file in place.glob("queue.sqlite3*"):
        file.unlink()


def against(jobs: list[dict[str, object]], scans: list[dict[str, object]]) -> dict[str, object]:
    """The scans of the rounds, the job's ratio to each, and the middle one of the ratios."""
    ratios = [job["seconds"] / one["seconds"] for job, one in zip(jobs, scans, strict=True)]
    processor = [
        job["cpu_seconds"] / one["cpu_seconds"] for job, one in zip(jobs, scans, strict=True)
    ]
    return {
        "seconds": [round(one["seconds"], 2) for one in scans],
        "peak_mib": round(max(one["peak_mib"] for one in scans)),
        "ratios": [round(ratio, 1) for ratio in ratios],
        "ratio": round(statistics.median(ratios), 1),
        "ratio_of_processor_time": round(statistics.median(processor), 1),
    }


def main() -> None:
    """Fill, and in rounds scan and analyse; print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--place", type=Path)
    parser.add_argument(
        "--without", nargs="*", default=[], metavar="DETECTOR", help="Detectors left out."
    )
    parser.add_argument("--chunk-traces", type=int, default=AnalysisConfig().chunk_traces)
    parser.add_argument("--rounds", type=int, default=3, help="The scans and the job, in turn.")
    parser.add_argument(
        "--only-streamed", action="store_true", help="No frame: of ten million spans it is 14 GB."
    )
    options = parser.parse_args()
    # As the command does; the bare scans have it too.
    os.environ.setdefault(*POLARS_ALLOCATOR)
    place = options.place or Path(tempfile.mkdtemp(prefix="analysis-"))
    if not (place / "spans").exists():
        fill(place, options.spans)
    collected, streamed, jobs = [], [], []
    for _ in range(options.rounds):
        forget_runs(place)
        if not options.only_streamed:
            collected.append(measured(scan_to_frame, place))
        streamed.append(measured(scan, place))
        jobs.append(measured(analyse, place, options.chunk_traces, tuple(options.without)))
    print(
        json.dumps(
            {
                "spans": options.spans,
                "analyze_seconds": [round(job["seconds"], 2) for job in jobs],
                "analyze_peak_mib": round(max(job["peak_mib"] for job in jobs)),
                "scan_streamed": against(jobs, streamed),
                "scan_collected": against(jobs, collected) if collected else None,
                "report": jobs[-1]["value"],
            },
            indent=2,
        )
    )
    if options.place is None:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
