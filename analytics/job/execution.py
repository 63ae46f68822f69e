"""One run: intake, baselines, detectors, routing, and then the writing, in an order that is safe.

Everything is decided before anything is written. Findings are written first, then the items,
then the trace rows, which mark their traces as evaluated, and last the run's own row. Each
step can be repeated: findings and traces have keys, items are added once an object. A run that
died is simply run again; with the same input and ``as_of`` it decides the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.baselines import COHORT_COLUMNS, judge, with_cohorts
from analytics.completion import moment_of, nanoseconds
from analytics.detectors import prefilters
from analytics.detectors.catalog import load
from analytics.job import queue_filling
from analytics.job.counts import detector_counts
from analytics.job.decided import Decided
from analytics.job.detection import Detection
from analytics.job.intake import HISTORY_COLUMNS, every_trace, read_history, read_traces
from analytics.job.open_questions import open_questions, without_open_questions
from analytics.job.queue_lessons import put_in_order
from analytics.job.records import as_json, digest, finding_rows
from analytics.job.report import DetectorCount, QueueCount, RunReport
from analytics.job.rerouting import LastRun, last_run
from analytics.job.revisions import is_outdated, material_revisions
from analytics.job.routing_stage import RoutingStage
from analytics.job.session_history import SessionHistory
from analytics.job.stages import Stages
from analytics.job.taken_over import FOUND, TakenOver, unrecorded, with_taken_over
from analytics.job.writing import Writer, versions
from analytics.selection import draws
from span_store.schema import EVALUATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.judge.bench import Judge
    from analytics.learning.rung import LearnedRung
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

_SECOND = 1_000_000_000


@dataclass(slots=True, kw_only=True)
class Job:
    """One run over one project."""

    store: SpanStore
    queues: QueueStore
    project: str
    as_of: datetime
    since: datetime | None
    until: datetime | None
    config: AnalysisConfig
    progress: Callable[[str, int, int], None] | None
    clock: Callable[[], datetime] | None
    judge: Judge | None
    learned: LearnedRung | None
    incremental: bool = False
    reading: SpanStore = field(init=False)
    """The spans and contents of the moment the run began, whatever arrives meanwhile."""
    before: LastRun | None = field(init=False)

    def run(self, *, dry_run: bool) -> RunReport:
        """Do it, or, when dry, only say what it would do."""
        stages = Stages(self.clock)
        self.reading = self.store.snapshot("spans", "contents")
        self.before = last_run(self.store, project=self.project)
        self._tell("reading", 0, 1)
        detectors, traces = self._intake()
        stages.next("baselines")
        samples = self._samples(traces)
        with ThreadPoolExecutor(1, thread_name_prefix="draws") as beside:
            drawing = beside.submit(self._candidates, traces)
            verdicts = judge(samples, self.config)
            evaluated = drawing.result().join(
                verdicts.judged, on="trace_id", how="left", maintain_order="left"
            )
        stages.next("detectors")
        sessions = self._sessions(traces)
        detection = Detection(
            store=self.reading,
            project=self.project,
            as_of=self.as_of,
            as_of_ns=self.as_of_ns,
            config=self.config,
            detectors=detectors,
            verdicts=verdicts,
            history=sessions,
            learned=self.learned,
            judge=self.judge,
        )
        found = detection.run(
            evaluated, lambda done: self._tell("detecting", done, evaluated.height)
        )
        if self.judge is not None:
            evaluated, found = without_open_questions(self.judge, evaluated, found)
        stages.next("routing")
        evaluated = self._with_revisions(evaluated)
        routing = self._routing(detectors)
        routed = routing.run(evaluated, found, self._backfilled(traces), sessions)
        if self.learned is not None and self.learned.queues:
            routed.routed.drafts = put_in_order(
                routed.routed.drafts, self.learned.queues, self.reading, project=self.project
            )
        decided = Decided(
            run_id=self._run_id(detectors),
            traces=traces,
            samples=samples,
            evaluated=evaluated,
            found=found,
            findings=finding_rows(found, evaluated, project=self.project, as_of_ns=self.as_of_ns),
            routing=routed,
        )
        stages.next("writing")
        report = self._write(decided, detectors, stages, dry_run=dry_run)
        self._tell("done", 1, 1)
        return report

    def _routing(self, detectors: list[Any]) -> RoutingStage:
        nothing = pl.DataFrame(schema=EVALUATIONS.polars)
        return RoutingStage(
            store=self.store,
            queues=self.queues,
            project=self.project,
            as_of_ns=self.as_of_ns,
            config=self.config,
            detectors=detectors,
            judged=nothing if self.judge is None else self.judge.evaluations,
        )

    def _write(
        self, decided: Decided, detectors: list[Any], stages: Stages, *, dry_run: bool
    ) -> RunReport:
        """Write in the safe order; when dry, only count."""
        writer = Writer(
            store=self.store,
            project=self.project,
            as_of_ns=self.as_of_ns,
            config=self.config,
            detectors=detectors,
        )
        over = TakenOver.nothing()
        if not dry_run:
            moments = unrecorded(self.store, self.before, project=self.project, now=self.as_of_ns)
            over = TakenOver.of(self.store, self.queues, moments, project=self.project)
        standing = detector_counts(
            self.store,
            self.project,
            detectors,
            pl.concat([decided.found.select(FOUND), over.found]),
            decided.findings,
            decided.evaluated,
        )
        if not dry_run:
            queue_filling.ensure_system_queues(
                self.queues, detectors, project=self.project, now=self.as_of
            )
            if self.judge is not None:
                writer.evaluations(self.judge.evaluations)
            writer.findings(decided.findings)
        with ThreadPoolExecutor(1, thread_name_prefix="baselines") as beside:
            summing_up = None
            if not dry_run and (decided.evaluated.height or not self.incremental):
                samples = (decided.samples, decided.run_id)
                summing_up = beside.submit(
                    writer.baseline_rows, *samples, incremental=self.incremental
                )
            counts = queue_filling.fill(
                self.queues,
                decided.routing.routed,
                project=self.project,
                now=self.as_of,
                config=self.config,
                recorded_until=None if self.before is None else moment_of(self.before.as_of),
                dry_run=dry_run,
            )
            if not dry_run:
                writer.traces(decided.evaluated, decided.found, decided.routing.routed)
                writer.selections(decided.routing.changed_rows)
            if summing_up is not None:
                writer.baselines(summing_up.result())
        stages.finish()
        counts = with_taken_over(counts, over)
        report = self._report(decided, standing, counts, over, stages, dry_run=dry_run)
        # A run every minute that found nothing to do leaves no record.
        did_anything = report.traces_evaluated + report.traces_looked_at_again > 0
        if not dry_run and (did_anything or not self.incremental):
            writer.run(report, stages)
        return report

    @property
    def as_of_ns(self) -> int:
        """The moment of the run in nanoseconds."""
        return nanoseconds(self.as_of)

    def _intake(self) -> tuple[list[Detector], pl.DataFrame]:
        """The detectors, and every trace with its facts; ``is_candidate`` marks those to evaluate.

        The detectors are loaded, and their many expressions compiled, beside what comes after the
        reading: to read takes both processors, to put traces together hardly more than one. In
        most incremental runs nothing is new, and nothing is compiled.
        """
        beside = ThreadPoolExecutor(1, thread_name_prefix="detectors")
        loading: list[Future[list[Detector]]] = []

        def prepare() -> None:
            loading.append(beside.submit(load, self.config))
            if not self.incremental:
                beside.submit(prefilters.prepare)

        assembled = None
        if self.incremental:
            prepare()
        else:
            assembled = every_trace(
                self.reading, project=self.project, as_of_ns=self.as_of_ns, when_read=prepare
            )
        detectors = loading[0].result()
        versions_by_id = {detector.id: detector.version for detector in detectors}
        again = self._open_questions()
        intake = read_traces(
            self.reading,
            project=self.project,
            as_of=self.as_of,
            as_of_ns=self.as_of_ns,
            config=self.config,
            versions=versions_by_id,
            touched_since=self._touched_since(versions_by_id),
            assembled=assembled,
            also=again,
        )
        if self.incremental and not intake.traces.is_empty():
            beside.submit(prefilters.prepare)
        beside.shutdown(wait=False)
        asked_again = pl.lit(value=False)
        if again is not None:
            is_open = pl.col("trace_id").is_in(again["trace_id"].implode())
            asked_again = (~intake.changed & intake.is_known & is_open).fill_null(value=False)
        return detectors, with_cohorts(intake.traces).with_columns(
            is_changed=intake.changed,
            is_asked_again=asked_again,
            is_candidate=(intake.changed | asked_again) & self._in_range(),
        )

    def _open_questions(self) -> pl.DataFrame | None:
        """Evaluated traces that a judge still owes a verdict; None without a judge."""
        if self.judge is None or not self.judge.asks_again:
            return None
        calls_max = self.judge.config.calls_max
        return open_questions(self.store, project=self.project, traces_max=calls_max)

    def _touched_since(self, detector_versions: Mapping[str, str]) -> int | None:
        """An incremental run looks at what arrived after the last watermark only.

        The first one with a newer detector looks at everything, as the detector has to.
        """
        if not self.incremental or self.before is None:
            return None
        if is_outdated(self.before.versions, detector_versions):
            return None
        return self.before.watermark

    def _samples(self, traces: pl.DataFrame) -> pl.DataFrame:
        """The complete traces, and in an incremental run the evaluated ones before them."""
        complete = traces.filter(pl.col("complete_reason").is_not_null())
        if not self.incremental or not complete["is_candidate"].any():
            return complete
        history = read_history(self.store, traces, project=self.project, config=self.config)
        if history.is_empty():
            return complete
        columns = [*HISTORY_COLUMNS, *COHORT_COLUMNS, "is_candidate"]
        past = with_cohorts(history).with_columns(is_candidate=pl.lit(value=False))
        return pl.concat([past.select(columns), complete.select(columns)], how="vertical_relaxed")

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
        scope = decided.traces.filter(self._in_range())
        waiting = scope.filter(pl.col("complete_reason").is_null())
        evaluated = decided.evaluated.height + over.traces.height
        until_ns = waiting["complete_at"].max()
        return RunReport(
            run_id=decided.run_id,
            project=self.project,
            as_of=self.as_of,
            since=self.since,
            until=self.until,
            incremental=self.incremental,
            dry_run=dry_run,
            traces_seen=scope.height,
            traces_evaluated=evaluated,
            traces_taken_over=over.traces.height,
            traces_unchanged=max(0, scope.height - evaluated - waiting.height),
            traces_waiting=waiting.height,
            traces_looked_at_again=decided.routing.again.height,
            waiting_until=moment_of(until_ns) if isinstance(until_ns, int) else None,
            watermark=moment_of(self._watermark(decided.traces)),
            scores_watermark_nanoseconds=decided.routing.scores_watermark,
            detectors=tuple(standing),
            queues=tuple(counts),
            judge=None if self.judge is None else self.judge.told(),
            seconds=stages.seconds,
        )

    def _backfilled(self, traces: pl.DataFrame) -> list[str]:
        """Evaluated traces of the range that a backfill names; without a range, none."""
        if self.since is None and self.until is None:
            return []
        unchanged = ~pl.col("is_candidate") & pl.col("previous_hash").is_not_null()
        return traces.filter(self._in_range() & unchanged)["trace_id"].to_list()

    def _in_range(self) -> pl.Expr:
        """The traces asked for: by the arrival of their last span."""
        expression = pl.lit(value=True)
        if self.since is not None:
            expression &= pl.col("received_at") >= nanoseconds(self.since)
        if self.until is not None:
            expression &= pl.col("received_at") < nanoseconds(self.until)
        return expression

    def _sessions(self, traces: pl.DataFrame) -> SessionHistory:
        return SessionHistory.of(
            traces,
            self.reading,
            project=self.project,
            as_of_ns=self.as_of_ns,
            config=self.config,
            incremental=self.incremental,
        )

    def _candidates(self, traces: pl.DataFrame) -> pl.DataFrame:
        """The traces to evaluate, with the shared draw."""
        candidates = traces.filter("is_candidate")
        u = draws(self.config.salt, self.project, candidates["trace_id"])
        return candidates.with_columns(u=u)

    def _with_revisions(self, evaluated: pl.DataFrame) -> pl.DataFrame:
        """Add the revision that items carry."""
        return evaluated.with_columns(asks_floor=pl.lit(value=True)).join(
            # An immaterial change keeps the items' revision: nothing re-enters a queue for it.
            material_revisions(self.store, evaluated, project=self.project),
            on="trace_id",
            how="left",
            maintain_order="left",
        )

    def _watermark(self, traces: pl.DataFrame) -> int:
        """The latest moment up to which nothing waits or was left out any more.

        What was acknowledged lately may not be in the table yet, but it gets there in the order
        of its arrival: nothing is claimed beyond the newest span that is there.
        """
        newest = traces["received_at"].max()
        seen = newest if isinstance(newest, int) else self._seen_before()
        if self.incremental and self.before is not None:
            # What it looked at again may be older than what the run before saw.
            seen = max(seen, self.before.watermark)
        left = traces.filter(
            pl.col("complete_reason").is_null() | (pl.col("is_changed") & ~pl.col("is_candidate"))
        )
        earliest = left["first_received_at"].min()
        return min(self.as_of_ns, seen, earliest - 1 if isinstance(earliest, int) else seen)

    def _seen_before(self) -> int:
        """Where a run stands that saw no span at all."""
        if self.before is not None:
            return self.before.watermark
        return self.as_of_ns - int(self.config.age_seconds_max * _SECOND)

    def _run_id(self, detectors: list[Any]) -> str:
        moments = (self.as_of, self.since, self.until)
        bounds = [str(None if one is None else one.astimezone(UTC)) for one in moments]
        return digest(
            self.project, *bounds, repr(self.config), as_json(versions(detectors, self.config))
        )[:16]

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)
