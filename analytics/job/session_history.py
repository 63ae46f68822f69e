"""The sessions of a run: which traces belong together, and what was said in earlier ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import first_arrival
from analytics.detectors.context import EARLIER, SPAN_COLUMNS
from analytics.job.revisions import MATERIAL_COLUMNS, material_revisions
from span_store.duplicates import repeated

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from span_store.store import SpanStore

MEMBER_COLUMNS = (*EARLIER, "received_at")


def newest_members(rows: pl.LazyFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """:data:`MEMBER_COLUMNS` of the newest revision of each trace of some ``sessions``.

    ``rows`` are stored traces. An older revision knows less of when the trace began, and of when
    its last span arrived.
    """
    return (
        rows.select(*MEMBER_COLUMNS, "revision")
        .filter(pl.col("conversation_id").is_in(sessions["conversation_id"].implode()))
        .collect()
        .sort("trace_id", "revision")
        .unique("trace_id", keep="last", maintain_order=True)
        .select(MEMBER_COLUMNS)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHistory:
    """The sessions of more than one trace that the candidates of a run belong to."""

    store: SpanStore
    project: str
    as_of_ns: int
    config: AnalysisConfig
    traces: pl.DataFrame
    """``trace_id, conversation_id, start_time, received_at`` of every trace the run sees."""
    members: pl.DataFrame
    """``trace_id, conversation_id, start_time, received_at, place``: the traces of these sessions
    in order of time; ``place`` starts at 1 in each."""
    is_partial: bool
    """Whether the run sees only what arrived lately."""

    @classmethod
    def of(
        cls,
        traces: pl.DataFrame,
        store: SpanStore,
        *,
        project: str,
        as_of_ns: int,
        config: AnalysisConfig,
        incremental: bool,
    ) -> SessionHistory:
        """The sessions of the candidates among ``traces``.

        An incremental run sees only what arrived lately, so it asks for evaluated traces too, as
        far back as a baseline looks.
        """
        named = traces.select(*MEMBER_COLUMNS, "complete_reason", "is_candidate").filter(
            pl.col("conversation_id").is_not_null() & pl.col("complete_reason").is_not_null()
        )
        wanted = named.filter("is_candidate").select("conversation_id")
        known = named.select(MEMBER_COLUMNS)
        if incremental and not wanted.is_empty():
            oldest = named["start_time"].min()
            window = int(config.baseline_window_seconds * 1_000_000_000)
            begin = (oldest if isinstance(oldest, int) else 0) - window
            lately = store.scan_raw("traces", project=project).filter(pl.col("end_time") >= begin)
            stored = newest_members(lately, wanted).join(known, on="trace_id", how="anti")
            known = pl.concat([known, stored])
        # In most traffic few traces share their session with others: numbers tell which may.
        session = known["conversation_id"].hash(0)
        shared = known.filter(session.is_in(repeated(session).implode()))
        members = (
            shared.filter(pl.col("conversation_id").is_duplicated())
            .join(wanted, on="conversation_id", how="semi")
            .sort("conversation_id", "start_time", "trace_id")
            .with_columns(place=pl.int_range(1, pl.len() + 1).over("conversation_id"))
        )
        return cls(
            store=store,
            project=project,
            as_of_ns=as_of_ns,
            config=config,
            traces=named.select(MEMBER_COLUMNS),
            members=members,
            is_partial=incremental,
        )

    def places(self, traces: pl.DataFrame, routed: pl.DataFrame) -> pl.DataFrame:
        """``trace_id, session_place, session_changed`` of some traces.

        The place is the how manieth of its session each is. A trace before it that changed
        materially (``session_changed`` says whether one did) counts once more for each time: a
        place that another change has had already would hide the trace behind the session's item.
        ``traces`` hold ``trace_id`` and ``conversation_id``, ``routed`` the ``item_revision`` of
        all traces of the run. However long ago the session began: a place that fell back would
        hide the trace, too.
        """
        known = pl.concat([self.traces, self.members.select(MEMBER_COLUMNS)])
        sessions = traces.select("conversation_id").drop_nulls().unique()
        if self.is_partial:
            rows = self.store.scan_raw("traces", project=self.project)
            stored = newest_members(rows, sessions).join(known, on="trace_id", how="anti")
            known = pl.concat([known, stored])
        members = known.join(sessions, on="conversation_id", how="semi").unique("trace_id")
        times = pl.col("item_revision").fill_null(1)
        return (
            members.join(self._revisions(members, routed), on="trace_id", how="left")
            .sort("conversation_id", "start_time", "trace_id")
            .select(
                "trace_id",
                session_place=(times.cum_sum() - times + 1).over("conversation_id"),
                session_changed=(times.cum_max().shift(fill_value=1) > 1).over("conversation_id"),
            )
            .join(traces.select("trace_id"), on="trace_id", how="semi")
        )

    def _revisions(self, members: pl.DataFrame, routed: pl.DataFrame) -> pl.DataFrame:
        """``trace_id, item_revision`` of the routed traces, and of others evaluated repeatedly."""
        own = routed.select("trace_id", "item_revision")
        others = (
            self.store.scan_raw("traces", project=self.project)
            .filter(pl.col("revision") > 1)
            .select("trace_id", "revision", *MATERIAL_COLUMNS)
            .join(members.lazy().select("trace_id"), on="trace_id", how="semi")
            .collect()
            .join(own, on="trace_id", how="anti")
            .sort("trace_id", "revision")
            .unique("trace_id", keep="last", maintain_order=True)
        )
        known = material_revisions(self.store, others, project=self.project)
        return pl.concat([own, known.select(own.columns)])

    def before(self, chunk: pl.DataFrame) -> pl.DataFrame:
        """:data:`analytics.detectors.context.EARLIER` of a chunk."""
        if self.members.is_empty():
            return pl.DataFrame(schema=EARLIER)
        own = self.members.join(chunk.select("trace_id"), on="trace_id", how="semi")
        bounds = own.group_by("conversation_id").agg(
            first=pl.col("place").min(), last=pl.col("place").max()
        )
        return (
            self.members.join(bounds, on="conversation_id")
            .filter(
                pl.col("place") >= pl.col("first").cast(pl.Int64) - self.config.session_traces_max,
                pl.col("place") < pl.col("last"),
            )
            .join(own.select("trace_id"), on="trace_id", how="anti")
            .select(pl.col(name).cast(kind) for name, kind in EARLIER.items())
            .sort("start_time", "trace_id")
        )

    def read(self, trace_ids: pl.Series) -> pl.DataFrame:
        """The spans of some of these traces, as a chunk's are read.

        Bounds on arrival let the scan skip most files.
        """
        own = self.members.filter(pl.col("trace_id").is_in(trace_ids.implode()))
        first = own.select(first_arrival(self.config)).to_series().min()
        last = own["received_at"].max()
        assert isinstance(first, int)
        assert isinstance(last, int)
        spans = self.store.scan(
            "spans",
            project=self.project,
            columns=SPAN_COLUMNS,
            trace_ids=trace_ids.to_list(),
            received_since=first,
            received_until=min(last, self.as_of_ns) + 1,
        )
        return spans.collect(engine="streaming")
