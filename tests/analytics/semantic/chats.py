"""Traces of one model call for tests: turns in, a detector's answer out."""

from __future__ import annotations

import json

from analytics.config import AnalysisConfig
from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
from analytics.traces import LIGHT_COLUMNS, assemble
from span_store.schema import SPANS
from span_store.store import as_times
from tests.analytics.spans import AS_OF, chat, frame, identifier

NO_SAMPLE = AnalysisConfig(semantic_sample_rate=0.0)


def said(role, text):
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def talk(trace, *texts, **values):
    """A model call: user, assistant, user, ... in turn; the last text is its answer."""
    roles = ["user", "assistant"] * len(texts)
    *history, answer = texts
    inputs = [said(role, text) for role, text in zip(roles, history, strict=False)]
    return chat(trace, answer=answer, **({"input_messages": inputs} | values))


def context_of(*rows, config=NO_SAMPLE):
    table = frame(list(rows))
    spans = as_times(table.lazy(), SPANS).select(SPAN_COLUMNS).sort("start_time", "span_id")
    return DetectorContext(
        project="default",
        as_of=AS_OF,
        config=config,
        traces=assemble(table.select(LIGHT_COLUMNS)),
        span_frame=spans.collect(),
    )


def decide(detector, *rows, config=NO_SAMPLE):
    """Trace name -> the detector's row, for the traces it has something to say about."""
    answer = detector(config).decide(context_of(*rows, config=config))
    found = {row["trace_id"]: row for row in answer.iter_rows(named=True)}
    for row in found.values():
        row["evidence"] = None if row["evidence"] is None else json.loads(row["evidence"])
    return found


def one(detector, *rows, config=NO_SAMPLE):
    """The row about the trace of the last span; None for no match."""
    return decide(detector, *rows, config=config).get(rows[-1]["trace_id"])


def trace_id(name):
    return identifier(name, 32)
