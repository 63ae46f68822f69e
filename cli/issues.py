"""``spandocket issues``: known problems that answers can point to."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, write_object, write_rows
from cli.queue_access import actor_option, person_store
from cli.queue_rows import annotation_row

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import Issue

_COLUMNS = ["id", "title", "state", "annotations", "link"]


@click.group(epilog='Example: spandocket issues create "Invents refunds" --link https://…/42')
def issues() -> None:
    """Record known problems. ISSUE is a title or a number."""


def _row(issue: Issue) -> dict[str, Any]:
    row = asdict(issue)
    del row["project"]
    return row | {"state": issue.state.value}


@issues.command(epilog='Example: spandocket issues create "Invents refunds"')
@click.argument("title")
@click.option("--description", default="", help="What goes wrong.")
@click.option("--link", help="Where it is tracked.")
@actor_option
@format_option
@pass_context
def create(
    context: Context,
    title: str,
    description: str,
    link: str | None,
    actor: str,
    output_format: str | None,
) -> None:
    """Record a known problem."""
    issue = context.queue_store.create_issue(
        project=context.project,
        title=title,
        description=description,
        link=link,
        now=context.now(),
        actor=actor,
    )
    write_object(_row(issue), output_format)


@issues.command("list", epilog="Example: spandocket issues list --state open")
@click.option("--state", type=click.Choice(["open", "resolved", "ignored"]), help="Only these.")
@format_option
@pass_context
def list_issues(context: Context, state: str | None, output_format: str | None) -> None:
    """List known problems with how many answers point to them."""
    from queue_store.model import IssueState

    found = person_store(context).issues(
        project=context.project, state=IssueState(state) if state else None
    )
    write_rows([_row(issue) for issue in found], output_format, _COLUMNS)


@issues.command(epilog='Example: spandocket issues show "Invents refunds"')
@click.argument("issue")
@format_option
@pass_context
def show(context: Context, issue: str, output_format: str | None) -> None:
    """Show a known problem with the answers that point to it."""
    store = person_store(context)
    found = store.issue(project=context.project, title=issue)
    answers = [
        annotation_row(row)
        for row in store.annotations(project=context.project)
        if row.issue_id == found.id
    ]
    write_object(_row(found) | {"answers": answers}, output_format)


@issues.command(epilog='Example: spandocket issues change "Invents refunds" --state resolved')
@click.argument("issue")
@click.option("--state", type=click.Choice(["open", "resolved", "ignored"]), help="Its new state.")
@click.option("--link", help="Where it is tracked.")
@click.option("--description", help="What goes wrong.")
@actor_option
@format_option
@pass_context
def change(
    context: Context,
    issue: str,
    state: str | None,
    link: str | None,
    description: str | None,
    actor: str,
    output_format: str | None,
) -> None:
    """Change a known problem's state, link or description."""
    from queue_store.model import IssueState

    changed = context.queue_store.change_issue(
        project=context.project,
        title=issue,
        state=IssueState(state) if state else None,
        link=link,
        description=description,
        now=context.now(),
        actor=actor,
    )
    write_object(_row(changed), output_format)


@issues.command("link", epilog='Example: spandocket issues link "Invents refunds" 4 --reviewer ana')
@click.argument("issue")
@click.argument("annotation", type=int)
@click.option("--reviewer", required=True, help="Whose answer it is.")
@format_option
@pass_context
def link_answer(
    context: Context, issue: str, annotation: int, reviewer: str, output_format: str | None
) -> None:
    """Point one of your answers to a known problem."""
    store = person_store(context)
    found = store.issue(project=context.project, title=issue)
    row = store.edit_annotation(
        project=context.project,
        annotation_id=annotation,
        issue_id=found.id,
        now=context.now(),
        actor=reviewer,
    )
    write_object(annotation_row(row), output_format)
