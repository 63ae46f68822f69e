"""What the alignment commands share: where pairs come from, and how their scores are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from analytics.alignment.report import ReportOptions
    from cli.context import Context

_Command = TypeVar("_Command", bound="Callable[..., Any]")

PAIRS_TYPE = click.Path(exists=True, dir_okay=False, path_type=Path)


class FiniteNumber(click.ParamType[float]):
    """A number that is one: nan and inf are refused, and what no figure can reach."""

    name = "float"

    def __init__(self, low: float = -math.inf, high: float = math.inf) -> None:
        self.low, self.high = low, high

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; click's own usage error for anything else."""
        number = float(click.FLOAT.convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number that scores can be compared with", param, ctx)
        if not self.low <= number <= self.high:
            self.fail(f"{value} is not between {self.low:g} and {self.high:g}", param, ctx)
        return number


class FiniteRange(click.FloatRange):
    """A number within a range; nan lies in none, although no comparison says so."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; click's own usage error for anything else."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number to compute with", param, ctx)
        return number


NUMBER = FiniteNumber()

_SOURCE = (
    click.option("--evaluator", "-e", help="Evaluator, detector or judge by its name."),
    click.option("--evaluator-version", help="Version to report.  [default: the newest]"),
)
_READING = (
    click.option("--field", "-f", "field_name", help="Annotation field people answered."),
    click.option(
        "--pairs",
        "pairs_file",
        type=PAIRS_TYPE,
        help="File of pairs (CSV, JSONL, Parquet) instead of stored data.",
    ),
    click.option(
        "--gold",
        metavar="REVIEWER",
        help="Whose answers are the known right ones of test items.",
    ),
    click.option("--positive", help="The bad value, which a person should look at."),
    click.option("--pass", "pass_value", help="The value that counts as a pass."),
    click.option(
        "--type",
        "score_type",
        type=click.Choice(["boolean", "categorical", "ordinal", "numeric"]),
        help="Score type.  [default: found from the values]",
    ),
    click.option(
        "--multiple", is_flag=True, help="Values are sets of options: a JSON list, or a|b."
    ),
    click.option("--label", "labels", multiple=True, help="A class, lowest first; repeat it."),
    click.option(
        "--high", help="The value that high scores stand for.  [default: the good one, or true]"
    ),
    click.option("--threshold", type=NUMBER, help="Evaluator scores from here up are high."),
    click.option("--human-threshold", type=NUMBER, help="Human numbers from here up are high."),
    click.option(
        "--post-stratify",
        is_flag=True,
        help="Scale weights so that each stratum adds up to its items.",
    ),
    click.option(
        "--trim-weights",
        type=FiniteRange(min=1),
        metavar="MEDIANS",
        help="Cut weights at so many times their median, with a notice.",
    ),
    click.option("--seed", default=0, show_default=True, help="Seed of random draws."),
)


def reading_options(command: _Command) -> _Command:
    """Add the options on field, file and reading of scores."""
    for option in reversed(_READING):
        command = option(command)
    return command


def source_options(command: _Command) -> _Command:
    """Add :func:`reading_options` and the evaluator with its version."""
    command = reading_options(command)
    for option in reversed(_SOURCE):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A frame of pairs with the options completed and what is known about it."""

    frame: pl.DataFrame
    options: ReportOptions
    about: dict[str, Any]


def read_source(context: Context, asked: dict[str, Any], evaluator: str | None) -> Source:
    """Read pairs from the file, or from the stores; raises a usage error when neither is named."""
    options = report_options(context, asked)
    path: Path | None = asked["pairs_file"]
    if path is not None:
        from cli.pairs_file import read_table

        about = {"project": context.project, "evaluator": evaluator,
                 "field": asked["field_name"], "file": path.name}  # fmt: skip
        if asked["gold"] is not None:
            raise click.UsageError("a file of pairs names known right answers in its column gold")
        return Source(frame=read_table(path), options=options, about=about)
    if evaluator is None or asked["field_name"] is None:
        raise click.UsageError("give --evaluator and --field, or --pairs FILE")
    from cli.alignment_source import stored_pairs

    pairs = stored_pairs(
        context,
        evaluator,
        asked["field_name"],
        asked["gold"],
        by_language=bool(asked.get("by_language")),
    )
    options = replace(
        options,
        scale=pairs.scale_options(options.scale),
        multiple=options.multiple or pairs.field.multiple,
    )
    return Source(frame=pairs.frame, options=options, about=pairs.about)


def report_options(context: Context, asked: dict[str, Any]) -> ReportOptions:
    """The options of the command line as the report's."""
    from analytics.alignment.report import ReportOptions
    from analytics.alignment.score_types import ScaleOptions, ScoreType
    from analytics.alignment.thresholds import Objective
    from analytics.alignment.weighting import Weighting

    kind = asked["score_type"]
    extra = {
        name: asked[name]
        for name in ("targets", "count", "skill", "epsilon", "gate")
        if name in asked
    }
    return ReportOptions(
        scale=ScaleOptions(
            score_type=None if kind is None else ScoreType(kind),
            labels=tuple(asked["labels"]),
            positive=asked["positive"],
            pass_value=asked["pass_value"],
            high=asked["high"],
            threshold=asked["threshold"],
            human_threshold=asked["human_threshold"],
        ),
        version=asked.get("evaluator_version"),
        weighting=Weighting(
            post_stratify=asked["post_stratify"], trim_medians=asked["trim_weights"]
        ),
        seed=asked["seed"],
        multiple=asked["multiple"],
        objective=Objective(
            name=asked.get("objective") or "mcc",
            catch_rate_min=0.8 if asked.get("catch_rate_min") is None else asked["catch_rate_min"],
        ),
        salt=context.configuration.analysis.salt,
        **{name: value for name, value in extra.items() if value not in (None, ())},
    )
