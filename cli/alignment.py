"""``spandocket alignment``: how far an evaluator agrees with people, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.context import Context, pass_context
from cli.output import FORMATS, default_format, say, write_object, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytics.alignment.report import Report, ReportOptions

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_FIGURE_COLUMNS = (
    "section", "name", "value", "ci_low", "ci_high", "method", "n", "n_eff", "weighted",
    "null_reason", "seed",
)  # fmt: skip


@click.group(epilog="Example: spandocket alignment report --evaluator judge --field verdict")
def alignment() -> None:
    """Report how far evaluators agree with people."""


def source_options(command: _Command) -> _Command:
    """Where the pairs come from, and how scores are read."""
    for option in reversed(
        (
            click.option("--evaluator", "-e", help="Evaluator, detector or judge by its name."),
            click.option("--field", "-f", "field_name", help="Annotation field people answered."),
            click.option(
                "--pairs",
                "pairs_file",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="File of pairs (CSV, JSONL, Parquet) instead of stored data.",
            ),
            click.option("--evaluator-version", help="Version to report.  [default: the newest]"),
            click.option("--positive", help="The bad value, which a person should look at."),
            click.option("--pass", "pass_value", help="The value that counts as a pass."),
            click.option(
                "--type",
                "score_type",
                type=click.Choice(["boolean", "categorical", "ordinal", "numeric"]),
                help="Score type.  [default: found from the values]",
            ),
            click.option("--label", "labels", multiple=True, help="A class, lowest first."),
            click.option("--threshold", type=float, help="Evaluator scores from here up are high."),
            click.option("--human-threshold", type=float, help="Human numbers from here up."),
            click.option("--seed", default=0, show_default=True, help="Seed of random draws."),
        )
    ):
        command = option(command)
    return command


@alignment.command(
    epilog="Example: spandocket alignment report --pairs pairs.csv --positive 1 --html out.html"
)
@source_options
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write one self-contained page.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice([*FORMATS, "markdown"]),
    help="How to print the report.  [default: table on a terminal, jsonl otherwise]",
)
@pass_context
def report(
    context: Context, /, html_file: Path | None, output_format: str | None, **source: Any
) -> None:
    """Compare an evaluator with people: matrix, rates, coefficients, pass rate, ceiling.

    With --pairs FILE the data come from a file with the columns human and evaluator, and optionally
    item, rater, inclusion_probability, weight, cluster, stratum and others; rows without a human
    value are the unlabelled population.
    """
    document = _make_report(context, source).to_json()
    if html_file is not None:
        from analytics.alignment.page.document import html_page

        html_file.write_text(html_page(document), encoding="utf-8")
        say(f"wrote {html_file}")
    match output_format or default_format():
        case "table":
            from cli.alignment_text import print_report

            print_report(document)
        case "markdown":
            from analytics.alignment.markdown import markdown

            click.echo(markdown(document), nl=False)
        case "csv":
            write_rows(_figure_rows(document), "csv", _FIGURE_COLUMNS)
        case other:
            write_object(document, other)


def _make_report(context: Context, source: dict[str, Any]) -> Report:
    from analytics.alignment.report import report as make_report

    options = report_options(source)
    if source["pairs_file"] is not None:
        from cli.pairs_file import read_table

        path: Path = source["pairs_file"]
        about = {"project": context.project, "evaluator": source["evaluator"],
                 "field": source["field_name"], "file": path.name}  # fmt: skip
        return make_report(read_table(path), options, about)
    if source["evaluator"] is None or source["field_name"] is None:
        raise click.UsageError("give --evaluator and --field, or --pairs FILE")
    from dataclasses import replace

    from cli.alignment_source import stored_pairs

    pairs = stored_pairs(context, source["evaluator"], source["field_name"])
    options = replace(options, scale=pairs.scale_options(options.scale))
    return make_report(pairs.frame, options, pairs.about)


def report_options(source: dict[str, Any]) -> ReportOptions:
    """The options of the command line as the report's."""
    from analytics.alignment.report import ReportOptions
    from analytics.alignment.score_types import ScaleOptions, ScoreType

    kind = source["score_type"]
    return ReportOptions(
        scale=ScaleOptions(
            score_type=None if kind is None else ScoreType(kind),
            labels=tuple(source["labels"]),
            positive=source["positive"],
            pass_value=source["pass_value"],
            threshold=source["threshold"],
            human_threshold=source["human_threshold"],
        ),
        version=source["evaluator_version"],
        seed=source["seed"],
    )


def _figure_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every figure of the main sections as one flat row."""
    return [
        {"section": section, "name": name, **figure}
        for section in ("raw", "weighted", "pass_rate")
        for name, figure in document[section].items()
        if isinstance(figure, dict) and "null_reason" in figure
    ]
