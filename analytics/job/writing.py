"""What a run writes to the tables, each step repeatable."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.baselines import BASELINES_VERSION, summary
from analytics.completion import nanoseconds
from analytics.configured import BASELINE_SETTINGS, changed_settings, configured
from analytics.job.records import as_json, baseline_rows, run_row, told_of, trace_rows
from analytics.routing import ROUTING_VERSION
from span_store.schema import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.job.report import RunReport
    from analytics.job.stages import Stages
    from analytics.routing import Routed
    from span_store.store import SpanStore

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes the rows of one run of one project."""

    store: SpanStore
    project: str
    as_of_ns: int
    config: AnalysisConfig
    detectors: Sequence[Detector]

    def findings(self, findings: pl.DataFrame) -> None:
        """Append the findings that are not there yet."""
        known = self.store.scan_raw("findings", project=self.project).select("finding_id").collect()
        fresh = findings.join(known, on="finding_id", how="anti", maintain_order="left")
        if not fresh.is_empty():
            self.store.append("findings", fresh)

    def evaluations(self, evaluations: pl.DataFrame) -> None:
        """Append what a judge said; said again, it has the same id and counts once."""
        if not evaluations.is_empty():
            self.store.append("evaluations", evaluations)

    def traces(
        self, evaluated: pl.DataFrame, found: pl.DataFrame, routed: Routed, items: Future[Any]
    ) -> None:
        """Append the evaluated revisions: from now on these traces count as evaluated.

        Their files are written while ``items`` are added, and committed when all of these are in.
        """
        if evaluated.is_empty():
            return
        config = self.config
        if routed.floor_rate is not None:
            config = replace(config, random_floor=routed.floor_rate)
        priorities: dict[str, float] = {}
        for draft in routed.drafts:
            priorities[draft.trace_id] = max(
                draft.priority, priorities.get(draft.trace_id, draft.priority)
            )
        told = told_of(found, routed.selections, priorities, self.detectors)

        def parts() -> Iterator[pl.DataFrame]:
            for some in evaluated.iter_slices(_ROWS_AT_ONCE):
                yield trace_rows(
                    some,
                    told,
                    self.detectors,
                    project=self.project,
                    as_of_ns=self.as_of_ns,
                    config=config,
                )
            # The commit follows the last part.
            items.result()

        self.store.append_parts("traces", parts())

    def selections(self, rows: pl.DataFrame) -> None:
        """Append rows whose selections changed, under the same revision: the last one counts."""
        if not rows.is_empty():
            self.store.append("traces", rows)

    def baseline_rows(
        self, samples: pl.DataFrame, run_id: str, *, incremental: bool
    ) -> pl.DataFrame:
        """The baselines as they stand at the end of the newest complete trace, to be written.

        ``samples`` are what the run's norms came from. Runs every minute write them once an hour.
        """
        nothing = pl.DataFrame(schema=BASELINES.polars)
        stored = self.store.scan_raw("baselines", project=self.project)
        if stored.filter(pl.col("run_id") == run_id).head(1).collect().height:
            return nothing
        if incremental:
            newest = stored.select(pl.col("computed_at").max()).collect().item()
            if newest is not None and self.as_of_ns < newest + _HOUR:
                return nothing
        last = samples["end_time"].max()
        window_end = min(self.as_of_ns, last) if isinstance(last, int) else self.as_of_ns
        window_start = window_end - int(self.config.baseline_window_seconds * _SECOND)
        return baseline_rows(
            summary(samples, window_start=window_start, window_end=window_end),
            project=self.project,
            run_id=run_id,
            as_of_ns=self.as_of_ns,
            window_start=window_start,
            window_end=window_end,
        )

    def baselines(self, rows: pl.DataFrame) -> None:
        """Append what :meth:`baseline_rows` gave."""
        if not rows.is_empty():
            self.store.append("baselines", rows)

    def run(self, report: RunReport, stages: Stages) -> None:
        """Append the run's own row, unless this very run is recorded and did nothing new."""
        known = self.store.scan_raw("runs", project=self.project)
        is_known = known.filter(pl.col("run_id") == report.run_id).head(1).collect().height > 0
        if is_known and report.traces_evaluated == 0:
            return
        started, finished = stages.bounds(report.as_of)
        self.store.append(
            "runs",
            run_row(
                {
                    "project": self.project,
                    "run_id": report.run_id,
                    "as_of": self.as_of_ns,
                    "started_at": nanoseconds(started),
                    "finished_at": nanoseconds(finished),
                    "watermark": nanoseconds(report.watermark),
                    "versions": as_json(versions(self.detectors, self.config)),
                    "counts": as_json(
                        _counts(report) | {"settings": changed_settings(self.config)}
                    ),
                    "durations": as_json(report.seconds),
                }
            ),
        )


def _counts(report: RunReport) -> dict[str, Any]:
    asked = (report.since, report.until)
    since, until = (
        None
        if one is None
        else f"{one.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}000Z"
        for one in asked
    )
    return {
        "since": since,
        "until": until,
        "incremental": report.incremental,
        "traces_seen": report.traces_seen,
        "traces_evaluated": report.traces_evaluated,
        "traces_taken_over": report.traces_taken_over,
        "traces_unchanged": report.traces_unchanged,
        "traces_waiting": report.traces_waiting,
        "traces_looked_at_again": report.traces_looked_at_again,
        "scores_watermark_nanoseconds": report.scores_watermark_nanoseconds,
        "judge": report.judge,
        "detectors": [asdict(count) for count in report.detectors],
        "queues": [asdict(count) for count in report.queues],
    }


def versions(detectors: Sequence[Detector], config: AnalysisConfig) -> dict[str, str]:
    """The versions that decide what a run finds."""
    baselines = configured(BASELINES_VERSION, config, BASELINE_SETTINGS)
    own = {"routing": ROUTING_VERSION, "baselines": baselines}
    return own | {detector.id: detector.version for detector in detectors}
