"""``analyze``: find what deserves a person and fill the queues."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.moments import MOMENT, STORED_MOMENT, Wait
from cli.output import default_format, format_option, say, to_json, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.job.report import RunReport
    from cli.judging import Endurance
    from queue_store.store import QueueStore

_LOOK_AGAIN_SECONDS = 1.0
_DETECTOR_COLUMNS = (
    *("detector", "version", "matched", "new", "ambiguous", "skipped", "skip_reasons"),
)
_QUEUE_COLUMNS = (
    *("queue", "considered", "selected", "added", "duplicates", "reentered", "removed", "capped"),
)


@click.command(epilog="Example: spandocket analyze --since 2026-11-01 --dry-run")
@click.option("--since", type=MOMENT, help="Only traces that received anything from this time on.")
@click.option("--until", type=MOMENT, help="Only traces that received nothing from this time on.")
@click.option(
    "--as-of",
    "as_of",
    type=STORED_MOMENT,
    help="The time the run stands for; may lie in the future.  [default: now]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be found and queued; write nothing.")
@click.option("--follow", is_flag=True, help="Keep running, reading only what is new.")
@click.option(
    "--interval",
    type=Wait(min=0.1),
    default=60.0,
    show_default=True,
    help="Seconds between two runs of --follow.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=Wait(min=0),
    default=0.0,
    show_default=True,
    help="Seconds to wait for another run to end; --follow always waits.",
)
@format_option
@pass_context
def analyze(
    context: Context,
    since: datetime | None,
    until: datetime | None,
    as_of: datetime | None,
    dry_run: bool,
    follow: bool,
    interval: float,
    wait_seconds: float,
    output_format: str | None,
) -> None:
    """Find what deserves a person and fill the queues; print counts by detector and queue.

    Running it again changes nothing: traces are evaluated when they are new or have changed.
    A trace counts once its root was seen and it has been quiet for 30 s, by arrival or by its own
    clock; the others wait, and the command says until when. With --since or --until the rules of
    the queues also look again at traces that were evaluated before (a backfill).
    """
    from analytics.job.memory import POLARS_ALLOCATOR
    from otlp_receiver.memory import spare_garbage_collector

    os.environ.setdefault(*POLARS_ALLOCATOR)
    spare_garbage_collector()
    if follow:
        if dry_run or since or until or as_of:
            raise click.UsageError(
                "--follow goes with none of --since, --until, --as-of, --dry-run"
            )
        _follow(context, interval, output_format)
        return
    given = click.get_current_context().get_parameter_source("interval")
    if given is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--interval goes with --follow")
    if since is not None and until is not None and since >= until:
        raise click.UsageError(f"--since {since.isoformat()} is not before --until")
    report = _run_alone(context, since, until, as_of, dry_run=dry_run, wait_seconds=wait_seconds)
    _print(report, output_format)
    # A table without rows says it itself.
    if not report.traces_seen and (output_format or default_format()) != "table":
        from cli.other_projects import hint_of_other_projects

        hint = hint_of_other_projects()
        if hint is not None:
            say(hint)


def _run_alone(
    context: Context,
    since: datetime | None,
    until: datetime | None,
    as_of: datetime | None,
    *,
    dry_run: bool,
    wait_seconds: float,
) -> RunReport:
    """Run once no other run is going on; the error of the lock when that takes too long."""
    import time

    from analytics.errors import RunInProgressError

    last = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            return _run(context, since, until, as_of, dry_run=dry_run)
        except RunInProgressError as error:
            left = last - time.monotonic()
            if left <= 0:
                raise
            if not told:
                say(f"{error.holder} is analysing; waiting for it")
            told = True
            time.sleep(min(left, _LOOK_AGAIN_SECONDS))


def _follow(context: Context, interval: float, output_format: str | None) -> None:
    """Run until stopped by SIGINT or SIGTERM; print the runs that found anything to evaluate."""
    from analytics.errors import RunInProgressError
    from cli.exit_codes import is_interruption
    from cli.judging import Endurance
    from cli.stopping import Stop

    endurance = Endurance()
    with Stop() as stop:
        say(f"Following every {interval:g} s; stop with Ctrl-C.")
        while not stop.is_set:
            try:
                report = _run(
                    context, None, None, None, dry_run=False, incremental=True, endurance=endurance
                )
            except RunInProgressError as error:
                say(f"{error.holder} is analysing; looking again in {interval:g} s")
            except BaseException as error:
                # Polars answers Ctrl-C by itself while it is at work.
                if not is_interruption(error):
                    raise
                return
            else:
                if report.traces_evaluated or report.traces_looked_at_again:
                    _print(report, output_format)
            stop.wait(interval)


def _run(
    context: Context,
    since: datetime | None,
    until: datetime | None,
    as_of: datetime | None,
    *,
    dry_run: bool,
    incremental: bool = False,
    endurance: Endurance | None = None,
) -> RunReport:
    from analytics.job import run
    from cli.judging import judge_of, say_what_was_judged
    from cli.learned import learned_of
    from cli.progress import progress_bar

    judge = judge_of(context)
    if judge is not None and endurance is not None:
        judge.asks_again = endurance.is_over(context.now())
    with progress_bar() as progress, _queues(context, dry_run=dry_run) as queues:
        report = run(
            context.span_store,
            queues,
            project=context.project,
            as_of=as_of or context.now(),
            since=since,
            until=until,
            dry_run=dry_run,
            config=context.configuration.analysis,
            progress=progress,
            clock=context.now,
            judge=judge,
            learned=learned_of(context),
            incremental=incremental,
            lock_file=None if dry_run else context.data_path / "analysis.lock",
        )
    if judge is not None and not dry_run:
        if endurance is not None and judge.is_out_of_reach:
            endurance.begin(context.now())
        say_what_was_judged(judge)
        judge.endpoint.close()
    return report


@contextmanager
def _queues(context: Context, *, dry_run: bool) -> Iterator[QueueStore]:
    """The queue store; where there is none yet, a dry run makes one that is gone afterwards."""
    if not dry_run or context.has_queue_store:
        yield context.queue_store
        return
    from contextlib import closing
    from tempfile import TemporaryDirectory

    from queue_store.store import QueueStore

    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/queue.sqlite3"
        with closing(QueueStore.open(url, context.configuration.queue)) as store:
            yield store


def _print(report: RunReport, output_format: str | None) -> None:
    from cli.runs import listed, with_scores_watermark

    detectors = [
        {
            "detector": count.detector,
            "version": count.version,
            "matched": count.matched,
            "new": count.matched_new,
            "ambiguous": count.ambiguous,
            "skipped": count.skipped_new,
            "skip_reasons": listed(count.skip_reasons),
        }
        for count in report.detectors
    ]
    match output_format or default_format():
        case "json" | "jsonl":
            click.echo(to_json(with_scores_watermark(report.as_json())))
        case "csv":
            write_rows(detectors, "csv", _DETECTOR_COLUMNS)
        case _:
            write_rows(detectors, "table", _DETECTOR_COLUMNS)
            click.echo()
            rows: list[dict[str, Any]] = [
                {name: getattr(count, name) for name in _QUEUE_COLUMNS} for count in report.queues
            ]
            write_rows(rows, "table", _QUEUE_COLUMNS)
    sys.stdout.flush()
    for queue, reason in report.queues_left_out.items():
        say(f"Left out, queue {queue!r}: {reason}. `spandocket queues change` gives it another.")
    say(_sentence(report))


def _sentence(report: RunReport) -> str:
    """One line a person reads at the end."""
    died = report.traces_taken_over
    of_them = f" ({died} by a run that died before it was recorded)" if died else ""
    counts = (
        f"{report.traces_evaluated} traces evaluated{of_them}, {report.traces_unchanged} unchanged,"
        f" {report.traces_waiting} waiting"
    )
    words = [counts + (f", {sum(report.seconds.values()):.1f} s" if report.seconds else "")]
    if report.dry_run:
        words.insert(0, "Dry run, nothing written:")
    if report.waiting_until is not None:
        until = report.waiting_until.astimezone(UTC)
        words.append(
            f"(complete by {until:%Y-%m-%dT%H:%M:%SZ} if nothing more arrives;"
            " run again then, or pass --as-of)"
        )
    return " ".join(words)
