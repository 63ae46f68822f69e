"""The batch job: the only part of this room that knows the queue store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from analytics.config import AnalysisConfig
    from analytics.job.report import RunReport
    from analytics.judge.bench import Judge
    from analytics.learning.rung import LearnedRung
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


def run(  # noqa: PLR0913  # One argument a choice of the caller.
    store: SpanStore,
    queues: QueueStore,
    *,
    project: str,
    as_of: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    config: AnalysisConfig | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    clock: Callable[[], datetime] | None = None,
    judge: Judge | None = None,
    learned: LearnedRung | None = None,
    incremental: bool = False,
    lock_file: Path | None = None,
) -> RunReport:
    """Evaluate what is complete at ``as_of`` and fill the queues; see :mod:`.execution`.

    ``learned`` holds the classifiers that people's verdicts taught; they decide before the judge.
    A dry run asks no ``judge``: asking costs money, and its verdicts would be thrown away.
    ``incremental`` reads only what arrived after the last run's watermark. ``lock_file`` keeps two
    runs apart; raises :class:`analytics.errors.RunInProgressError` when it is held.
    """
    from contextlib import nullcontext

    from analytics.config import AnalysisConfig
    from analytics.job.execution import Job
    from analytics.job.lock import run_lock

    job = Job(
        store=store,
        queues=queues,
        project=project,
        as_of=as_of,
        since=since,
        until=until,
        config=config or AnalysisConfig(),
        progress=progress,
        clock=clock,
        judge=None if dry_run else judge,
        learned=learned,
        incremental=incremental,
    )
    with nullcontext() if lock_file is None else run_lock(lock_file):
        return job.run(dry_run=dry_run)
