"""``spandocket alignment overview``: every evaluator beside one field, in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.output import default_format, format_option, write_rows

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = ("evaluator_name", "items", "pairs", "mcc", "mcc_low", "mcc_high", "tpr", "tnr",
            "cohen_kappa", "accuracy", "kind", "raw_mcc")  # fmt: skip
_SHOWN = ("mcc", "mcc_low", "mcc_high", "tpr", "tnr", "cohen_kappa", "accuracy")
_NUMBER_COLUMNS = ("evaluator_name", "items", "pairs", "ccc", "ccc_low", "ccc_high", "pearson",
                   "bias", "mae", "kind", "raw_ccc")  # fmt: skip
_NUMBERS_SHOWN = ("ccc", "ccc_low", "ccc_high", "pearson", "bias", "mae")


@click.command(epilog="Example: spandocket alignment overview --field bad")
@click.option("--field", "-f", "field_name", help="Annotation field people answered.")
@click.option(
    "--pairs",
    "pairs_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the columns evaluator_name, human, evaluator and optionally weight.",
)
@click.option("--positive", help="The bad value.  [default: the field's, else true]")
@format_option
@pass_context
def overview(
    context: Context,
    /,
    field_name: str | None,
    pairs_file: Path | None,
    positive: str | None,
    output_format: str | None,
) -> None:
    """List every evaluator's agreement with people on one field, the best first.

    Raw figures stand beside weighted ones, from selection records or the file's column weight or
    inclusion_probability; versions of an evaluator are evaluators of their own. A number from one
    half up counts as the high value; where people give numbers too, figures are the concordance,
    correlation, bias and distance. For a closer look at one use report.
    """
    frame, table, classes = (
        _from_file(pairs_file, positive)
        if pairs_file is not None
        else _from_stores(context, field_name, positive)
    )
    import polars as pl

    numbers = classes == 0
    first = "ccc" if numbers else "mcc"
    found = _made(frame, table, classes).with_columns(
        order=pl.coalesce(f"weighted_{first}", f"raw_{first}")
    )
    rows = found.sort("order", "evaluator_name", descending=[True, False], nulls_last=True)
    if (output_format or default_format()) != "table":
        plain = rows.drop("order")
        write_rows(plain.iter_rows(named=True), output_format, plain.columns)
        return
    shown = _NUMBERS_SHOWN if numbers else _SHOWN
    best = [_best(row, first, shown) for row in rows.iter_rows(named=True)]
    write_rows(best, "table", _NUMBER_COLUMNS if numbers else _COLUMNS)


def _made(frame: pl.DataFrame, table: dict[str, int], classes: int) -> pl.DataFrame:
    """The overview of classes, or of numbers where there are none."""
    import polars as pl

    from analytics.alignment.overview import overview as of_classes
    from analytics.alignment.overview_numbers import overview_of_numbers

    sides = [pl.col(name) for name in ("human", "evaluator")]
    if classes == 0:
        return overview_of_numbers(
            frame.with_columns(side.cast(pl.Float64, strict=False) for side in sides)
        )
    return of_classes(
        frame.with_columns(
            side.replace_strict(table, default=None, return_dtype=pl.Int64) for side in sides
        ),
        classes,
    )


def _best(row: dict[str, Any], first: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The weighted figures where there are any, else the raw ones, under short names."""
    kind = "weighted" if row["weighted_pairs"] else "raw"
    picked = {name: row.get(f"{kind}_{name}") for name in names}
    return (
        {key: row[key] for key in ("evaluator_name", "items", "pairs", f"raw_{first}")}
        | picked
        | {"kind": kind}
    )


def _from_file(path: Path, positive: str | None) -> tuple[pl.DataFrame, dict[str, int], int]:
    """Text columns, the class of each text, and how many classes there are."""
    import polars as pl

    from analytics.alignment.errors import InvalidPairsError, MissingColumnError
    from analytics.alignment.pairs import as_text
    from cli.pairs_file import read_table

    frame = read_table(path)
    for name in ("evaluator_name", "human", "evaluator"):
        if name not in frame.columns:
            raise MissingColumnError(name, frame.columns)
    frame = frame.with_columns(as_text(frame[n]).cast(pl.String) for n in ("human", "evaluator"))
    for name in ("weight", "inclusion_probability"):
        if name in frame.columns:
            numbers = as_text(frame[name]).cast(pl.Float64, strict=False)
            top = 1.0 if name == "inclusion_probability" else float("inf")
            fits = numbers.is_null() | ((numbers > 0) & (numbers <= top))
            wrong = ~fits | (numbers.is_null() & as_text(frame[name]).is_not_null())
            if wrong.any():
                rows = [f"row {row + 1}: {name} is {frame[name][row]}" for row in wrong.arg_true()]
                raise InvalidPairsError(rows)
            frame = frame.with_columns(numbers.alias(name))
    if "inclusion_probability" in frame.columns and "weight" not in frame.columns:
        frame = frame.with_columns(weight=1 / pl.col("inclusion_probability"))
    return frame, *_classes_of(frame, positive, ())


def _from_stores(
    context: Context, field_name: str | None, positive: str | None
) -> tuple[pl.DataFrame, dict[str, int], int]:
    if field_name is None:
        raise click.UsageError("give --field, or --pairs FILE")
    from cli.alignment_source import all_scores

    field = context.queue_store.field(project=context.project, name=field_name)
    frame, scale = all_scores(context, field)
    # Without options of its own a field has the classes that anybody used.
    labels = scale.labels if field.options and not field.multiple else ()
    wanted = positive or field.positive
    return frame, *_classes_of(frame, wanted, labels)


def _refuse_endless(frame: pl.DataFrame) -> None:
    """NaN and infinity are no scores; rows are named."""
    import polars as pl

    from analytics.alignment.errors import InvalidPairsError

    problems = []
    for name in ("human", "evaluator"):
        endless = ~frame[name].cast(pl.Float64, strict=False).is_finite().fill_null(value=True)
        problems += [f"row {row + 1}: {name} is {frame[name][row]}" for row in endless.arg_true()]
    if problems:
        raise InvalidPairsError(problems, "A score that does not exist must be an empty cell")


def _classes_of(
    frame: pl.DataFrame, positive: str | None, labels: tuple[str, ...]
) -> tuple[dict[str, int], int]:
    """The class of each text, and how many: none for numbers on both sides.

    Classes are the positive value against the rest, two words, or every label.
    """
    from analytics.alignment.overview import binary_values
    from analytics.alignment.words import JUDGED, as_numbers, word_pair

    human = frame["human"].drop_nulls().unique().sort().to_list()
    texts = {*human, *frame["evaluator"].drop_nulls().unique().to_list()}
    pair = word_pair(human)
    if pair is None and positive is None and as_numbers(human):
        _refuse_endless(frame)
        if as_numbers(texts):
            return {}, 0
    several = len(human) > 2 - (positive is not None)
    named = bool(human) and positive is None and not as_numbers(human)
    if pair is None and (several or named):
        known = [*labels] or sorted(texts)
        if positive is not None:
            # A detector says true or false about the positive value, whatever it is called.
            words = binary_values(sorted(texts), None)
            return words | {text: int(text == positive) for text in known}, 2
        return {text: code for code, text in enumerate(known)}, max(2, len(known))
    if positive is None and pair in JUDGED and pair is not None:
        positive = pair[1]
    return binary_values(sorted(texts), positive), 2
