"""``runs``: what the batch job did, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.output import default_format, format_option, rfc3339, write_object, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = (
    *("run_id", "as_of", "kind", "since", "until"),
    *("evaluated", "unchanged", "waiting", "matched", "added"),
)


@click.group(epilog="Example: spandocket runs list --limit 5")
def runs() -> None:
    """The log of the batch job."""


@runs.command("list", epilog="Example: spandocket runs list --format table")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most runs to list."
)
@format_option
@pass_context
def list_runs(context: Context, limit: int, output_format: str | None) -> None:
    """Print the runs, the newest first.

    kind is full, backfill (--since, --until) or follow.
    """
    rows = sorted(_rows(context), key=lambda row: (row["as_of"], row["run_id"]), reverse=True)
    write_rows([_line(row) for row in rows[:limit]], output_format, _COLUMNS)


@runs.command("show", epilog="Example: spandocket runs show 87dc06a351a19a96")
@click.argument("run_id")
@format_option
@pass_context
def show_run(context: Context, run_id: str, output_format: str | None) -> None:
    """Print one run: counts by detector and queue, durations, versions, watermarks."""
    rows = {
        row["run_id"]: row | {"counts": with_scores_watermark(row["counts"])}
        for row in _rows(context)
    }
    if run_id not in rows:
        from cli.nearest import nearest_names

        raise click.UsageError(f"unknown run {run_id!r}{nearest_names(run_id, rows)}")
    if (output_format or default_format()) == "table":
        _print_run(rows[run_id])
    else:
        write_object(rows[run_id], output_format)


_DETECTOR_COLUMNS = (
    *("detector", "version", "matched", "ambiguous"),
    *("matched_new", "ambiguous_new", "skipped_new", "skip_reasons"),
)
_QUEUE_COLUMNS = (
    *("queue", "considered", "selected", "added", "duplicates", "reentered", "removed", "capped"),
)


def _print_run(row: dict[str, Any]) -> None:
    """One run for eyes: its facts, then the detectors, then the queues."""
    counts = dict(row["counts"])
    detectors, queues = counts.pop("detectors"), counts.pop("queues")
    versions = dict(row["versions"])
    for detector in detectors:
        versions.pop(detector["detector"], None)
        detector["skip_reasons"] = listed(detector["skip_reasons"])
    nested = {"version": versions, "seconds": row["durations"]}
    for name in [name for name, value in counts.items() if isinstance(value, dict)]:
        nested[name] = counts.pop(name)
    facts = {key: row[key] for key in row if key not in ("counts", "versions", "durations")}
    facts |= counts | {
        f"{key}: {name}": listed(value) if isinstance(value, dict) else value
        for key, part in nested.items()
        for name, value in part.items()
    }
    write_object(facts, "table")
    click.echo()
    write_rows(detectors, "table", _DETECTOR_COLUMNS)
    click.echo()
    write_rows(queues, "table", _QUEUE_COLUMNS)


def listed(numbers: dict[str, Any]) -> str | None:
    """Counts by reason, or declarations by name, in words; None for none."""
    parts = [
        f"{name} ({listed(value)})" if isinstance(value, dict) else f"{name} {value}"
        for name, value in numbers.items()
    ]
    return ", ".join(parts) or None


def with_scores_watermark(counts: dict[str, Any]) -> dict[str, Any]:
    """A run's counts, with the watermark of its scores as a time; null when there were none."""
    told = dict(counts)
    known = told.pop("scores_watermark_nanoseconds", None)
    return told | {"scores_watermark": rfc3339(known) if known else None}


def _rows(context: Context) -> Iterator[dict[str, Any]]:
    from span_store.plain_rows import canonical_rows
    from span_store.schema import RUNS

    frame = context.span_store.scan("runs", project=context.project).collect()
    return canonical_rows(frame, RUNS)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    counts = with_scores_watermark(row["counts"])
    return row | {
        "counts": counts,
        "kind": _kind(counts),
        "since": counts.get("since"),
        "until": counts.get("until"),
        "evaluated": counts["traces_evaluated"],
        "unchanged": counts["traces_unchanged"],
        "waiting": counts["traces_waiting"],
        "matched": sum(one["matched_new"] for one in counts["detectors"]),
        "added": sum(one["added"] for one in counts["queues"]),
    }


def _kind(counts: dict[str, Any]) -> str:
    """What sort of run it was."""
    if counts.get("incremental"):
        return "follow"
    return "backfill" if counts.get("since") or counts.get("until") else "full"


@runs.command("report", epilog="Example: spandocket runs report --html run.html")
@click.argument("run_id", required=False)
@click.option(
    "--html",
    "html_file",
    required=True,
    type=click.Path(dir_okay=False, writable=True),
    help="Where to write the page.",
)
@click.option(
    "--cohorts",
    "cohorts_max",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    help="Most cohorts to plot, the largest first.",
)
@pass_context
def report_run(context: Context, run_id: str | None, html_file: str, cohorts_max: int) -> None:
    """Write a run as a page with plots for each cohort; without RUN_ID, the newest run.

    Of each metric the distribution, the limits and the flagged traces; the hours of the week; and
    which baselines moved since the run before.
    """
    from pathlib import Path

    from analytics.run_page import render
    from cli.output import say
    from cli.run_facts import facts_of

    rows = sorted(_rows(context), key=lambda row: (row["as_of"], row["run_id"]))
    known = {row["run_id"]: row for row in rows}
    if not rows:
        raise click.UsageError("no run is recorded yet; spandocket analyze makes one")
    if run_id is not None and run_id not in known:
        from cli.nearest import nearest_names

        raise click.UsageError(f"unknown run {run_id!r}{nearest_names(run_id, known)}")
    run = rows[-1] if run_id is None else known[run_id]
    page = render(
        run,
        *facts_of(context, run["run_id"]),
        config=context.configuration.analysis,
        cohorts_max=cohorts_max,
    )
    Path(html_file).write_text(page, encoding="utf-8")
    say(f"Wrote {html_file}")
