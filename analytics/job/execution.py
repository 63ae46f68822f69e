"""One run: intake, baselines, detectors, routing, and then the writing.

Everything is decided before anything of it is written; see :mod:`analytics.job.conclusion`. The
system queues alone are made beside the detectors. A run that died is simply run again; with the
same input and ``as_of`` it decides the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from analytics.baselines import COHORT_COLUMNS, judge, with_cohorts
from analytics.completion import nanoseconds
from analytics.detectors import prefilters
from analytics.detectors.catalog import load
from analytics.job.conclusion import Conclusion
from analytics.job.decided import Decided
from analytics.job.detection import Detection
from analytics.job.intake import HISTORY_COLUMNS, every_trace, read_history, read_traces
from analytics.job.open_questions import open_questions, without_open_questions
from analytics.job.overtaken import overtaken
from analytics.job.queue_filling import ensure_system_queues
from analytics.job.queue_lessons import put_in_order
from analytics.job.records import as_json, digest, finding_rows
from analytics.job.rehearsal import rehearse
from analytics.job.rerouting import last_run
from analytics.job.revisions import is_outdated, material_revisions
from analytics.job.routing_stage import RoutedRun, RoutingStage
from analytics.job.scope import Scope
from analytics.job.session_history import SessionHistory
from analytics.job.stages import Stages
from analytics.job.writing import Writer, versions
from analytics.selection import draws
from span_store.schema import EVALUATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from analytics.baselines import Verdicts
    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.job.intake import Intake
    from analytics.job.report import RunReport
    from analytics.judge.bench import Judge
    from analytics.learning.rung import LearnedRung
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


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
    scope: Scope = field(init=False)

    def run(self, *, dry_run: bool) -> RunReport:
        """Do it, or, when dry, only say what it would do."""
        stages = Stages(self.clock)
        self.reading = self.store.snapshot("spans", "contents")
        self.scope = Scope(
            as_of_ns=self.as_of_ns,
            since=self.since,
            until=self.until,
            incremental=self.incremental,
            before=last_run(self.store, project=self.project),
            config=self.config,
        )
        self._tell("reading", 0, 1)
        detectors, traces = self._intake()
        writer = Writer(
            store=self.store,
            project=self.project,
            as_of_ns=self.as_of_ns,
            config=self.config,
            detectors=detectors,
        )
        with ThreadPoolExecutor(1, thread_name_prefix="baselines") as beside:
            decided = self._decided(traces, stages, writer, beside, dry_run=dry_run)
            stages.next("writing")
            conclusion = Conclusion(
                store=self.store,
                queues=self.queues,
                project=self.project,
                as_of=self.as_of,
                config=self.config,
                scope=self.scope,
                writer=writer,
                judge=self.judge,
            )
            report = conclusion.write(decided, stages, dry_run=dry_run)
        self._tell("done", 1, 1)
        return report

    def _decided(
        self,
        traces: pl.DataFrame,
        stages: Stages,
        writer: Writer,
        beside: ThreadPoolExecutor,
        *,
        dry_run: bool,
    ) -> Decided:
        """Everything but the writing; ``beside`` does what nothing else waits for yet."""
        stages.next("baselines")
        run_id = self._run_id(writer.detectors)
        samples = self._samples(traces)
        # Detectors begin to read content while the baselines are still looked at.
        verdicts = beside.submit(self._verdicts, samples, stages)
        queues_made = None if dry_run else beside.submit(self._make_queues, writer.detectors)
        evaluated = self._candidates(traces)
        sessions = self._sessions(traces)
        baselines: list[Future[pl.DataFrame]] = []

        def sum_up() -> None:
            """The baselines' rows, made ready while the last traces are read."""
            if not dry_run and (evaluated.height or not self.incremental):
                rows, options = writer.baseline_rows, {"incremental": self.incremental}
                baselines.append(beside.submit(rows, samples, run_id, **options))

        found = self._detection(writer.detectors, verdicts, sessions).run(
            evaluated, lambda done: self._tell("detecting", done, evaluated.height), sum_up
        )
        verdicts.result()
        if queues_made is not None:
            queues_made.result()
        stages.next("routing")
        if self.judge is not None:
            evaluated, found = without_open_questions(self.judge, evaluated, found)
        evaluated = self._with_revisions(evaluated)
        return Decided(
            run_id=run_id,
            traces=traces,
            baselines=baselines[0] if baselines else None,
            evaluated=evaluated,
            found=found,
            findings=finding_rows(found, evaluated, project=self.project, as_of_ns=self.as_of_ns),
            routing=self._routed(traces, evaluated, found, sessions, writer.detectors),
        )

    def _verdicts(self, samples: pl.DataFrame, stages: Stages) -> Verdicts:
        """What the baselines say; from then on the run waits for the detectors."""
        verdicts = judge(samples, self.config)
        stages.next("detectors")
        return verdicts

    def _make_queues(self, detectors: Sequence[Detector]) -> None:
        """The system queues, which stand empty until something is decided."""
        ensure_system_queues(self.queues, detectors, project=self.project, now=self.as_of)

    def _detection(
        self, detectors: Sequence[Detector], verdicts: Future[Verdicts], sessions: SessionHistory
    ) -> Detection:
        return Detection(
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

    def _routed(
        self,
        traces: pl.DataFrame,
        evaluated: pl.DataFrame,
        found: pl.DataFrame,
        sessions: SessionHistory,
        detectors: Sequence[Detector],
    ) -> RoutedRun:
        nothing = pl.DataFrame(schema=EVALUATIONS.polars)
        stage = RoutingStage(
            store=self.store,
            queues=self.queues,
            project=self.project,
            as_of_ns=self.as_of_ns,
            config=self.config,
            detectors=detectors,
            judged=nothing if self.judge is None else self.judge.evaluations,
        )
        routed = stage.run(evaluated, found, self.scope.backfilled(traces), sessions)
        if self.learned is not None and self.learned.queues:
            routed.routed.drafts = put_in_order(
                routed.routed.drafts, self.learned.queues, self.reading, project=self.project
            )
        return routed

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
            classifiers = None if self.learned is None else self.learned.classifiers
            loading.append(beside.submit(load, self.config, learned=classifiers))
            if not self.incremental:
                beside.submit(prefilters.prepare)
                beside.submit(self._rehearse, loading[0])

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
        intake = self._read(versions_by_id, assembled, again)
        behind = self._overtaken(intake)
        if self.incremental and not behind.is_empty():
            also = behind if again is None else pl.concat([again, behind])
            intake = self._read(versions_by_id, None, also)
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
            is_candidate=((intake.changed | asked_again) & self.scope.asked_for)
            | (intake.is_known & pl.col("trace_id").is_in(behind["trace_id"].implode())).fill_null(
                value=False
            ),
        )

    def _read(
        self,
        versions_by_id: Mapping[str, str],
        assembled: pl.DataFrame | None,
        also: pl.DataFrame | None,
    ) -> Intake:
        return read_traces(
            self.reading,
            project=self.project,
            as_of=self.as_of,
            as_of_ns=self.as_of_ns,
            config=self.config,
            versions=versions_by_id,
            touched_since=self._touched_since(versions_by_id),
            assembled=assembled,
            also=also,
        )

    def _overtaken(self, intake: Intake) -> pl.DataFrame:
        """Evaluated traces, also beyond the range asked for, that new ones come before."""
        return overtaken(
            intake,
            self.scope.asked_for,
            self.store,
            project=self.project,
            traces_max=self.config.session_traces_max,
            is_partial=self.incremental,
        )

    def _rehearse(self, loading: Future[list[Detector]]) -> None:
        rehearse(loading.result(), self.config, self.as_of)

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
        before = self.scope.before
        if not self.incremental or before is None:
            return None
        if is_outdated(before.versions, detector_versions):
            return None
        return before.watermark

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

    def _run_id(self, detectors: Sequence[Detector]) -> str:
        moments = (self.as_of, self.since, self.until)
        bounds = [str(None if one is None else one.astimezone(UTC)) for one in moments]
        return digest(
            self.project, *bounds, repr(self.config), as_json(versions(detectors, self.config))
        )[:16]

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)
