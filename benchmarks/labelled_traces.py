"""Labelled texts and dialogues as traces, so that whole detectors are measured, not parts."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import polars as pl

from analytics.config import AnalysisConfig
from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
from analytics.traces import LIGHT_COLUMNS, assemble
from span_store.schema import SPANS
from span_store.store import as_times

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = AnalysisConfig(semantic_sample_rate=0.0)
_SECOND = 1_000_000_000


def part(text):
    return {"type": "text", "content": text}


def message(role, text):
    return {"role": role, "parts": [part(text)]}


def call(name, turns, *, tool_result=None):
    """Spans of one trace: a model call that holds the turns, and a tool span with a result.

    ``turns`` is a list of (role, text); a last assistant turn is the call's output.
    """
    turns = [(role, text) for role, text in turns if text]
    answer = turns.pop() if turns and turns[-1][0] == "assistant" else None
    spans = [
        _span(
            name,
            "chat",
            operation_name="chat",
            is_model_call=True,
            input_messages=json.dumps([message(role, text) for role, text in turns]),
            output_messages=None if answer is None else json.dumps([message(*answer)]),
        )
    ]
    if tool_result is not None:
        result = {"operation_name": "execute_tool", "tool_name": "fetch"}
        spans.append(_span(name, "tool", **result, tool_result=json.dumps(tool_result)))
    return spans


def decisions(detector, traces):
    """The detector's decision for each trace: a list, in the order of ``traces``."""
    rows = [span for spans in traces for span in spans]
    table = pl.DataFrame(rows, schema=SPANS.polars, orient="row")
    context = DetectorContext(
        project="benchmark",
        as_of=AS_OF,
        config=CONFIG,
        traces=assemble(table.select(LIGHT_COLUMNS)),
        span_frame=as_times(table.lazy(), SPANS).select(SPAN_COLUMNS).collect(),
    )
    answer = detector.decide(context)
    by_trace = dict(zip(answer["trace_id"], answer["decision"], strict=True))
    ids = [spans[0]["trace_id"] for spans in traces]
    return [by_trace.get(trace_id, "no_match") for trace_id in ids], context


def ranking(detector, context):
    """How sure the detector is of each trace: claims above ambiguities, by confidence."""
    answer = detector.decide(context)
    steps = {"matched": 1.0, "ambiguous": 0.0}
    return {
        row["trace_id"]: steps[row["decision"]] + (row["confidence"] or 0.0)
        for row in answer.iter_rows(named=True)
        if row["decision"] in steps
    }


def customer_runs(folder: Path):
    """The airline agent's runs: name, turns of user and assistant, and whether it succeeded."""
    with gzip.open(folder / "tau_bench" / "gpt-4o-airline.json.gz") as file:
        runs = json.load(file)
    for number, run in enumerate(runs):
        turns = [
            (entry["role"], entry["content"])
            for entry in run["traj"]
            if entry["role"] in ("user", "assistant") and entry.get("content")
        ]
        yield f"run {number}", turns, run["reward"]


def task_dialogues(folder: Path):
    """Dialogues whose last turn may contradict the history: name, turns, contradicts history."""
    for place in sorted((folder / "ci_tod").glob("*_dev.json")) + sorted(
        (folder / "ci_tod").glob("*_test.json")
    ):
        for number, entry in enumerate(json.loads(place.read_text(encoding="utf-8"))):
            turns = [
                ("assistant" if turn["turn"] == "assistant" else "user", turn["utterance"])
                for turn in entry["dialogue"]
            ]
            yield f"{place.stem} {number}", turns, int(str(entry["scenario"]["hi"]) == "1")


def _span(trace, name, **values):
    row = dict.fromkeys(SPANS.names)
    digest = blake2b(f"{trace}/{name}".encode(), digest_size=8).hexdigest()
    start = int(AS_OF.timestamp()) * _SECOND
    row |= {
        "project": "benchmark",
        "trace_id": blake2b(trace.encode(), digest_size=16).hexdigest(),
        "span_id": digest,
        "name": name,
        "start_time": start,
        "end_time": start + _SECOND,
        "received_at": start + _SECOND,
        "is_error": False,
        "is_model_call": False,
        "content_truncated": False,
        "dropped_attributes_count": 0,
        "dropped_events_count": 0,
    }
    return row | values
