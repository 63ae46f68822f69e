"""Deterministic detectors over published agent runs: what they flag, by how the runs ended.

``python -m benchmarks.trajectories --data DIR [--show N]``. DIR is the folder of data sets that
``python -m benchmarks.detectors`` reads. ``--show N`` prints N flags of each kind for reading.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from pathlib import Path

import polars as pl

from analytics.detectors.catalog import load
from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
from analytics.detectors.evaluation import evaluate
from analytics.traces import LIGHT_COLUMNS, assemble
from benchmarks.labelled_traces import AS_OF, CONFIG, _span
from span_store.schema import SPANS
from span_store.store import as_times

DETECTORS = ("tool_call_errors", "trashing", "empty_response", "output_schema_validation")
SECOND = 1_000_000_000
_STEP = re.compile(r"^(Thought|Action|Observation) (\d+): ?", re.MULTILINE)
_ACTION = re.compile(r"^(\w+)\[(.*)\]\s*$", re.DOTALL)
_EPISODE = re.compile(r"^Question: ", re.MULTILINE)


class Trace:
    """The spans of one run, a second apart."""

    def __init__(self, name):
        self.name, self.spans, self.history = name, [], []
        self.add("invoke_agent", operation_name="invoke_agent", agent_name="agent")

    def add(self, name, **values):
        span = _span(self.name, f"{name} {len(self.spans)}", **values)
        begin = span["start_time"] + len(self.spans) * SECOND
        span |= {"start_time": begin, "end_time": begin + SECOND, "received_at": begin + SECOND}
        if self.spans:
            span["parent_span_id"] = self.spans[0]["span_id"]
            self.spans[0]["end_time"] = self.spans[0]["received_at"] = begin + SECOND
        self.spans.append(span)

    def answer(self, text, call=None):
        parts = [{"type": "text", "content": text}] if text else []
        if call is not None:
            parts.append({"type": "tool_call", **call})
        message = {"role": "assistant", "parts": parts}
        self.add(
            "chat",
            operation_name="chat",
            is_model_call=True,
            finish_reasons=["tool_call" if call else "stop"],
            input_messages=json.dumps(self.history),
            output_messages=json.dumps([message]),
        )
        self.history.append(message)

    def user(self, text):
        self.history.append({"role": "user", "parts": [{"type": "text", "content": text}]})

    def tool(self, name, call_id, arguments, result, *, failed=False):
        part = {"type": "tool_call_response", "id": call_id, "response": result}
        self.history.append({"role": "tool", "parts": [part]})
        # The convention gives a failed call an error type and no result.
        outcome = (
            {
                "is_error": True,
                "error_type": "tool_error",
                "status_code": "error",
                "status_message": result,
            }
            if failed
            else {"tool_result": json.dumps(result)}
        )
        self.add(
            f"execute_tool {name}",
            operation_name="execute_tool",
            tool_name=name,
            tool_call_id=call_id,
            tool_arguments=json.dumps(arguments),
            **outcome,
        )


def customer_service(folder):
    """The airline agent's runs; a run ended with an error result somewhere, or without any."""
    with gzip.open(folder / "tau_bench" / "gpt-4o-airline.json.gz") as file:
        runs = json.load(file)
    for number, run in enumerate(runs):
        trace, call, has_error = Trace(f"tau {number}"), None, False
        for message in run["traj"]:
            match message["role"]:
                case "user":
                    trace.user(message["content"])
                case "assistant":
                    made = (message.get("tool_calls") or [None])[0]
                    call = (
                        None
                        if made is None
                        else {
                            "id": made["id"],
                            "name": made["function"]["name"],
                            "arguments": json.loads(made["function"]["arguments"]),
                        }
                    )
                    trace.answer(message.get("content"), call)
                case "tool":
                    failed = message["content"].startswith("Error")
                    has_error |= failed
                    trace.tool(
                        message["name"],
                        call["id"],
                        call["arguments"],
                        message["content"],
                        failed=failed,
                    )
        yield trace.spans, "with an error result" if has_error else "without"


def searches(folder, name):
    """Wikipedia agents; a run was correct, incorrect, or halted after too many steps."""
    with gzip.open(folder / "reflexion_hotpotqa" / name, "rt") as file:
        log = file.read()
    number = 0
    for section in re.split(r"^-+ BEGIN ", log, flags=re.MULTILINE)[1:]:
        ending = section.split(" ", 1)[0].lower()
        for episode in _EPISODE.split(section)[1:]:
            number += 1
            yield _episode(f"{name} {number}", episode), ending


def _episode(name, episode):
    trace = Trace(name)
    pieces = _STEP.split(episode)
    trace.user(pieces[0].strip())
    thought = call = None
    texts = [text.strip() for text in pieces[3::3]]
    for kind, number, text in zip(pieces[1::3], pieces[2::3], texts, strict=True):
        if kind == "Thought":
            thought = text
        elif kind == "Action":
            action = _ACTION.match(text.split("\n")[0])
            verb, what = action.groups() if action else ("Search", text)
            if verb == "Finish":
                trace.answer(what)
                return trace.spans
            call = {"id": f"call_{number}", "name": verb, "arguments": {"text": what}}
            trace.answer(thought, call)
        elif call is not None:
            trace.tool(call["name"], call["id"], call["arguments"], text.split("\n")[0])
            call = None
    return trace.spans


def flags(traces):
    """The decisions of the deterministic detectors, by trace."""
    table = pl.DataFrame(
        [span for spans in traces for span in spans], schema=SPANS.polars, orient="row"
    )
    context = DetectorContext(
        project="benchmark",
        as_of=AS_OF,
        config=CONFIG,
        traces=assemble(table.select(LIGHT_COLUMNS)),
        span_frame=as_times(table.lazy(), SPANS).select(SPAN_COLUMNS).collect(),
    )
    return evaluate(context, [one for one in load(CONFIG) if one.id in DETECTORS])


def measure(name, runs, show):
    """Print one line a detector and decision: how many, by how the runs ended."""
    runs = list(runs)
    endings = {spans[0]["trace_id"]: ending for spans, ending in runs}
    found = flags([spans for spans, _ in runs]).filter(
        pl.col("decision").is_in(["matched", "ambiguous"])
    )
    sizes = ", ".join(f"{count} {end}" for end, count in sorted(Counter(endings.values()).items()))
    for (detector, decision), own in found.group_by("detector", "decision", maintain_order=True):
        by_end = Counter(endings[trace_id] for trace_id in own["trace_id"])
        counts = ", ".join(f"{count} {end}" for end, count in sorted(by_end.items()))
        print(
            f"| {name} | {len(runs)}: {sizes} | {detector} | {decision} | {own.height} | {counts} |"
        )
        for row in own.head(show).iter_rows(named=True):
            print("   ", endings[row["trace_id"]], "|", row["reason"], "|", row["evidence"][:600])


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trajectories", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--show", type=int, default=0, help="flags to print for reading")
    options = parser.parse_args(arguments)
    if options.data is None:
        print("not measured: give the folder of data sets with --data")
        return
    print("| data | runs | detector | decision | flags | by how the runs ended |")
    print("|---|---|---|---|---|---|")
    measure("tau_bench, gpt-4o airline", customer_service(options.data), options.show)
    for kind in ("base", "reflexion"):
        file = f"react_{kind}_100q_5trials.txt.gz"
        measure(f"reflexion, {kind}", searches(options.data, file), options.show)


if __name__ == "__main__":
    main()
