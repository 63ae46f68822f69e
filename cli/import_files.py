"""``spandocket import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import format_option, say, write_object

if TYPE_CHECKING:
    from cli.context import Context

_PROBLEMS_SHOWN_MAX = 50
_IGNORED_SHOWN_MAX = 3


def _as_paths(_: click.Context, __: click.Parameter, named: tuple[str, ...]) -> tuple[Path, ...]:
    """Refuse an empty name, which an unset variable of a shell leaves: it would be this folder."""
    if "" in named:
        raise click.BadParameter("a path is empty; name a file or a folder, this one as '.'")
    return tuple(map(Path, named))


@click.command("import", epilog="Example: spandocket import collector-output/ run.traces.binpb")
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    type=click.Path(),
    callback=_as_paths,
)
@format_option
@pass_context
def import_files(context: Context, paths: tuple[Path, ...], output_format: str | None) -> None:
    """Load OTLP files the way the receiver would; a folder stands for the files in it.

    Understands protobuf requests (*.traces.binpb, *.logs.binpb), JSON and JSON lines as the
    Collector's file exporter writes them, protobuf behind 4-byte lengths, and any of these
    compressed with gzip or zstd. A file that was imported before, under whatever name, is not
    stored again. Works while a receiver owns the data directory. A file that cannot be read is
    named with the reason, the others are loaded, and the exit code is 1.
    """
    import time
    from dataclasses import asdict

    from otlp_receiver.importer import Importer
    from otlp_receiver.rows import rows_reader

    settings = context.configuration.receiver
    importer = Importer(
        store=context.span_store,
        decode=rows_reader(settings.attributes, settings.prices),
        project=context.project,
        clock=time.time_ns,
    )
    report = importer.run(paths)
    _say_some("Left alone", report.ignored, _IGNORED_SHOWN_MAX)
    _say_some("Error", report.problems, _PROBLEMS_SHOWN_MAX)
    counts = asdict(report)
    counts |= counts.pop("rows") | {"problems": len(report.problems)}
    del counts["ignored"]
    write_object(counts, output_format)
    if report.problems:
        sys.exit(1)


def _say_some(title: str, sentences: list[str], shown_max: int) -> None:
    for sentence in sentences[:shown_max]:
        say(f"{title}: {sentence}")
    if len(sentences) > shown_max:
        say(f"{title}: ... and {len(sentences) - shown_max} more.")
