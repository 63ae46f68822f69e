"""What is known of a span at once, without its trace: for forwarding with findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import polars as pl

    from analytics.config import AnalysisConfig
    from otlp_receiver.forward_enrichment import SpanFindings
    from otlp_receiver.record import SpoolRecord

DETECTORS = ("tool_call_errors", "output_schema_validation", "empty_response")
"""Detectors whose answer on one span holds without the rest of its trace."""

ERROR_SEVERITY = 0.5
"""The severity of a span with an error status that no detector explains."""


class SpanSignals:
    """Finds errors, and what the deterministic detectors say of each span taken alone."""

    def __init__(self, config: AnalysisConfig, now: Callable[[], datetime]) -> None:
        from analytics.detectors.catalog import CATALOG, load

        entries = [entry for entry in CATALOG if entry.id in DETECTORS and entry.target]
        self._detectors = load(config, entries=entries)
        self._config = config
        self._now = now

    def __call__(self, records: Sequence[SpoolRecord]) -> Mapping[tuple[str, str], SpanFindings]:
        """Findings by trace id and span id."""
        from otlp_receiver.forward_enrichment import SpanFindings
        from otlp_receiver.rows import to_rows

        spans = to_rows(records).spans
        named: dict[tuple[str, str], list[tuple[str, float]]] = {}
        for trace_id, span_id in spans.filter("is_error").select("trace_id", "span_id").rows():
            named.setdefault((trace_id, span_id), []).append(("error", ERROR_SEVERITY))
        for span, detector, severity in self._decisions(spans):
            trace_id, _, span_id = span.partition(":")
            named.setdefault((trace_id, span_id), []).append((detector, severity))
        return {
            span: SpanFindings(
                names=tuple(sorted(name for name, _ in found)),
                severity=max(severity for _, severity in found),
            )
            for span, found in named.items()
        }

    def _decisions(self, spans: pl.DataFrame) -> list[tuple[str, str, float]]:
        """Matches of the detectors, each span standing for a trace of its own."""
        import polars as pl

        from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
        from analytics.detectors.evaluation import evaluate

        if spans.is_empty():
            return []
        alone = spans.select(SPAN_COLUMNS).with_columns(
            pl.concat_str("trace_id", "span_id", separator=":").alias("trace_id"),
            pl.from_epoch("start_time", time_unit="ns").dt.replace_time_zone("UTC"),
            pl.from_epoch("end_time", time_unit="ns").dt.replace_time_zone("UTC"),
        )
        context = DetectorContext(
            project="",
            as_of=self._now(),
            config=self._config,
            traces=alone.select("trace_id").unique().sort("trace_id"),
            span_frame=alone.sort("trace_id", "start_time"),
        )
        found = evaluate(context, self._detectors).filter(pl.col("decision") == "matched")
        return found.select("trace_id", "detector", pl.col("severity").fill_null(0.0)).rows()
