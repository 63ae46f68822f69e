"""What is known of a span at once, without its trace: for forwarding with findings."""

from __future__ import annotations

from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import polars as pl

    from analytics.config import AnalysisConfig
    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.decoding import LoadedRows
    from otlp_receiver.forward_enrichment import Findings, SpanFindings
    from otlp_receiver.record import SpoolRecord

DETECTORS = ("tool_call_errors", "output_schema_validation", "empty_response")
"""Detectors whose answer on one span holds without the rest of its trace."""

ERROR_SEVERITY = 0.5
"""The severity of a span with an error status that no detector explains."""

_TOOL_WORDS = ("tool_call", '"function')
"""A message without any of them tells of no tool."""


class SpanSignals:
    """Finds errors, and what the deterministic detectors say of each span taken alone.

    The answer on a span depends on its request and on the settings, and on nothing beside it: so
    the loader and the forwarding process, which see other batches, find the same.
    """

    def __init__(
        self, analysis: AnalysisConfig, receiver: ReceiverConfig, now: Callable[[], datetime]
    ) -> None:
        from analytics.detectors.catalog import CATALOG, load
        from otlp_receiver.rows import rows_reader

        entries = [entry for entry in CATALOG if entry.id in DETECTORS and entry.target]
        self._detectors = load(analysis, entries=entries)
        self._config = analysis
        self._now = now
        self._decode = rows_reader(receiver.attributes, receiver.prices)
        versions = [(detector.id, detector.version) for detector in self._detectors]
        stated = (version("spandocket"), versions, analysis, receiver.attributes)
        self.settings = blake2b(repr(stated).encode(), digest_size=8).hexdigest()
        """What findings depend on beside the requests: equal settings, equal findings."""

    def __call__(self, records: Sequence[SpoolRecord]) -> Findings:
        """Findings of requests that nobody has understood yet."""
        return self.of(self._decode(records))

    def of(self, rows: LoadedRows) -> Findings:
        """Findings by record number, and trace and span."""
        import polars as pl

        from otlp_receiver.forward_enrichment import SpanFindings

        spans = rows.spans.with_row_index("row")
        signs: dict[int, dict[str, float]] = {}
        for row in spans.filter("is_error")["row"]:
            signs.setdefault(row, {})["error"] = ERROR_SEVERITY
        for row, detector, severity in self._decisions(spans.filter(_worth_reading())):
            signs.setdefault(row, {})[detector] = severity
        named: dict[int, dict[str, dict[str, float]]] = {}
        ids = pl.concat_str("trace_id", "span_id", separator=":")
        keys = spans.select(ids.gather(sorted(signs))).to_series()
        for row, span in zip(sorted(signs), keys, strict=True):
            of_span = named.setdefault(int(rows.numbers[row]), {}).setdefault(span, {})
            for name, severity in signs[row].items():
                of_span[name] = max(severity, of_span.get(name, 0.0))
        return {
            number: {span: _findings(SpanFindings, found) for span, found in of_record.items()}
            for number, of_record in named.items()
        }

    def _decisions(self, spans: pl.DataFrame) -> list[tuple[int, str, float]]:
        """Matches of the detectors, each row standing for a trace of its own.

        Where a detector fails, only the row that it fails at goes without its answer.
        """
        import polars as pl

        from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
        from analytics.detectors.evaluation import evaluate

        if spans.is_empty():
            return []
        # The same span may stand in several requests.
        row = pl.col("row").cast(pl.String).str.zfill(10)
        alone = spans.with_columns(trace_id=row, span_id=row)
        alone = alone.select(SPAN_COLUMNS).with_columns(
            pl.from_epoch("start_time", time_unit="ns").dt.replace_time_zone("UTC"),
            pl.from_epoch("end_time", time_unit="ns").dt.replace_time_zone("UTC"),
        )
        context = DetectorContext(
            project="",
            as_of=self._now(),
            config=self._config,
            traces=alone.select("trace_id"),
            span_frame=alone,
        )
        found = evaluate(context, self._detectors)
        failed = pl.col("skip_reason").str.starts_with("failed:").fill_null(value=False)
        if spans.height > 1 and found.select(failed.any()).item():
            middle = spans.height // 2
            return [*self._decisions(spans[:middle]), *self._decisions(spans[middle:])]
        matched = found.filter(pl.col("decision") == "matched")
        return matched.select(
            pl.col("trace_id").cast(pl.Int64), "detector", pl.col("severity").fill_null(0.0)
        ).rows()


def _worth_reading() -> pl.Expr:
    """Spans that some detector may match, by strings alone: most say nothing to any of them."""
    import polars as pl

    from analytics.detectors.empty_response import suspicious

    is_tool = (pl.col("operation_name") == "execute_tool") | pl.col("tool_name").is_not_null()
    # Each word alone is looked for several times as fast as all of them together.
    tells_of_tools = pl.any_horizontal(
        pl.col(column).str.contains(word, literal=True)
        for column in ("input_messages", "output_messages")
        for word in _TOOL_WORDS
    )
    is_declared = pl.col("output_schema").is_not_null() | (pl.col("output_type") == "json")
    is_empty = pl.col("is_model_call") & suspicious()
    return pl.any_horizontal(
        expression.fill_null(value=False)
        for expression in (is_tool, tells_of_tools, is_declared, is_empty)
    )


def _findings(kind: type[SpanFindings], found: dict[str, float]) -> SpanFindings:
    return kind(names=tuple(sorted(found)), severity=max(found.values()))
