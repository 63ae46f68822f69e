"""The receiver's own numbers: declared in one table, shown on ``/metrics`` and in the command."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "spandocket_receiver_"


class Kind(StrEnum):
    """How a number behaves over time."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    sentence: str


def _metrics(text: str) -> dict[str, Metric]:
    """Read the table: ``name kind labels sentence`` a line, labels joined by commas or a dash."""
    table = {}
    for line in text.strip().splitlines():
        name, kind, labels, sentence = line.split(maxsplit=3)
        names = () if labels == "-" else tuple(labels.split(","))
        table[name] = Metric(name, Kind(kind), names, sentence)
    return table


METRICS = _metrics("""
requests_total           counter    transport,signal  Requests that were stored durably and acknowledged.
spans_total              counter    transport         Spans acknowledged.
log_records_total        counter    transport         Log records acknowledged.
metrics_total            counter    transport         OTLP metrics answered with success and not stored.
request_bytes_total      counter    transport         Bytes of acknowledged requests, uncompressed.
refused_requests_total   counter    transport,reason  Requests that were not stored, by line of the status table.
rejected_spans_total     counter    reason            Spans rejected for good in requests that were otherwise stored.
rejected_log_records_total counter  reason            Log records rejected for good in requests that were otherwise stored.
request_seconds          histogram  transport         Time from the arrival of a whole request to its acknowledgement.
spool_syncs_total        counter    -                 Group commits: one sync each, for all requests that waited.
spool_bytes              gauge      -                 Bytes of the spool on disk.
disk_free_bytes          gauge    -                 Free bytes on the disk of the spool.
spool_age_seconds        gauge      -                 Age of the oldest request that is not in the tables yet.
waiting_bytes            gauge      -                 Bytes of requests in memory, decompressed, that are not stored yet.
loaded_rows_total        counter    table             Rows appended to the tables.
loaded_requests_total    counter    -                 Requests loaded into the tables.
loader_lag_requests      gauge      -                 Requests in the spool that are not in the tables yet.
loader_lag_spans         gauge      -                 Spans and log records acknowledged since the start and not in the tables yet.
loader_errors_total      counter    -                 Times that the loader could not write the tables.
loader_restarts_total    counter    -                 Times that the loader process was started again.
decoded_slowly_total     counter    -                 Requests that only the official protobuf package could decode.
quarantined_total        counter    -                 Requests put into quarantine since the start.
forwarded_requests_total       counter  -  Requests that the endpoint of [forward] took.
forwarded_bytes_total          counter  -  Bytes of these requests as they were received.
forward_refused_requests_total counter  -  Requests that the endpoint will never take.
forward_rejected_items_total   counter  -  Spans and log records that it took requests without.
forward_lag_seconds            gauge    -  Age of the oldest request that is not forwarded yet.
forward_kept_bytes             gauge    -  Bytes of the spool that are in the tables, and stay until they are forwarded.
forward_failing                gauge    -  1 while the endpoint does not take what it is sent.
quarantined_requests     gauge      -                 Requests in quarantine now.
""")

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram's buckets."""


class Metrics:
    """The values; for one thread."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, tuple[str, ...]], float] = {
            (metric.name, ()): 0.0
            for metric in METRICS.values()
            if not metric.labels and metric.kind is not Kind.HISTOGRAM
        }
        self._histograms: dict[tuple[str, tuple[str, ...]], list[float]] = {}

    def add(self, name: str, amount: float = 1.0, *labels: str) -> None:
        """Count; labels in the order of the table."""
        key = (name, labels)
        self._numbers[key] = self._numbers.get(key, 0.0) + amount

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._numbers[name, labels] = value

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add one time to a histogram."""
        counts = self._histograms.get((name, labels))
        if counts is None:
            counts = self._histograms[name, labels] = [0.0] * (len(SECONDS) + 2)
        counts[bisect_left(SECONDS, seconds)] += 1
        counts[-1] += seconds

    def value(self, name: str, *labels: str) -> float:
        """One number."""
        return self._numbers.get((name, labels), 0.0)

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(value for (known, _), value in self._numbers.items() if known == name)

    def snapshot(self) -> dict[str, Any]:
        """Every number as plain JSON: totals by name, and by label below it."""
        values: dict[str, Any] = {}
        for (name, labels), value in sorted(self._numbers.items()):
            if not labels:
                values[name] = _plain(value)
            else:
                values.setdefault(name, {})["/".join(labels)] = _plain(value)
        for (name, labels), counts in sorted(self._histograms.items()):
            values.setdefault(name, {})["/".join(labels)] = _summary(counts)
        return values

    def exposition(self) -> str:
        """The text that Prometheus reads."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        for metric in METRICS.values():
            name = PREFIX + metric.name
            yield f"# HELP {name} {metric.sentence}"
            yield f"# TYPE {name} {metric.kind}"
            if metric.kind is Kind.HISTOGRAM:
                for (known, labels), counts in sorted(self._histograms.items()):
                    if known == metric.name:
                        yield from _histogram_lines(metric, labels, counts)
            else:
                for (known, labels), value in sorted(self._numbers.items()):
                    if known == metric.name:
                        yield f"{name}{_labels(metric.labels, labels)} {_plain(value)}"


def _histogram_lines(metric: Metric, labels: tuple[str, ...], counts: list[float]) -> Iterator[str]:
    name = PREFIX + metric.name
    running = 0.0
    for bound, count in zip((*SECONDS, "+Inf"), counts[:-1], strict=True):
        running += count
        pairs = _labels((*metric.labels, "le"), (*labels, str(bound)))
        yield f"{name}_bucket{pairs} {_plain(running)}"
    yield f"{name}_sum{_labels(metric.labels, labels)} {counts[-1]:.6f}"
    yield f"{name}_count{_labels(metric.labels, labels)} {_plain(running)}"


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _summary(counts: list[float]) -> dict[str, Any]:
    """Count, mean, and the bucket bounds below which half and 99 % of the times lie."""
    total = sum(counts[:-1])
    return {
        "count": _plain(total),
        "mean_seconds": round(counts[-1] / total, 6) if total else None,
        "p50_below_seconds": _bound(counts, 0.5),
        "p99_below_seconds": _bound(counts, 0.99),
    }


def _bound(counts: list[float], share: float) -> float | None:
    wanted = sum(counts[:-1]) * share
    running = 0.0
    for bound, count in zip(SECONDS, counts, strict=False):
        running += count
        if running >= wanted:
            return bound
    return None


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 6)
