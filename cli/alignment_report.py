"""``spandocket alignment report``: the whole report, in every form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.alignment_options import NUMBER, FiniteRange, read_source, source_options
from cli.context import Context, pass_context
from cli.output import FORMATS, default_format, say, write_object, write_rows

_FIGURE_COLUMNS = (
    "section", "name", "value", "ci_low", "ci_high", "method", "n", "n_eff", "weighted",
    "null_reason", "seed",
)  # fmt: skip


@click.command(
    epilog="Example: spandocket alignment report --pairs pairs.csv --positive 1 --html out.html"
)
@source_options
@click.option(
    "--skill",
    type=click.Choice(["expert", "skilled", "crowd"]),
    help="What the people are, for the alternative annotator test.  [default: skilled]",
)
@click.option(
    "--epsilon",
    type=FiniteRange(min=0, max=1),
    help="What that test grants the evaluator.  [default: by --skill]",
)
@click.option("--gate", type=NUMBER, help="A lower bound under this raises a drift alert.")
@click.option(
    "--for",
    "targets",
    multiple=True,
    type=click.Choice(["pass_rate", "tpr", "tnr"]),
    help="What the next labels should make surer; repeat it.  [default: tpr]",
)
@click.option(
    "--objective",
    type=click.Choice(["mcc", "f1", "tnr"]),
    help="What the suggested threshold is the best for.  [default: mcc]",
)
@click.option(
    "--catch-rate",
    "catch_rate_min",
    type=FiniteRange(min=0, max=1),
    help="For --objective tnr: the lower bound that the catch rate must reach.  [default: 0.8]",
)
@click.option(
    "--by-language",
    is_flag=True,
    help="Also compare languages that users write in; reads the messages of labelled traces.",
)
@click.option("--count", type=click.IntRange(min=1), help="How many to label next.  [default: 20]")
@click.option("--enqueue", metavar="QUEUE", help="Also put what to label next into this queue.")
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
    context: Context,
    /,
    html_file: Path | None,
    output_format: str | None,
    enqueue: str | None,
    **asked: Any,
) -> None:
    """Compare an evaluator with people: matrix, rates, coefficients, pass rate, ceiling.

    With --pairs FILE the data come from a file with the columns human and evaluator, and optionally
    item, rater, inclusion_probability, weight, cluster, stratum and others; rows without a human
    value are the unlabelled population.
    """
    from analytics.alignment.report import report as make_report

    source = read_source(context, asked, asked["evaluator"])
    document = make_report(source.frame, source.options, source.about).to_json()
    if enqueue is not None:
        from cli.alignment_next import enqueue_items

        say(enqueue_items(context, enqueue, document))
    if html_file is not None:
        from analytics.alignment.page.document import html_page

        html_file.write_text(html_page(document), encoding="utf-8")
        say(f"wrote {html_file}")
    _print(document, output_format or default_format())


def _print(document: dict[str, Any], output_format: str) -> None:
    match output_format:
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


def _figure_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every figure of the main sections as one flat row."""
    return [
        {"section": section, "name": name, **figure}
        for section in ("raw", "weighted", "pass_rate")
        for name, figure in document[section].items()
        if isinstance(figure, dict) and "null_reason" in figure
    ]
