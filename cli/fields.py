"""``spandocket fields``: what people are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import format_option, write_object, write_rows
from cli.queue_access import actor_option, person_store
from cli.queue_rows import FIELD_COLUMNS, field_row

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import FieldOption

_TYPES = ("boolean", "integer", "number", "string", "categorical")


@click.group(epilog="Example: spandocket fields list")
def fields() -> None:
    """Create and list annotation fields.

    A field never changes, so that every answer to it means the same; a change is a new version.
    """


@fields.command(
    epilog="Example: spandocket fields create correct --type boolean --required --positive true"
)
@click.argument("name")
@click.option("--type", "field_type", required=True, type=click.Choice(_TYPES), help="Its values.")
@click.option(
    "--option",
    "options",
    multiple=True,
    help="One choice of a categorical field, VALUE or VALUE=HELP; repeat it.",
)
@click.option("--min", "minimum", type=float, help="Least number; for text, fewest characters.")
@click.option("--max", "maximum", type=float, help="Greatest number; for text, most characters.")
@click.option("--description", default="", help="What the reviewer is to judge.")
@click.option("--multiple", is_flag=True, help="Categorical: several options at once.")
@click.option("--required", is_flag=True, help="No item is completed without it.")
@click.option(
    "--purpose",
    type=click.Choice(["feedback", "expectation"]),
    default="feedback",
    show_default=True,
    help="How good it was, or what it should have been.",
)
@click.option("--positive", help="The class that counts as positive (boolean, categorical).")
@click.option("--shared", is_flag=True, help="Let every project use the field.")
@click.option("--new-version", is_flag=True, help="Allow another definition of an existing name.")
@actor_option
@format_option
@pass_context
def create(
    context: Context,
    name: str,
    field_type: str,
    options: tuple[str, ...],
    minimum: float | None,
    maximum: float | None,
    description: str,
    multiple: bool,
    required: bool,
    purpose: str,
    positive: str | None,
    shared: bool,
    new_version: bool,
    actor: str,
    output_format: str | None,
) -> None:
    """Create a field; the same definition again changes nothing."""
    from queue_store.model import FieldDraft, FieldPurpose, FieldType

    field = context.queue_store.create_field(
        project=context.project,
        draft=FieldDraft(
            name=name,
            type=FieldType(field_type),
            options=tuple(_option(text) for text in options),
            minimum=minimum,
            maximum=maximum,
            description=description,
            multiple=multiple,
            required=required,
            purpose=FieldPurpose(purpose),
            positive=positive,
            shared=shared,
        ),
        now=context.now(),
        actor=actor,
        new_version=new_version,
    )
    write_object(field_row(field), output_format)


def _option(text: str) -> FieldOption:
    from queue_store.model import FieldOption

    value, _, explanation = text.partition("=")
    return FieldOption(value=value.strip(), help=explanation.strip())


@fields.command("list", epilog="Example: spandocket fields list --format table")
@click.option("--every-version", is_flag=True, help="Older versions too.")
@format_option
@pass_context
def list_fields(context: Context, every_version: bool, output_format: str | None) -> None:
    """List the fields that the project may use."""
    found = person_store(context).fields(project=context.project, every_version=every_version)
    write_rows([field_row(field) for field in found], output_format, FIELD_COLUMNS)


@fields.command(epilog="Example: spandocket fields delete old_field@1")
@click.argument("name")
@actor_option
@pass_context
def delete(context: Context, name: str, actor: str) -> None:
    """Delete a field (NAME, or NAME@VERSION) that no queue and no answer uses."""
    context.queue_store.delete_field(
        project=context.project, name=name, now=context.now(), actor=actor
    )
