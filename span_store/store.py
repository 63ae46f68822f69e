"""The tables as one object: append with an application transaction, scan as lazy frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from span_store.appends import Appends
from span_store.contents import needs_contents, with_contents
from span_store.errors import UnknownColumnError
from span_store.filters import compile_filter
from span_store.judged import COLUMNS as JUDGED_COLUMNS
from span_store.judged import sought, with_judged_spans
from span_store.model_calls import counted_once, needs_calls, uncounted
from span_store.scans import TableScan
from span_store.schema import TABLES, TIME_COLUMNS, TableSchema
from span_store.selection import ManyTraces, Selection
from span_store.whole_spans import SPANS_AT_ONCE, WholeSpans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime


_CALLS_REMEMBERED_MAX = 4

_SCANNED_BESIDE_MAX = 100_000
"""Up to so many traces are scanned beside those that are read in one pass."""

_TWIN_DISTANCE_NANOSECONDS = 3_600 * 10**9
"""How far from a reader's time bounds the twin of a model call is looked for."""


class SpanStore(Appends):
    """The Delta tables below one place: a folder or an object-store URL.

    Scans return lazy frames with the columns of :mod:`span_store.schema`, times as
    ``Datetime("ns", "UTC")``, duplicates removed. A table that nobody wrote yet scans as empty.
    ``clock`` gives the seconds since 1970 that the table's log notes beside each file.
    """

    def scan(  # noqa: PLR0913
        self,
        table: str,
        *,
        project: str | None = None,
        where: str | None = None,
        columns: Sequence[str] | None = None,
        trace_ids: Iterable[str] | None = None,
        received_since: datetime | int | None = None,
        received_until: datetime | int | None = None,
        started_since: datetime | int | None = None,
        started_until: datetime | int | None = None,
    ) -> pl.LazyFrame:
        """The rows of a table, duplicates removed, times as ``Datetime("ns", "UTC")``.

        ``where`` is a SQL boolean expression over the table's columns. The other arguments select
        rows through the tables' statistics: whole files and row groups without a selected row are
        not read. ``…since`` is inclusive, ``…until`` exclusive; integers are nanoseconds. All of
        them select among the rows that remain when duplicates are removed.
        Raises :class:`UnknownColumnError` and :class:`InvalidFilterError`.
        """
        schema = TABLES[table]
        for name in columns or ():
            if name not in schema.names:
                raise UnknownColumnError(name, table, schema.names)
        condition = None if where is None else compile_filter(where, schema)
        selection = Selection(
            project=project,
            trace_ids=None if trace_ids is None else tuple(dict.fromkeys(trace_ids)),
            received_since=nanoseconds(received_since),
            received_until=nanoseconds(received_until),
            started_since=nanoseconds(started_since),
            started_until=nanoseconds(started_until),
        )
        frame = self._table_scan(table).rows(selection).select(schema.names)
        if table == "spans":
            needed = set(schema.names if columns is None else columns)
            if condition is not None:
                needed.update(condition.meta.root_names())
            frame = self._completed(frame, selection, needed)
        if table == "evaluations":
            frame = self._with_judged_spans(frame, selection)
        frame = as_times(frame, schema)
        if condition is not None:
            frame = frame.filter(condition)
        return frame if columns is None else frame.select(columns)

    def span_parts(
        self, columns: Sequence[str], *, project: str, received_until: int | None = None
    ) -> Iterator[pl.DataFrame]:
        """Columns without content of every span of a project, whole traces at a time.

        The same rows as :meth:`scan` gives, times as integers. A table that is not large is read
        in one pass, and the search for duplicates and twins reads what is in memory anyway; of a
        large one a few files at a time are. Traces to which logs add are scanned beside.
        """
        selection = Selection(project=project, received_until=received_until)
        version, files = self.table_log("spans").live_files()
        told = self._told(project) if needs_contents(columns) else pl.Series([], dtype=pl.String)
        if told.len() > _SCANNED_BESIDE_MAX or TableScan.is_narrow(files, selection):
            yield self._integers(columns, project=project, received_until=received_until)
            return
        whole = Selection(project=project)
        reading = WholeSpans(
            table=self._table_scan("spans"),
            columns=tuple(columns),
            project=project,
            received_until=received_until,
            left_out=told,
        )
        is_large = reading.height(files) > SPANS_AT_ONCE
        if is_large and reading.has_shared_responses():
            self._uncounted(whole)
        known = self._calls.get((version, whole))
        found = []
        for frame in reading.parts(files) if is_large else [reading.at_once()]:
            found.append(uncounted(frame.lazy()) if known is None else known)
            frame = reading.answer(frame, found[-1])  # noqa: PLW2901  # Nothing else is kept.
            yield frame
            del frame
        if known is None:
            self._calls[version, whole] = pl.concat(found)
        if not told.is_empty():
            yield self._integers(
                columns, project=project, trace_ids=told, received_until=received_until
            )

    def spans_of(
        self,
        traces: pl.DataFrame,
        columns: Sequence[str],
        *,
        project: str,
        received_since: int,
        received_until: int,
    ) -> pl.DataFrame:
        """The spans of many traces, as :meth:`scan` gives them.

        ``traces`` holds ``trace_id`` and ``span_count``: files that hold these traces alone are
        read without looking at every row, and the count tells whether that was all there is.
        """
        selection = Selection(
            project=project,
            trace_ids=ManyTraces(traces["trace_id"]),
            received_since=received_since,
            received_until=received_until,
        )
        rows = self._table_scan("spans").rows_by_files(selection)
        if rows is not None:
            whole = self._completed(rows, selection, set(columns))
            frame = as_times(whole, TABLES["spans"]).select(columns).collect(engine="streaming")
            if frame.height == traces["span_count"].sum():
                return frame
        return self.scan(
            "spans",
            project=project,
            columns=columns,
            trace_ids=traces["trace_id"],
            received_since=received_since,
            received_until=received_until,
        ).collect(engine="streaming")

    def _told(self, project: str) -> pl.Series:
        """The traces to which logs add content."""
        contents = self._table_scan("contents").raw(Selection(project=project))
        return contents.select("trace_id").unique().collect(engine="streaming")["trace_id"]

    def _integers(self, columns: Sequence[str], **selected: Any) -> pl.DataFrame:
        """Scanned spans with times as integers."""
        times = [name for name in TIME_COLUMNS["spans"] if name in columns]
        scanned = self.scan("spans", columns=columns, **selected)
        return scanned.with_columns(pl.col(times).dt.epoch("ns")).collect(engine="streaming")

    def _completed(
        self, spans: pl.LazyFrame, selection: Selection, needed: set[str]
    ) -> pl.LazyFrame:
        """Spans with content that came in logs, and each model call counted once."""
        if needs_contents(needed) and self.open_table("contents") is not None:
            on_key = selection.on_key()
            scan = self._table_scan("contents")

            def received_between(since: int, until: int) -> pl.LazyFrame:
                near = replace(on_key, trace_ids=None)
                return scan.raw(replace(near, received_since=since, received_until=until))

            spans = with_contents(spans, scan.rows(on_key), needed, received_between)
        if needs_calls(needed):
            spans = counted_once(spans, self._uncounted(selection))
        return spans

    def _with_judged_spans(self, evaluations: pl.LazyFrame, selection: Selection) -> pl.LazyFrame:
        """Scores with the span of the answer that they name by its response id."""
        if self.open_table("evaluations") is None:
            return evaluations
        if selection.trace_ids is None:
            every = evaluations
        else:
            anywhere = replace(selection, trace_ids=None)
            every = (
                self._table_scan("evaluations").rows(anywhere).select(TABLES["evaluations"].names)
            )
        wanted = sought(every)
        if wanted.is_empty():
            return evaluations
        spans = self._table_scan("spans").rows(Selection(project=selection.project))
        spans = counted_once(
            spans.select(JUDGED_COLUMNS), self._uncounted(Selection(project=selection.project))
        )
        judged = with_judged_spans(every, wanted, spans)
        if selection.trace_ids is None:
            return judged
        return judged.filter(pl.col("trace_id").is_in(list(selection.trace_ids)))

    def _uncounted(self, selection: Selection) -> pl.DataFrame:
        """Model calls that another span counts; remembered for one version of the table.

        For traces, only what began near them in time is looked at, unless all is known already.
        """
        version, files = self.table_log("spans").live_files()
        whole = Selection(project=selection.project)
        if (version, whole) in self._calls:
            return self._calls[version, whole]
        near = selection.widened(_TWIN_DISTANCE_NANOSECONDS)
        if selection.trace_ids is not None:
            around = self._around(selection)
            if around is None:
                return uncounted(pl.LazyFrame(schema=TABLES["spans"].polars))
            near = around
        if not TableScan.is_narrow(files, near):
            near = whole
        losers = self._calls.get((version, near))
        if losers is None:
            losers = uncounted(self._table_scan("spans").rows(near))
            self._calls[version, near] = losers
            for old in list(self._calls)[:-_CALLS_REMEMBERED_MAX]:
                self._calls.pop(old, None)
        return losers

    def _around(self, selection: Selection) -> Selection | None:
        """The time in which twins of the selected traces' calls can lie; None for no span."""
        began, ended = (
            self._table_scan("spans")
            .raw(selection.on_key())
            .select(pl.col("start_time").min(), pl.col("end_time").max())
            .collect(engine="streaming")
            .row(0)
        )
        if began is None:
            return None
        around = Selection(project=selection.project, started_since=began, started_until=ended)
        return around.widened(_TWIN_DISTANCE_NANOSECONDS)

    def scan_raw(
        self,
        table: str,
        *,
        project: str | None = None,
        trace_ids: Iterable[str] | None = None,
        received_since: datetime | int | None = None,
        received_until: datetime | int | None = None,
    ) -> pl.LazyFrame:
        """The rows as they lie on disk: duplicates present, times as integers.

        The arguments select as those of :meth:`scan` do.
        """
        selection = Selection(
            project=project,
            trace_ids=None if trace_ids is None else tuple(dict.fromkeys(trace_ids)),
            received_since=nanoseconds(received_since),
            received_until=nanoseconds(received_until),
        )
        return self._table_scan(table).raw(selection).select(TABLES[table].names)

    def reading_order(
        self, table: str, traces: pl.DataFrame, *, project: str | None = None
    ) -> pl.DataFrame:
        """Where the rows of many traces lie, for readers that take them a part at a time.

        ``traces`` holds ``trace_id`` and ``received_at`` (ns) of each one's last row. Gives
        ``file`` and ``position`` row by row: traces read together in this order come from few
        files, and from few row groups of large ones.
        """
        return self._table_scan(table).reading_order(project, traces)

    def snapshot(self, *tables: str) -> SpanStore:
        """A store whose scans of these tables stay at this moment; all others, and writes, go on.

        A reader of many chunks sees one state of the data, and what was found out about that
        state (duplicates, twins) is found out once. The files stay for as long as the vacuum's
        grace says.
        """
        view = SpanStore(self.place, self.storage_options, self._clock)
        for table in tables:
            scan = self._table_scan(table)
            log = self.table_log(table).pinned()
            view._logs[table] = log
            view._scans[table] = TableScan(log, TABLES[table], self.storage_options, scan.index)
        return view


def nanoseconds(value: datetime | int | None) -> int | None:
    """A bound as integer nanoseconds since 1970 UTC."""
    if value is None or isinstance(value, int):
        return value
    return int(pl.Series([value]).dt.cast_time_unit("us").dt.epoch("us")[0]) * 1000


def as_times(frame: pl.LazyFrame, schema: TableSchema) -> pl.LazyFrame:
    """Turn integer nanoseconds into ``Datetime("ns", "UTC")``."""
    return frame.with_columns(
        pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC")
        for name in TIME_COLUMNS[schema.name]
    )
