"""The end of a run: what it decided is written in an order that is safe, and told.

Findings are written first, then the items, then the trace rows, which mark their traces as
evaluated, and last the run's own row. Each step can be repeated: findings and traces have keys,
items are added once an object. The files of the trace rows are made while items are added, but
nobody sees them before all of these are in.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import moment_of, nanoseconds
from analytics.job import queue_filling
from analytics.job.counts import detector_counts
from analytics.job.report import RunReport
from analytics.job.taken_over import FOUND, TakenOver, unrecorded, with_taken_over

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from analytics.job.decided import Decided
    from analytics.job.report import DetectorCount, QueueCount
    from analytics.job.scope import Scope
    from analytics.job.stages import Stages
    from analytics.job.writing import Writer
    from analytics.judge.bench import Judge
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """Ends one run of one project."""

    store: SpanStore
    queues: QueueStore
    project: str
    as_of: datetime
    config: AnalysisConfig
    scope: Scope
    writer: Writer
    judge: Judge | None

    def write(self, decided: Decided, stages: Stages, *, dry_run: bool) -> RunReport:
        """Write in the safe order; when dry, only count."""
        as_of_ns, before = nanoseconds(self.as_of), self.scope.before
        writer = self.writer
        over = TakenOver.nothing()
        if not dry_run:
            moments = unrecorded(self.store, before, project=self.project, now=as_of_ns)
            over = TakenOver.of(self.store, self.queues, moments, project=self.project)
        standing = detector_counts(
            self.store,
            self.project,
            writer.detectors,
            pl.concat([decided.found.select(FOUND), over.found]),
            decided.findings,
            decided.evaluated,
        )
        if not dry_run:
            if self.judge is not None:
                writer.evaluations(self.judge.evaluations)
            writer.findings(decided.findings)
        fillings = queue_filling.planned(
            self.queues,
            decided.routing.routed,
            project=self.project,
            config=self.config,
            recorded_until=None if before is None else moment_of(before.as_of),
        )
        with ThreadPoolExecutor(1, thread_name_prefix="items") as beside:
            items = beside.submit(
                queue_filling.fill,
                self.queues,
                fillings,
                project=self.project,
                now=self.as_of,
                dry_run=dry_run,
            )
            if not dry_run:
                writer.traces(decided.evaluated, decided.found, decided.routing.routed, items)
            counts = with_taken_over(items.result(), over)
        if not dry_run:
            writer.selections(decided.routing.changed_rows)
            # A run every minute that evaluated nothing has nothing new to say of them.
            is_new = decided.evaluated.height or not self.scope.incremental
            if decided.baselines is not None and is_new:
                writer.baselines(decided.baselines.result())
        stages.finish()
        report = self._report(decided, standing, counts, over, stages, dry_run=dry_run)
        # A run every minute that found nothing to do leaves no record.
        did_anything = report.traces_evaluated + report.traces_looked_at_again > 0
        if not dry_run and (did_anything or not self.scope.incremental):
            writer.run(report, stages)
        return report

    def _report(
        self,
        decided: Decided,
        standing: list[DetectorCount],
        counts: list[QueueCount],
        over: TakenOver,
        stages: Stages,
        *,
        dry_run: bool,
    ) -> RunReport:
        seen = decided.traces.filter(self.scope.asked_for | pl.col("is_candidate"))
        waiting = seen.filter(pl.col("complete_reason").is_null())
        evaluated = decided.evaluated.height + over.traces.height
        until_ns = waiting["complete_at"].max()
        return RunReport(
            run_id=decided.run_id,
            project=self.project,
            as_of=self.as_of,
            since=self.scope.since,
            until=self.scope.until,
            incremental=self.scope.incremental,
            dry_run=dry_run,
            traces_seen=seen.height,
            traces_evaluated=evaluated,
            traces_taken_over=over.traces.height,
            traces_unchanged=max(0, seen.height - evaluated - waiting.height),
            traces_waiting=waiting.height,
            traces_looked_at_again=decided.routing.again.height,
            waiting_until=moment_of(until_ns) if isinstance(until_ns, int) else None,
            watermark=moment_of(self.scope.watermark(decided.traces)),
            scores_watermark_nanoseconds=decided.routing.scores_watermark,
            detectors=tuple(standing),
            queues=tuple(counts),
            queues_left_out=decided.routing.queues_left_out,
            judge=None if self.judge is None else self.judge.told(),
            seconds=stages.seconds,
        )
