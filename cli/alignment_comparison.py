"""``spandocket alignment compare``, ``history`` and ``agreement``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.alignment_options import read_source, reading_options, report_options
from cli.alignment_people import REVIEWER_COLUMNS, has_news, reviewer_rows
from cli.context import Context, pass_context
from cli.output import default_format, format_option, say, write_object, write_rows

if TYPE_CHECKING:
    import polars as pl

    from analytics.alignment.sample import Sample


@click.command(epilog="Example: spandocket alignment compare judge_a judge_b --field bad")
@click.argument("first")
@click.argument("second")
@reading_options
@format_option
@pass_context
def compare(
    context: Context, /, first: str, second: str, output_format: str | None, **asked: Any
) -> None:
    """Compare two evaluators on the same labelled items: who is right more often, and where.

    With --pairs FILE the names are values of the file's column evaluator_version.
    """
    from analytics.alignment.comparison import compare as compare_samples
    from analytics.alignment.figure import plain

    if first == second:
        raise click.UsageError("name two different evaluators, or versions of a file")
    one, two = _two_samples(context, first, second, asked)
    result = plain({"first": first, "second": second, **compare_samples(one, two, asked["seed"])})
    if (output_format or default_format()) != "table":
        write_object(result, output_format)
        return
    if result["null_reason"]:
        say(result["null_reason"])
        return
    kind = "weighted" if "weighted" in result else "raw"
    rows = [
        {"figure": name, first: entry["first"]["value"], second: entry["second"]["value"],
         "difference": entry["difference"]["value"], "ci_low": entry["difference"]["ci_low"],
         "ci_high": entry["difference"]["ci_high"]}
        for name, entry in result[kind].items()
    ]  # fmt: skip
    columns = ("figure", first, second, "difference", "ci_low", "ci_high")
    write_rows(rows, "table", columns)
    if "mcnemar" in result:
        test = result["mcnemar"]
        say(
            f"only {first} right: {test['first_only_right']}, only {second} right: "
            f"{test['second_only_right']}, McNemar mid-p {test['mid_p']:.4f} ({kind} figures, "
            f"{result['n']} items)"
        )
    write_rows(result["flipped"][:10], "table", ("item", "human", "first", "second"))


def _two_samples(
    context: Context, first: str, second: str, asked: dict[str, Any]
) -> tuple[Sample, Sample]:
    """A sample of each, with one reading of scores for both."""
    import polars as pl

    from analytics.alignment.errors import UnknownOptionError
    from analytics.alignment.report import make_samples

    if asked["pairs_file"] is not None:
        source = read_source(context, asked, None)
        samples, _ = make_samples(source.frame, source.options)
        for name in (first, second):
            if name not in samples:
                raise UnknownOptionError("evaluator version", name, filter(None, samples))
        return samples[first], samples[second]
    frames = []
    for name in (first, second):
        source = read_source(context, asked, name)
        _, version = make_samples(source.frame, source.options)
        frames.append(_of_version(source.frame, version, name))
    samples, _ = make_samples(pl.concat(frames, how="diagonal_relaxed"), source.options)
    return samples[first], samples[second]


def _of_version(frame: pl.DataFrame, version: str | None, name: str) -> pl.DataFrame:
    """The rows of one version, which is called by the evaluator's name from here on."""
    import polars as pl

    joined = pl.concat_str(
        ["evaluator_version", "config_hash"], separator="+", ignore_nulls=True
    ).replace("", None)
    same = joined.eq_missing(pl.lit(version, dtype=pl.String))
    return frame.filter(same).with_columns(
        evaluator_version=pl.lit(name), config_hash=pl.lit(None, dtype=pl.String)
    )


@click.command(epilog="Example: spandocket alignment agreement refusal --field refused")
@click.argument("queue", required=False)
@reading_options
@format_option
@pass_context
def agreement(
    context: Context, /, queue: str | None, output_format: str | None, **asked: Any
) -> None:
    """Show how well people agree among themselves, and how each reviewer does.

    For each field of the queue (or the one named); or for a file of pairs with raters.
    """
    from analytics.alignment.ceiling import ceiling
    from analytics.alignment.figure import plain
    from analytics.alignment.report import make_samples

    results = []
    for name, frame, options in _human_frames(context, queue, asked):
        samples, version = make_samples(frame, options)
        people = plain(ceiling(samples[version], options.seed))
        results.append({"queue": queue, "field": name, "items": frame["item"].n_unique()
                        if "item" in frame.columns else frame.height, **people})  # fmt: skip
    if not results:
        say("nobody has answered anything there yet")
    if (output_format or default_format()) != "table":
        for result in results:
            write_object(result, output_format)
        return
    for result in results:
        _print_people(result)


def _human_frames(context: Context, queue: str | None, asked: dict[str, Any]) -> Any:
    """For each field a frame of human values without an evaluator."""
    import polars as pl

    if asked["pairs_file"] is not None:
        source = read_source(context, asked, None)
        nothing = pl.lit(None, dtype=pl.String)
        frame = source.frame.with_columns(evaluator=nothing)
        for name in ("evaluator_version", "config_hash"):
            if name in frame.columns:
                frame = frame.drop(name)
        yield asked["field_name"], frame.unique(maintain_order=True), source.options
        return
    if queue is None:
        raise click.UsageError("name a queue, or give --pairs FILE")
    from cli.alignment_source import human_frames

    options = report_options(context, asked)
    yield from human_frames(context, queue, asked["field_name"], options, asked["gold"])


def _print_people(result: dict[str, Any]) -> None:
    say(f"field {result['field']}: {result['items']} items, {result['raters']} people")
    if result["null_reason"]:
        say(result["null_reason"])
        if has_news(result["reviewers"]):
            write_rows(reviewer_rows(result["reviewers"]), "table", REVIEWER_COLUMNS)
        return
    rows = [
        {"figure": name, **{key: result[name][key] for key in ("value", "ci_low", "ci_high")}}
        for name in (
            "human_loo",
            "alpha_humans",
            "kappa_human_human",
            "fleiss_kappa_humans",
            "conger_kappa_humans",
            "gwet_ac1_humans",
            "gwet_ac2_humans",
            "brennan_prediger_humans",
            "tie_rate",
        )
        if name in result
    ]
    write_rows(rows, "table", ("figure", "value", "ci_low", "ci_high"))
    write_rows(reviewer_rows(result["reviewers"]), "table", REVIEWER_COLUMNS)
