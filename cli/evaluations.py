"""``spandocket evaluations``: scores that evaluators gave, listed and imported."""

from __future__ import annotations

from pathlib import Path

import click

from cli.context import Context, pass_context
from cli.output import LIMIT_MAX, format_option, say, write_object, write_rows

_LISTED = (
    "object_type", "object_id", "evaluator", "evaluator_version", "score", "label", "error_type",
    "time", "source",
)  # fmt: skip


@click.group(epilog="Example: spandocket evaluations import scores.csv")
def evaluations() -> None:
    """List and import evaluator scores."""


@evaluations.command(
    name="list", epilog="Example: spandocket evaluations list --evaluator gpt4_judge --limit 10"
)
@click.option("--evaluator", help="Only this evaluator.")
@click.option("--object-id", help="Only scores of this trace, span or session.")
@click.option("--where", help="SQL condition over the columns of the evaluations table.")
@click.option("--limit", type=click.IntRange(1, LIMIT_MAX), help="At most so many.  [default: all]")
@format_option
@pass_context
def list_evaluations(
    context: Context,
    /,
    evaluator: str | None,
    object_id: str | None,
    where: str | None,
    limit: int | None,
    output_format: str | None,
) -> None:
    """List stored scores, oldest first."""
    import polars as pl

    from span_store.filters import applying
    from span_store.object_ids import typed
    from span_store.plain_rows import canonical_rows
    from span_store.schema import EVALUATIONS
    from span_store.score_order import oldest_first

    frame = context.span_store.scan("evaluations", project=context.project, where=where)
    if evaluator is not None:
        frame = frame.filter(pl.col("evaluator") == evaluator)
    if object_id is not None:
        frame = frame.filter(pl.col("object_id") == typed(object_id, None)[1])
    frame = frame.sort(*oldest_first(), "evaluator", "object_id", "evaluation_id")
    with applying(where):
        rows = (frame if limit is None else frame.head(limit)).collect()
    if evaluator is not None and rows.is_empty():
        _check_evaluator(context, evaluator)
    write_rows(canonical_rows(rows, EVALUATIONS), output_format, _LISTED)


def _check_evaluator(context: Context, name: str) -> None:
    """Refuse an evaluator without any score, naming the nearest; without scores none is wrong."""
    from cli.nearest import nearest_names

    stored = context.span_store.scan("evaluations", project=context.project, columns=["evaluator"])
    known = sorted(stored.unique().collect()["evaluator"].drop_nulls())
    if known and name not in known:
        raise click.UsageError(f"unknown evaluator {name!r}{nearest_names(name, known)}")


@evaluations.command(name="import", epilog="Example: spandocket evaluations import scores.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--skip-bad", is_flag=True, help="Store the good rows although others are bad.")
@format_option
@pass_context
def import_evaluations(
    context: Context, /, file: Path, skip_bad: bool, output_format: str | None
) -> None:
    """Store scores of a CSV, JSON Lines or Parquet file; the same score is stored once.

    Columns: object_type, object_id, evaluator, score, and optionally evaluator_version, label,
    explanation, time. Without a time, a score counts as given now. A bad row is named by its line,
    and then nothing is stored without --skip-bad.
    """
    from cli.score_files import read_scores
    from review_app.evaluation_rows import evaluation_rows, unseen

    found = read_scores(file)
    checked = evaluation_rows(found.frame, context.project, context.now(), found.lines)
    problems = sorted([*found.problems, *checked.problems])
    for line, reason in problems[:20]:
        say(f"{file.name}: line {line}: {reason}")
    if len(problems) > 20:
        say(f"{file.name}: and {len(problems) - 20} more bad rows")
    counts = {"added": 0, "duplicates": 0, "bad": len(problems)}
    if not problems or skip_bad:
        fresh = unseen(checked.rows, context.span_store, context.project)
        if fresh.height:
            context.span_store.append("evaluations", fresh)
        repeated = checked.rows.height + checked.repeated - fresh.height
        counts |= {"added": fresh.height, "duplicates": repeated}
    write_object(counts, output_format)
    if problems:
        raise click.exceptions.Exit(1)
