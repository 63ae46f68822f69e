"""Resource outliers: duration, time to first chunk, tokens or cost far above the cohort's norm."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, skipped

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext

_ENTRY = entry_of("resource_outliers")

_WORDS = {
    "duration_ms": ("duration", "ms"),
    "time_to_first_chunk_ms": ("time to first chunk", "ms"),
    "total_tokens": ("tokens", ""),
    "cost_usd": ("cost", "USD"),
    "duration_and_tokens": ("duration and tokens together (geometric mean)", ""),
}


class ResourceOutliers:
    """One finding a trace, naming every metric that exceeded its norm."""

    id = _ENTRY.id
    version = "4"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """Turn the exceeding metrics of each trace into one decision."""
        if "metrics_judged" not in context.traces.columns:
            return skipped(context.trace_ids, "no_baseline")
        # Few of the columns are asked for, and a filter copies them all.
        traces = context.traces.select("trace_id", "root_span_id", "metrics_judged")
        unjudged = traces.filter(pl.col("metrics_judged").fill_null(0) == 0)["trace_id"]
        largest_first = context.baselines.sort("ratio", descending=True, maintain_order=True)
        metrics: dict[str, list[dict[str, Any]]] = {}
        for row in largest_first.iter_rows(named=True):
            metrics.setdefault(row["trace_id"], []).append(row)
        exceeding = pl.Series(list(metrics), dtype=pl.String).implode()
        chosen = traces.filter(pl.col("trace_id").is_in(exceeding))
        roots = dict(chosen.select("trace_id", "root_span_id").iter_rows())
        rows = [_matched(trace_id, own, roots.get(trace_id)) for trace_id, own in metrics.items()]
        return pl.concat([decisions(rows), skipped(unjudged, "baseline_too_small")])


def _matched(
    trace_id: str, metrics: list[dict[str, Any]], root_span_id: str | None
) -> dict[str, Any]:
    """The decision on a trace; the metrics that exceed come largest first."""
    evidence = []
    sentences = []
    for row in metrics:
        words, unit = _WORDS[row["metric"]]
        limit = _amount(row["threshold"], unit)
        sentences.append(
            f"{words} {_amount(row['value'], unit)} is {row['ratio']:.1f} times the median "
            f"{_amount(row['median'], unit)} of {_cohort(row, limit)}"
        )
        evidence.append({"span_id": root_span_id} | {key: row[key] for key in _EVIDENCE})
    largest = metrics[0]["ratio"]
    excess = max(row["z"] - row["z_threshold"] for row in metrics)
    return decision(
        trace_id,
        Decision.MATCHED,
        reason="; ".join(sentences),
        severity=round(min(1.0, 0.2 + 0.8 * log(max(largest, 1.0)) / log(20.0)), 4),
        confidence=round(1.0 - 0.5 * exp(-max(excess, 0.0)), 4),
        span_id=root_span_id,
        evidence=evidence,
    )


def _cohort(row: dict[str, Any], limit: str) -> str:
    """Whose median it is, and whose spread tells the limit."""
    wider = f"{row['n']} earlier traces of {row['cohort_level']} {row['cohort']!r}"
    if row["cohort_level"] == _NARROW:
        return f"{wider} (limit {limit})"
    if row["own_n"] == 0:
        return f"{wider} (limit {limit}); of its own kind it is the first"
    own = "the one earlier trace" if row["own_n"] == 1 else f"the {row['own_n']} earlier traces"
    return f"{own} of its kind (limit {limit}, by how {wider} spread)"


_NARROW = "operation_model_agent"
_EVIDENCE = (
    "metric",
    "value",
    "threshold",
    "median",
    "p95",
    "p99",
    "ratio",
    "z",
    "n",
    "own_n",
    "cohort_level",
    "cohort",
)


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 else f"{value:.4g}"
    return f"{number} {unit}".strip()
