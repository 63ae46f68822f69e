"""``spandocket alignment import``: a public set of human and judge verdicts, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.context import Context, pass_context
from cli.output import format_option, say, write_object

if TYPE_CHECKING:
    import polars as pl

    from cli.judged_sets.records import JudgedSet

SETS = ("xstest", "pandalm", "unieval", "alttest")


@click.command(name="import", epilog="Example: spandocket alignment import pandalm ./PandaLM/data")
@click.argument("name", metavar="SET", type=click.Choice(SETS))
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@format_option
@pass_context
def import_set(context: Context, /, name: str, folder: Path, output_format: str | None) -> None:
    """Import a published set (xstest, pandalm, unieval, alttest) from the folder of its files.

    Makes the fields, stores people's answers and evaluators' scores; twice stores once.
    """
    from cli.judged_sets.readers import read_set

    judged = read_set(name, folder)
    added, present = _store_answers(context, judged)
    scores = _store_scores(context, judged)
    write_object(
        {"set": name, "answers_added": added, "answers_present": present, "scores_added": scores,
         "fields": [field.name for field in judged.fields],
         "evaluators": sorted({score.evaluator for score in judged.scores})},
        output_format,
    )  # fmt: skip
    first = judged.fields[0].name
    say(f"next: spandocket alignment report -f {first} -e {judged.scores[0].evaluator}")


def _store_answers(context: Context, judged: JudgedSet) -> tuple[int, int]:
    from cli.queue_access import ready_store
    from queue_store.model import FieldDraft, FieldOption, FieldType, ImportRow

    store = ready_store(context)
    for field in judged.fields:
        draft = FieldDraft(
            name=field.name,
            type=FieldType(field.type),
            description=field.description,
            options=tuple(FieldOption(value=value) for value in field.options),
        )
        store.create_field(
            project=context.project, draft=draft, now=context.now(), actor="spandocket"
        )
    # The sets carry no times; one constant moment makes the same import the same rows.
    from datetime import UTC, datetime

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        ImportRow(
            line=line, object_type="trace", object_id=answer.object_id, reviewer=answer.reviewer,
            field=answer.field, value=answer.value, time=moment, inclusion_probability=1.0,
            cluster=answer.cluster, adjudicated=answer.adjudicated,
        )
        for line, answer in enumerate(judged.answers, start=1)
    ]  # fmt: skip
    result = store.import_annotations(
        project=context.project, rows=rows, now=context.now(), actor="spandocket"
    )
    if result.problems:
        problem = result.problems[0]
        raise click.ClickException(f"answer {problem.line}: {problem.reason}")
    return result.added, result.duplicates


def _store_scores(context: Context, judged: JudgedSet) -> int:
    from review_app.evaluation_rows import unseen

    frame = unseen(_score_rows(context, judged), context.span_store, context.project)
    if frame.height:
        context.span_store.append("evaluations", frame)
    return frame.height


def _score_rows(context: Context, judged: JudgedSet) -> pl.DataFrame:
    import json
    from hashlib import blake2b

    import polars as pl

    from span_store.schema import EVALUATIONS

    received = int(context.now().timestamp() * 1_000_000) * 1_000
    rows = []
    for score in judged.scores:
        key = [context.project, judged.name, score.object_id, score.evaluator, score.score,
               score.label, score.error_type]  # fmt: skip
        rows.append(
            dict.fromkeys(EVALUATIONS.names)
            | {
                "project": context.project,
                "evaluation_id": blake2b(json.dumps(key).encode(), digest_size=16).hexdigest(),
                "object_type": "trace",
                "object_id": score.object_id,
                "trace_id": score.object_id,
                "evaluator": score.evaluator,
                "score": score.score,
                "label": score.label,
                "explanation": score.explanation,
                "error_type": score.error_type,
                "received_at": received,
                "source": "import",
            }
        )
    return pl.DataFrame(rows, schema=EVALUATIONS.polars, orient="row")
