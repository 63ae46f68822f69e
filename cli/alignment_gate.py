"""``spandocket alignment gate``: exit 0 when the evaluator holds what was asked, 3 when not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.alignment_options import FiniteNumber, read_source, source_options
from cli.context import Context, pass_context
from cli.exit_codes import REFUSED
from cli.output import default_format, format_option, say, write_object, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_MINIMA = {
    "accuracy": "accuracy", "balanced-accuracy": "balanced_accuracy", "tpr": "tpr", "tnr": "tnr",
    "ppv": "ppv", "npv": "npv", "f1": "f1", "mcc": "mcc", "kappa": "cohen_kappa",
    "weighted-kappa": "weighted_kappa", "ac1": "gwet_ac1", "alpha": "krippendorff_alpha",
    "pearson": "pearson", "spearman": "spearman", "tau": "kendall_tau_b", "ccc": "ccc",
}  # fmt: skip
_MAXIMA = {"mae": "mae", "rmse": "rmse"}
_COLUMNS = ("figure", "side", "bound", "value", "ci_low", "ci_high", "n", "weighted", "status")


def _bounds(command: _Command) -> _Command:
    """Add ``--min-FIGURE`` and ``--max-FIGURE`` for every figure that can be bounded."""
    for name in reversed(_MAXIMA):
        command = click.option(
            f"--max-{name}",
            f"max_{_MAXIMA[name]}",
            type=FiniteNumber(0),
            help="Highest value to pass.",
        )(command)
    for name in reversed(_MINIMA):
        command = click.option(
            f"--min-{name}",
            f"min_{_MINIMA[name]}",
            type=FiniteNumber(-1, 1),
            help="Lowest value to pass.",
        )(command)
    return command


@click.command(
    epilog="Example: spandocket alignment gate -e judge -f bad --min-mcc 0.6 --min-tpr 0.8"
)
@source_options
@_bounds
@click.option(
    "--on",
    type=click.Choice(["lower", "value"]),
    default="lower",
    show_default=True,
    help="Whether the interval's bound or the value itself must hold.",
)
@click.option(
    "--max-severe",
    "severe_max",
    type=click.IntRange(min=0),
    metavar="COUNT",
    help="Severe false accepts that may be open.  [default: any number]",
)
@format_option
@pass_context
def gate(
    context: Context,
    /,
    on: str,
    severe_max: int | None,
    output_format: str | None,
    **asked: Any,
) -> None:
    """Check bounds on the agreement: exit 0 when they hold, 3 when not or when labels are few.

    The answer's status is passed, failed, or not_enough_data with the number of labels to add.
    """
    from analytics.alignment.gate import Condition
    from analytics.alignment.gate import gate as check
    from analytics.alignment.report import make_samples, report_of

    conditions = [
        Condition(figure=name.partition("_")[2], bound=value, at_least=name.startswith("min_"))
        for name, value in asked.items()
        if name.startswith(("min_", "max_")) and value is not None
    ]
    if not conditions and severe_max is None:
        raise click.UsageError("give at least one bound, such as --min-mcc 0.6")
    source = read_source(context, asked, asked["evaluator"])
    samples, version = make_samples(source.frame, source.options)
    result = check(
        report_of(samples, version, source.options, source.about),
        samples[version],
        conditions,
        on=on,
        severe_max=severe_max,
    )
    if (output_format or default_format()) == "table":
        write_rows(result["checks"], "table", _COLUMNS)
    else:
        write_object(result, output_format)
    say(result["sentence"])
    if not result["passed"]:
        raise click.exceptions.Exit(REFUSED)
