"""The routing of one run: newly evaluated traces, and those the rules look at again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from analytics.detectors.catalog import SESSION_DETECTORS
from analytics.filters import business_weights, decisions_read
from analytics.job import queue_filling, verdicts
from analytics.job.records import told_of, trace_rows
from analytics.job.rerouting import evaluated_rows, last_run, routable, with_new_selections
from analytics.job.revisions import material_revisions
from analytics.job.scores import (
    as_facts,
    of_sessions,
    scores_until,
    with_decisions,
    with_scores,
)
from analytics.routing import Routed, floor_record, route, signatures
from analytics.selection import RANDOM_FLOOR, draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.job.session_history import SessionHistory
    from analytics.routing import LiveRule
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

_FLAGGED = ("matched", "ambiguous")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedRun:
    """What routing decided, and the stored rows whose selections it changed."""

    routed: Routed
    again: pl.DataFrame
    """Stored rows of traces of earlier runs that the rules looked at again."""
    scores_watermark: int
    """The latest arrival (ns) among the scores that this run and those before it knew."""
    asked_floor: dict[str, float]
    """By trace of earlier runs that the random floor looked at again, its draw."""
    floor_rate: float
    """The share of the floor, before any cap."""
    salt: str
    queues_left_out: dict[str, str]
    """Live queues whose filter cannot be read, and why."""

    @property
    def changed_rows(self) -> pl.DataFrame:
        """Rows of ``traces`` to write again under the same revision."""
        priorities = {draft.trace_id: draft.priority for draft in self.routed.drafts}
        rate = self.floor_rate if self.routed.floor_rate is None else self.routed.floor_rate
        told = self.routed.selections
        passed_over = {
            trace_id: floor_record(u, rate, self.salt)
            for trace_id, u in self.asked_floor.items()
            if all(record.rule != RANDOM_FLOOR for record in told.get(trace_id, ()))
        }
        return with_new_selections(self.again, told, priorities, passed_over)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingStage:
    """Routes one run of one project."""

    store: SpanStore
    queues: QueueStore
    project: str
    as_of_ns: int
    config: AnalysisConfig
    detectors: Sequence[Detector]
    judged: pl.DataFrame
    """What a judge said in this run: rows of ``evaluations`` that are not written yet."""

    def run(
        self,
        evaluated: pl.DataFrame,
        found: pl.DataFrame,
        backfilled: Sequence[str],
        sessions: SessionHistory,
    ) -> RoutedRun:
        """Route the evaluated traces, the backfilled ones, and those with new scores."""
        scores = scores_until(self.store, self.judged, project=self.project, as_of_ns=self.as_of_ns)
        before = last_run(self.store, project=self.project)
        seen_until = 0 if before is None else before.scores_watermark
        # A judge speaks about the traces of its own run: its scores are never late.
        late = scores.filter(
            pl.col("received_at") > seen_until, pl.col("source").ne_missing("judge")
        )
        again = self._again(late, set(backfilled), evaluated["trace_id"])
        facts, own_facts = self._facts(evaluated, found, again, scores)
        stored = self._stored_findings(again, set(backfilled))
        flagged = found.filter(pl.col("decision").is_in(_FLAGGED)).select(stored.columns)
        u = draws(self.config.salt, self.project, again["trace_id"])
        revisions = material_revisions(self.store, again, project=self.project)
        known = routable(again, u, revisions)
        shared = [name for name in known.columns if name in evaluated.columns]
        old = known.with_columns(
            # Only a backfill asks the random floor again.
            asks_floor=pl.col("trace_id").is_in(sorted(backfilled))
        )
        closed = queue_filling.closed_queues(self.queues, project=self.project)
        findings = pl.concat([flagged, stored]).filter(~pl.col("detector").is_in(closed))
        floor_closed = RANDOM_FLOOR in closed
        traces = evaluated.select(shared)
        if not old.is_empty():
            traces = pl.concat([traces, old.select(shared)], how="vertical_relaxed")
        live, left_out = queue_filling.live_rules(
            self.queues, facts, own_facts, project=self.project
        )
        routed = route(
            _with_places(traces, findings, live, sessions, scores),
            findings,
            live,
            project=self.project,
            config=replace(self.config, random_floor=0.0) if floor_closed else self.config,
            precisions=verdicts.precisions(self.queues, project=self.project),
            similar=self._similar(findings["trace_id"]),
            weights=business_weights(facts, self.config.business_weights),
        )
        if floor_closed:
            routed.floor_rate = 0.0
        newest = late["received_at"].max()
        return RoutedRun(
            routed=routed,
            again=again,
            scores_watermark=newest if isinstance(newest, int) else seen_until,
            asked_floor=dict(old.filter("asks_floor").select("trace_id", "u").iter_rows()),
            floor_rate=self.config.random_floor,
            salt=self.config.salt,
            queues_left_out=left_out,
        )

    def _facts(
        self,
        evaluated: pl.DataFrame,
        found: pl.DataFrame,
        again: pl.DataFrame,
        scores: pl.DataFrame,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What filters read of each trace: with what was said of its session, and without."""
        filters = [*queue_filling.live_filters(self.queues, project=self.project)]
        filters += self.config.business_weights
        if not filters:
            # Facts are wide, and most projects at most times have no rule that reads them.
            nothing = pl.DataFrame(schema={"trace_id": pl.String})
            return nothing, nothing
        plain = as_facts(pl.concat([self._rows(evaluated, found), again]))
        plain = with_decisions(plain, decisions_read(filters))
        of_session = of_sessions(scores, plain)
        own = with_scores(plain, scores)
        if of_session.is_empty():
            return own, own
        return with_scores(plain, pl.concat([scores, of_session])), own

    def _rows(self, evaluated: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
        return trace_rows(
            evaluated,
            told_of(found, {}, {}, self.detectors),
            self.detectors,
            project=self.project,
            as_of_ns=self.as_of_ns,
            config=self.config,
        )

    def _again(self, late: pl.DataFrame, backfilled: set[str], fresh: pl.Series) -> pl.DataFrame:
        """Evaluated before: in the range of a backfill, or scored since the last run."""
        wanted = set(late["trace_id"].drop_nulls().to_list()) | backfilled
        sessions = set(late["conversation_id"].drop_nulls().to_list())
        rows = evaluated_rows(self.store, wanted, sessions, project=self.project)
        if rows.is_empty():
            return rows
        return rows.filter(~pl.col("trace_id").is_in(fresh.implode()))

    def _stored_findings(self, again: pl.DataFrame, backfilled: set[str]) -> pl.DataFrame:
        """The standing findings on backfilled traces."""
        wanted = again.filter(pl.col("trace_id").is_in(sorted(backfilled)))
        return (
            self.store.scan_raw("findings", project=self.project)
            .join(wanted.lazy().select("trace_id", "revision"), on=["trace_id", "revision"])
            .unique("finding_id", keep="last", maintain_order=True)
            .select(
                "trace_id",
                "detector",
                "detector_version",
                "decision",
                "severity",
                "confidence",
                "reason",
            )
            .collect()
        )

    def _similar(self, routed: pl.Series) -> dict[str, int]:
        """How many other traces have a finding of each kind.

        Those being routed do not count: they are in line themselves, and a run that died may have
        written their findings already.
        """
        earlier = (
            self.store.scan_raw("findings", project=self.project)
            .filter(pl.col("found_at") < self.as_of_ns)
            .select("trace_id", "detector", "reason")
            .join(routed.unique().to_frame().lazy(), on="trace_id", how="anti")
            .collect()
        )
        kinds = earlier.select("trace_id", signature=signatures(earlier)).unique()
        return dict(kinds["signature"].value_counts().iter_rows())


def _with_places(
    traces: pl.DataFrame,
    findings: pl.DataFrame,
    live: Sequence[LiveRule],
    sessions: SessionHistory,
    scores: pl.DataFrame,
) -> pl.DataFrame:
    """The traces with ``session_place``, which only those that stand for sessions need to know.

    ``session_changed`` says whether a trace before it in its session changed materially.
    ``scored_place`` is that of a trace that was there when its session was scored last. A trace
    that came later brings no item back: nobody said anything of it.
    """
    flagged = findings.filter(pl.col("detector").is_in(list(SESSION_DETECTORS)))["trace_id"]
    by_session = sorted({trace_id for rule in live for trace_id in rule.by_session})
    asked = pl.concat([flagged, pl.Series("trace_id", by_session, dtype=pl.String)]).unique()
    if asked.is_empty():
        first = pl.lit(1, pl.Int64)
        return traces.with_columns(
            session_place=first, session_changed=pl.lit(value=False), scored_place=first
        )
    known = traces.filter(pl.col("trace_id").is_in(asked.implode()))
    scored = scores.group_by("conversation_id").agg(scored_at=pl.col("received_at").max())
    return (
        traces.join(
            sessions.places(known, traces), on="trace_id", how="left", maintain_order="left"
        )
        .join(scored, on="conversation_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("session_place").fill_null(1), pl.col("session_changed").fill_null(value=False)
        )
        .with_columns(
            scored_place=pl.when(pl.col("received_at") <= pl.col("scored_at"))
            .then("session_place")
            .otherwise(1)
        )
        .drop("scored_at")
    )
