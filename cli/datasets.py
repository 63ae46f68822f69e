"""``spandocket datasets``: objects kept for evaluation or training, in versions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, say, write_object, write_rows
from cli.queue_access import actor_option, person_store, ready_store

if TYPE_CHECKING:
    from cli.context import Context

_ENTRY_COLUMNS = [
    "object_type",
    "object_id",
    "input",
    "output",
    "expected",
    "annotations",
    "provenance",
]


@click.group(epilog="Example: spandocket datasets create refusals")
def datasets() -> None:
    """Create datasets, fill them from reviewed items, export any version."""


@datasets.command(epilog='Example: spandocket datasets create refusals --description "for evals"')
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@actor_option
@format_option
@pass_context
def create(
    context: Context, name: str, description: str, actor: str, output_format: str | None
) -> None:
    """Create an empty dataset."""
    dataset = context.queue_store.create_dataset(
        project=context.project,
        name=name,
        description=description,
        now=context.now(),
        actor=actor,
    )
    write_object(asdict(dataset), output_format)


@datasets.command("list", epilog="Example: spandocket datasets list")
@format_option
@pass_context
def list_datasets(context: Context, output_format: str | None) -> None:
    """List the project's datasets."""
    found = person_store(context).datasets(project=context.project)
    write_rows(
        [asdict(entry) for entry in found],
        output_format,
        ["name", "version", "entries", "description"],
    )


@datasets.command(epilog="Example: spandocket datasets add refusals --queue refusal")
@click.argument("name")
@click.argument("items", type=int, nargs=-1)
@click.option("--queue", help="Every completed item of this queue.")
@click.option(
    "--object", "objects", multiple=True, help="A trace, span or session by its id; repeat it."
)
@click.option("--note", default="", help="What this version is about.")
@actor_option
@format_option
@pass_context
def add(
    context: Context,
    name: str,
    items: tuple[int, ...],
    queue: str | None,
    objects: tuple[str, ...],
    note: str,
    actor: str,
    output_format: str | None,
) -> None:
    """Add items with input, output, expected output, answers and where they came from.

    With --object also what is in no queue. All of them make one new version; entries that are
    there unchanged make none.
    """
    from queue_store.errors import NotFoundError
    from queue_store.model import ObjectType
    from review_app.adding import typed_ids
    from review_app.dataset_contents import completed_items, entry_of, entry_of_object
    from span_store.object_ids import unknown_objects

    store = ready_store(context)
    if not items and not objects and queue is None:
        raise click.UsageError("name items, an --object or a --queue")
    named = typed_ids(objects, None)
    for kind, object_id in unknown_objects(context.span_store, context.project, named):
        raise NotFoundError(kind, object_id)
    wanted = [store.item(project=context.project, item_id=number) for number in items]
    if queue is not None:
        wanted += completed_items(store, context.project, queue)
    entries = [entry_of(store, context.span_store, item) for item in wanted]
    entries += [
        entry_of_object(store, context.span_store, context.project, ObjectType(kind), object_id)
        for kind, object_id in named
    ]
    dataset = store.add_entries(
        project=context.project,
        dataset=name,
        entries=entries,
        note=note,
        now=context.now(),
        actor=actor,
    )
    write_object(asdict(dataset), output_format)


@datasets.command(epilog="Example: spandocket datasets versions refusals")
@click.argument("name")
@format_option
@pass_context
def versions(context: Context, name: str, output_format: str | None) -> None:
    """List a dataset's versions."""
    found = person_store(context).dataset_versions(project=context.project, dataset=name)
    write_rows(
        [asdict(entry) for entry in found],
        output_format,
        ["version", "entries", "note", "created_at", "created_by"],
    )


@datasets.command(epilog="Example: spandocket datasets export refusals --out refusals.parquet")
@click.argument("name")
@click.option("--version", type=int, help="This version.  [default: the newest]")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    help="Write a file: .jsonl, .csv or .parquet.  [default: standard output]",
)
@format_option
@pass_context
def export(
    context: Context, name: str, version: int | None, out: str | None, output_format: str | None
) -> None:
    """Print or write the entries of a version."""
    found = person_store(context).entries(project=context.project, dataset=name, version=version)
    rows: list[dict[str, Any]] = [
        asdict(entry) | {"object_type": entry.object_type.value} for entry in found
    ]
    if out is None:
        write_rows(rows, output_format, _ENTRY_COLUMNS)
        return
    from cli.table_files import write_table

    write_table(Path(out), rows, _ENTRY_COLUMNS)
    say(f"{out}: {len(rows)} entries")
