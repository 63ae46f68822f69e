"""``detectors``: which there are, and how good they are."""

from __future__ import annotations

from typing import Any

import click

from cli.context import Context, pass_context
from cli.output import format_option, write_rows

_COLUMNS = ("detector", "version", "title", "kind", "enabled")
_SCORE_COLUMNS = (
    "detector",
    "version",
    "flags",
    "reviewed",
    "confirmed",
    *("precision", "recall", "prevalence"),
)


@click.group(epilog="Example: spandocket detectors scorecard")
def detectors() -> None:
    """The detectors and their measured quality."""


@detectors.command("list", epilog="Example: spandocket detectors list --format table")
@format_option
@pass_context
def list_detectors(context: Context, output_format: str | None) -> None:
    """Print every detector: built in, declared in the settings, or installed."""
    from analytics.detectors.catalog import CATALOG, load

    config = context.configuration.analysis
    built_in = {entry.id: entry for entry in CATALOG}
    rows: list[dict[str, Any]] = [
        {
            "detector": detector.id,
            "version": detector.version,
            "title": detector.title,
            "kind": "built in" if detector.id in built_in else "own",
            "enabled": True,
            "instructions": detector.instructions,
        }
        for detector in load(config)
    ]
    rows += [
        {
            "detector": name,
            "version": None,
            "title": built_in[name].title,
            "kind": "built in",
            "enabled": False,
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

    Precision comes from people's answers to flag_is_right, recall and prevalence from their answers
    to what_is_wrong on the random floor. Where there are too few answers it says so.
    """
    from dataclasses import asdict

    from analytics.detectors.catalog import load
    from analytics.job.verdicts import scorecards
    from cli.output import default_format

    cards = scorecards(
        context.span_store,
        context.queue_store,
        load(context.configuration.analysis),
        project=context.project,
        seed=seed,
    )
    rows = [asdict(card) for card in cards]
    if (output_format or default_format()) in ("table", "csv"):
        for row in rows:
            for name in ("precision", "recall", "prevalence"):
                row[name] = _text(row[name])
    write_rows(rows, output_format, _SCORE_COLUMNS)


def _text(share: dict[str, Any]) -> str:
    if share["value"] is None:
        return str(share["reason"])
    return f"{share['value']:.3f} ({share['low']:.3f}-{share['high']:.3f})"
