"""``detectors``: which there are, and how good they are."""

from __future__ import annotations

import sys
from typing import Any

import click

from cli.context import Context, pass_context
from cli.output import format_option, say, write_object, write_rows

_COLUMNS = ("detector", "version", "title", "kind", "enabled")
_SCORE_COLUMNS = (
    "detector",
    "version",
    "flags",
    "reviewed",
    "confirmed",
    *("precision", "recall", "prevalence"),
)

_MODEL_COLUMNS = (
    "detector",
    "kind",
    "version",
    "detector_version",
    "in_use",
    "verdicts",
    "gain",
    "gain_low",
    "gain_high",
)


@click.group(epilog="Example: spandocket detectors scorecard")
def detectors() -> None:
    """The detectors and their measured quality."""


@detectors.command("list", epilog="Example: spandocket detectors list --format table")
@format_option
@pass_context
def list_detectors(context: Context, output_format: str | None) -> None:
    """Print every detector: built in, declared in the settings, or installed.

    A plus sign in a version tells that settings it depends on were changed, +learned.N that
    classifier N of detectors train decides again what it flags.
    """
    from analytics.detectors.catalog import CATALOG
    from cli.learned import detectors_in_use

    config = context.configuration.analysis
    built_in = {entry.id: entry for entry in CATALOG}
    rows: list[dict[str, Any]] = [
        {
            "detector": detector.id,
            "version": detector.version,
            "title": detector.title,
            "kind": "built in" if detector.id in built_in else "own",
            "enabled": True,
            "settings": {
                name: getattr(config, name)
                for name in (built_in[detector.id].settings if detector.id in built_in else ())
            },
            "instructions": detector.instructions,
        }
        for detector in detectors_in_use(context)
    ]
    rows += [
        {
            "detector": name,
            "version": None,
            "title": built_in[name].title,
            "kind": "built in",
            "enabled": False,
            "settings": {name: getattr(config, name) for name in built_in[name].settings},
            "instructions": built_in[name].instructions,
        }
        for name in config.disabled_detectors
        if name in built_in
    ]
    write_rows(rows, output_format, _COLUMNS)


@detectors.command("scorecard", epilog="Example: spandocket detectors scorecard --format table")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the intervals.")
@format_option
@pass_context
def scorecard(context: Context, seed: int, output_format: str | None) -> None:
    """Print flags, verdicts, precision, recall and prevalence, each with its interval.

    One row a version, the present one first; detectors that are not run any more come last.
    Precision comes from people's answers to flag_is_right, recall and prevalence from their answers
    to what_is_wrong on the random floor as well, each weighted by its chance of having been asked
    for. Where there are too few answers it says so.
    """
    from dataclasses import asdict

    from analytics.job.scorecards import scorecards
    from cli.learned import detectors_in_use
    from cli.output import default_format

    cards = scorecards(
        context.span_store,
        context.queue_store,
        detectors_in_use(context),
        project=context.project,
        seed=seed,
    )
    rows = [asdict(card) for card in cards]
    if (output_format or default_format()) in ("table", "csv"):
        for row in rows:
            for name in ("precision", "recall", "prevalence"):
                row[name] = _text(row[name])
    write_rows(rows, output_format, _SCORE_COLUMNS)


@detectors.command("train", epilog="Example: spandocket detectors train refusal")
@click.argument("name")
@click.option("--field", help="Of a queue: the yes-or-no question to learn from.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the folds.")
@click.option("--dry-run", is_flag=True, help="Learn and compare; keep and promote nothing.")
@format_option
@pass_context
def train(
    context: Context,
    name: str,
    field: str | None,
    seed: int,
    dry_run: bool,
    output_format: str | None,
) -> None:
    """Learn from people's verdicts on the detector or queue NAME, and use it if it is better.

    A detector's classifier decides again what the detector flags; the detector's version tells it,
    and the next run looks at every trace again. A queue's one learns from the answers to its
    yes-or-no question and puts the queue's next items in order.

    Compared on verdicts that the classifier did not see, trace by trace. It is promoted only when
    the lower 99 % bound of its gain in balanced agreement with people is above zero; otherwise it
    is kept unused and the exit code is 3.
    """
    from cli.learned import train_detector

    report, is_better = train_detector(context, name, field=field, seed=seed, dry_run=dry_run)
    write_object(report, output_format)
    if not is_better:
        say(f"{name}: not shown to be better than what is in use; nothing changes")
        sys.exit(3)


@detectors.command("rollback", epilog="Example: spandocket detectors rollback refusal")
@click.argument("name")
@format_option
@pass_context
def rollback(context: Context, name: str, output_format: str | None) -> None:
    """Go back to what the detector or queue NAME used before its last promotion.

    A detector has its version from before again; the next run looks at every trace again.
    """
    from cli.learned import shelf_for

    version = shelf_for(context, name).rollback(name)
    write_object({"detector": name, "in_use": version}, output_format)


@detectors.command("models", epilog="Example: spandocket detectors models --format table")
@format_option
@pass_context
def models(context: Context, output_format: str | None) -> None:
    """Print every learned classifier, how it compared, and which are in use.

    One in use rests while the detector's version is not the detector_version it was taught on.
    """
    from cli.learned import learned_rows

    write_rows(learned_rows(context), output_format, _MODEL_COLUMNS)


def _text(share: dict[str, Any]) -> str:
    if share["value"] is None:
        return str(share["reason"])
    return f"{share['value']:.3f} ({share['low']:.3f}-{share['high']:.3f})"
