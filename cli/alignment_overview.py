"""``spandocket alignment overview``: every evaluator beside one field, in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.context import Context, pass_context
from cli.output import format_option, write_rows

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = (
    "evaluator_name", "items", "pairs", "mcc", "mcc_low", "mcc_high", "tpr", "tnr", "cohen_kappa",
    "accuracy",
)  # fmt: skip


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
    """List every evaluator's raw agreement with people on a two-valued field, the best first.

    For a closer look, with weights from selection records and everything else, use report.
    """
    from analytics.alignment.overview import binary_values
    from analytics.alignment.overview import overview as made

    frame, default = _frame(context, field_name, pairs_file)
    wanted = positive or default
    import polars as pl

    texts = pl.concat([frame["human"], frame["evaluator"]]).drop_nulls().unique().to_list()
    table = binary_values(texts, wanted)
    coded = [
        pl.col(name).replace_strict(table, default=None, return_dtype=pl.Int64)
        for name in ("human", "evaluator")
    ]
    rows = made(frame.with_columns(coded)).sort("mcc", "evaluator_name", descending=[True, False],
                                                nulls_last=True)  # fmt: skip
    write_rows(rows.iter_rows(named=True), output_format, _COLUMNS)


def _frame(
    context: Context, field_name: str | None, pairs_file: Path | None
) -> tuple[pl.DataFrame, str | None]:
    """Text columns of every evaluator's scores and the reference, and the field's bad value."""
    import polars as pl

    from analytics.alignment.errors import MissingColumnError
    from analytics.alignment.pairs import as_text

    if pairs_file is not None:
        from cli.pairs_file import read_table

        frame = read_table(pairs_file)
        for name in ("evaluator_name", "human", "evaluator"):
            if name not in frame.columns:
                raise MissingColumnError(name, frame.columns)
        text = [as_text(frame[name]).cast(pl.String) for name in ("human", "evaluator")]
        frame = frame.with_columns(text)
        if "weight" in frame.columns:
            frame = frame.with_columns(pl.col("weight").cast(pl.Float64))
        return frame, None
    if field_name is None:
        raise click.UsageError("give --field, or --pairs FILE")
    from cli.alignment_source import all_scores

    field = context.queue_store.field(project=context.project, name=field_name)
    return all_scores(context, field), field.positive
