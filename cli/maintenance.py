"""Background care of the tables: what ``store compact``, ``store retain`` and ``serve`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli.context import Context
    from span_store.compaction import CompactionReport
    from span_store.retention import Protected, RetentionReport


def protected_objects(context: Context) -> Protected:
    """What the items of every project's queues refer to."""
    from span_store.retention import Protected

    trace_ids: set[str] = set()
    conversation_ids: set[str] = set()
    for object_type, object_id, trace_id in context.queue_store.objects_in_queues():
        if trace_id:
            trace_ids.add(trace_id)
        match object_type:
            case "session":
                conversation_ids.add(object_id)
            case _:
                trace_ids.add(object_id.partition(":")[0])
    return Protected(trace_ids=frozenset(trace_ids), conversation_ids=frozenset(conversation_ids))


_WAITING_SECONDS = 10.0
"""Above this age of what waits to be loaded, merging waits: it takes what loading needs."""


def compact_table(
    context: Context,
    table: str,
    *,
    files_min: int,
    grace_hours: int,
    goes_on: Callable[[], bool] | None = None,
) -> tuple[CompactionReport, int]:
    """Merge the table's small files and vacuum it; the report and how many files were deleted.

    ``goes_on`` is asked before each group of files whether to merge it as well.
    """
    from span_store.compaction import compact
    from span_store.maintenance import Maintenance

    keeper = Maintenance(context.span_store, table, context.now())
    report = compact(
        keeper,
        target_bytes=context.configuration.store.compact_bytes,
        files_min=files_min,
        goes_on=goes_on,
    )
    return report, keeper.vacuum(grace_hours=grace_hours)


def apply_retention(
    context: Context, *, age_seconds: float | None, bytes_max: int | None, dry_run: bool
) -> list[RetentionReport]:
    """Take what is too old or too much out of the tables."""
    from span_store.retention import retain

    return retain(
        context.span_store,
        now=context.now(),
        age_seconds=age_seconds,
        bytes_max=bytes_max,
        protected=protected_objects(context),
        dry_run=dry_run,
    )


def maintain_once(context: Context) -> Iterator[str]:
    """One round over every table with the limits of the settings; sentences on what was done."""
    from span_store.errors import ConcurrentWriterError
    from span_store.schema import TABLES

    settings = context.configuration.store
    place = context.data_path
    try:
        if settings.keep_seconds or settings.keep_bytes:
            for removed in apply_retention(
                context,
                age_seconds=settings.keep_seconds or None,
                bytes_max=settings.keep_bytes or None,
                dry_run=False,
            ):
                if removed.rows_removed:
                    yield f"Took {removed.rows_removed} old rows out of {removed.table}."
        for table in TABLES:
            report, deleted = compact_table(
                context,
                table,
                files_min=settings.compact_files_min,
                grace_hours=grace_hours(settings.vacuum_grace_seconds),
                goes_on=lambda: not loading_lags(place),
            )
            if report.files_before:
                yield f"Merged {report.files_before} files of {table} into {report.files_after}."
            if deleted:
                yield f"Deleted {deleted} dead files of {table}."
        if loading_lags(place):
            yield "Left what else could be merged until the receiver has loaded what waits."
    except ConcurrentWriterError as error:
        yield f"Left the rest to another process: {error}."


def loading_lags(data_path: Path) -> bool:
    """Whether a receiver on this data directory has requests that wait for long to be loaded."""
    from otlp_receiver.stats import read_stats

    stats = read_stats(data_path)
    return bool(stats["running"]) and stats.get("spool_age_seconds", 0.0) > _WAITING_SECONDS


def grace_hours(seconds: float) -> int:
    """Whole hours, rounded up: what the table format understands."""
    return -int(-seconds // 3600)
