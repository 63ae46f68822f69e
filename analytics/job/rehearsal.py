"""A rehearsal of the semantic detectors on a made-up conversation, before the first real one.

They compile their expressions and read their weights when they are first asked about a text: a
third of a second of one thread, best spent while a processor has nothing else to do.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
from analytics.detectors.evaluation import evaluate
from analytics.detectors.prefilters import PREFILTERS
from analytics.traces import LIGHT_COLUMNS, assemble
from span_store.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector

_SECOND = 1_000_000_000
_CONVERSATION = (
    ("user", "Please look it up again, and answer every question this time."),
    ("assistant", "I have looked it up for you: it is on the second shelf."),
    ("user", "No, that is not what I asked for."),
)


def rehearse(detectors: Sequence[Detector], config: AnalysisConfig, as_of: datetime) -> None:
    """Let the semantic ones decide on a trace that nobody sent; nobody hears the answer."""
    spans = pl.DataFrame([_tool(), _call()], schema=SPANS.polars)
    times = pl.from_epoch(pl.col("start_time", "end_time"), time_unit="ns")
    context = DetectorContext(
        project="",
        as_of=as_of,
        # Every trace is read closely, whatever its words.
        config=replace(config, semantic_sample_rate=1.0),
        traces=assemble(spans.select(LIGHT_COLUMNS)),
        span_frame=spans.select(SPAN_COLUMNS).with_columns(times.dt.replace_time_zone("UTC")),
    )
    evaluate(context, [detector for detector in detectors if detector.id in PREFILTERS])
    context.forget()


def _span(span_id: str, **values: Any) -> dict[str, Any]:
    moments = {"start_time": 0, "end_time": _SECOND, "received_at": _SECOND}
    known = {"trace_id": "0" * 31 + "1", "span_id": span_id, "name": "rehearsal", "is_error": False}
    return dict.fromkeys(SPANS.names) | moments | known | values


def _call() -> dict[str, Any]:
    said = [
        {"role": role, "parts": [{"type": "text", "content": text}]} for role, text in _CONVERSATION
    ]
    answer = {"role": "assistant", "parts": [{"type": "text", "content": _CONVERSATION[1][1]}]}
    return _span(
        "0" * 15 + "1",
        operation_name="chat",
        is_model_call=True,
        input_messages=json.dumps(said),
        output_messages=json.dumps([answer]),
    )


def _tool() -> dict[str, Any]:
    return _span(
        "0" * 15 + "2",
        operation_name="execute_tool",
        parent_span_id="0" * 15 + "1",
        is_model_call=False,
        tool_name="look",
        tool_arguments='{"shelf":2}',
        tool_result='{"text":"It is on the second shelf."}',
    )
