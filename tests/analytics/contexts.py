"""A detector's view of a handful of spans."""

from __future__ import annotations

import polars as pl

from analytics.baselines import judge, with_cohorts
from analytics.completion import with_completion
from analytics.config import AnalysisConfig
from analytics.detectors.catalog import load
from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
from analytics.detectors.evaluation import evaluate
from analytics.traces import LIGHT_COLUMNS, assemble
from tests.analytics.spans import AS_OF, frame


def context_of(rows, config=None):
    config = config or AnalysisConfig()
    spans = frame(rows)
    traces = with_cohorts(
        with_completion(assemble(spans.select(LIGHT_COLUMNS)), as_of=AS_OF, config=config)
    ).with_columns(is_candidate=pl.lit(value=True))
    verdicts = judge(traces, config)
    return DetectorContext(
        project="default",
        as_of=AS_OF,
        config=config,
        traces=traces.join(verdicts.judged, on="trace_id", how="left"),
        span_frame=spans.select(SPAN_COLUMNS)
        .with_columns(
            pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC")
            for name in ("start_time", "end_time")
        )
        .sort("trace_id", "start_time", "span_id"),
        baselines=verdicts.outliers,
    )


def decide(detector_id, rows, config=None):
    """The detector's decisions on these spans, one dictionary a trace."""
    config = config or AnalysisConfig()
    detectors = [detector for detector in load(config) if detector.id == detector_id]
    return evaluate(context_of(rows, config), detectors).to_dicts()


def one(detector_id, rows, config=None):
    """The detector's decision on the only trace: its kind, and the whole row."""
    found = decide(detector_id, rows, config)
    assert len(found) <= 1
    return (found[0]["decision"], found[0]) if found else ("no_match", {})
