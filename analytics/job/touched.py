"""What an incremental run reads: the spans of the traces that received anything lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import first_arrival
from analytics.traces import LIGHT_COLUMNS
from span_store.model_calls import COLUMNS as CALL_COLUMNS
from span_store.model_calls import counted_once, uncounted

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from span_store.store import SpanStore

_SECOND = 1_000_000_000
_KEY = ["trace_id", "span_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The traces of one project that received spans or content in a range of time."""

    project: str
    since_ns: int
    """The moment after which they received anything."""
    as_of_ns: int
    trace_ids: pl.Series

    @classmethod
    def of(
        cls,
        store: SpanStore,
        *,
        project: str,
        since_ns: int,
        as_of_ns: int,
        also: pl.DataFrame | None = None,
    ) -> Touched:
        """Those that received anything after a moment, and ``also`` (``trace_id, received_at``)."""
        touched = pl.concat(
            store.scan_raw(
                table, project=project, received_since=since_ns + 1, received_until=as_of_ns + 1
            ).select("trace_id")
            for table in ("spans", "contents")
        ).unique()
        ids = touched.collect()["trace_id"]
        if also is not None and not also.is_empty():
            ids = pl.concat([ids, also["trace_id"]]).unique()
            since_ns = min(since_ns, *also["received_at"].to_list())
        return cls(project=project, since_ns=since_ns, as_of_ns=as_of_ns, trace_ids=ids)

    def spans(
        self, store: SpanStore, evaluated: pl.DataFrame, config: AnalysisConfig
    ) -> pl.DataFrame:
        """Their light columns, duplicates removed.

        Earlier spans are looked for as far back as a trace may stay open: files and row groups
        that are older are not read. Only where what an earlier run evaluated lies before that,
        its few traces are looked for from their beginnings. ``evaluated`` holds ``trace_id``,
        ``received_at``, ``start_time`` and ``span_count`` of the newest evaluations.
        """
        oldest = self.since_ns - int(config.age_seconds_max * _SECOND)
        spans = self._read(store, self.trace_ids, oldest, self.as_of_ns + 1)
        began = evaluated.with_columns(first_arrival=first_arrival(config))
        cut = _cut_short(spans, began.filter(pl.col("first_arrival") < oldest))
        begin = cut["first_arrival"].min()
        if isinstance(begin, int):
            earlier = self._read(store, cut["trace_id"], begin, oldest)
            spans, oldest = pl.concat([earlier, spans]), min(oldest, begin)
        twice = spans.filter(spans.select(_KEY).is_duplicated())["trace_id"]
        if not twice.is_empty():
            spans = spans.unique(_KEY, keep="first", maintain_order=True)
        lazy = spans.lazy()
        light = counted_once(lazy, uncounted(lazy)).select(LIGHT_COLUMNS).collect()
        return self._with_scanned(store, light, twice, oldest)

    def _read(
        self, store: SpanStore, trace_ids: pl.Series, since_ns: int, until_ns: int
    ) -> pl.DataFrame:
        scan = store.scan_raw(
            "spans",
            project=self.project,
            trace_ids=trace_ids,
            received_since=since_ns,
            received_until=until_ns,
        )
        columns = dict.fromkeys((*LIGHT_COLUMNS, *CALL_COLUMNS))
        return scan.select(*columns).collect(engine="streaming")

    def _with_scanned(
        self, store: SpanStore, light: pl.DataFrame, twice: pl.Series, oldest: int
    ) -> pl.DataFrame:
        """The same with what a scan alone knows, as a run over everything reads it.

        How an answer ended that logs tell takes the content of its span, and so does which of two
        versions counts where a span arrived ``twice`` (trace ids).
        """
        contents = store.scan_raw("contents", project=self.project, trace_ids=self.trace_ids)
        told = contents.select("trace_id").collect()["trace_id"]
        asked = pl.concat([told, twice]).unique()
        if asked.is_empty():
            return light
        times = pl.col("start_time", "end_time", "received_at").dt.epoch("ns")
        whole = store.scan(
            "spans",
            project=self.project,
            columns=LIGHT_COLUMNS,
            trace_ids=asked,
            received_since=oldest,
            received_until=self.as_of_ns + 1,
        )
        others = light.filter(~pl.col("trace_id").is_in(asked.implode()))
        return pl.concat([others, whole.with_columns(times).collect(engine="streaming")])


def _cut_short(spans: pl.DataFrame, evaluated: pl.DataFrame) -> pl.DataFrame:
    """The evaluated traces of which fewer spans were read than their evaluation saw."""
    if evaluated.is_empty():
        return evaluated
    seen = (
        spans.join(
            evaluated.select("trace_id", seen_until="received_at"), on="trace_id", how="inner"
        )
        .filter(pl.col("received_at") <= pl.col("seen_until"))
        .group_by("trace_id")
        .agg(read=pl.col("span_id").n_unique())
    )
    return evaluated.join(seen, on="trace_id", how="left").filter(
        pl.col("read").fill_null(0) < pl.col("span_count")
    )
