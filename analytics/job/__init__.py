"""The batch job: the only part of this room that knows the queue store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from analytics.job.report import RunReport
    from analytics.judge.bench import Judge
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
) -> RunReport:
    """Evaluate what is complete at ``as_of`` and fill the queues; see :mod:`.execution`.

    A dry run asks no ``judge``: asking costs money, and its verdicts would be thrown away.
    """
    from analytics.config import AnalysisConfig
    from analytics.job.execution import Job

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
    )
    return job.run(dry_run=dry_run)
