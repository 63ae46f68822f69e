"""``spandocket reviewers``: who reviews, how much, and how far they agree."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, write_rows
from cli.queue_access import actor_option, ready_store
from cli.queue_rows import agreement_rows

if TYPE_CHECKING:
    from cli.context import Context


@click.group(epilog="Example: spandocket reviewers stats --queue refusal")
def reviewers() -> None:
    """List reviewers and tell what they did."""


@reviewers.command("list", epilog="Example: spandocket reviewers list")
@format_option
@pass_context
def list_reviewers(context: Context, output_format: str | None) -> None:
    """List everybody who answered or skipped something."""
    totals: dict[str, dict[str, Any]] = {}
    for entry in ready_store(context).reviewers(project=context.project):
        row = totals.setdefault(
            entry.reviewer,
            {
                "reviewer": entry.reviewer,
                "queues": [],
                "done": 0,
                "skipped": 0,
                "last_active": None,
            },
        )
        row["queues"].append(entry.queue)
        row["done"] += entry.done
        row["skipped"] += entry.skipped
        times = [time for time in (row["last_active"], entry.last_active) if time is not None]
        row["last_active"] = max(times, default=None)
    write_rows(
        [totals[name] for name in sorted(totals)],
        output_format,
        ["reviewer", "done", "skipped", "last_active", "queues"],
    )


@reviewers.command(epilog="Example: spandocket reviewers stats --queue refusal --format table")
@click.option("--queue", help="Only this queue's.")
@format_option
@pass_context
def stats(context: Context, queue: str | None, output_format: str | None) -> None:
    """Tell by queue and reviewer: done, skipped, last active, median seconds an item."""
    found = ready_store(context).reviewers(project=context.project, queue=queue)
    write_rows(
        [asdict(entry) for entry in found],
        output_format,
        ["queue", "reviewer", "done", "skipped", "last_active", "median_seconds"],
    )


@reviewers.command(epilog="Example: spandocket reviewers agreement refusal --format table")
@click.argument("queue")
@format_option
@pass_context
def agreement(context: Context, queue: str, output_format: str | None) -> None:
    """Tell how far a queue's reviewers agree so far, by field; undefined figures are null."""
    found = ready_store(context).agreement(project=context.project, queue=queue)
    write_rows(
        agreement_rows(found),
        output_format,
        ["field", "items", "percent", "kappa", "alpha"],
    )


_ROLES = ("viewer", "annotator", "reviewer", "manager")


@reviewers.command(epilog="Example: spandocket reviewers grant ana --role manager")
@click.argument("person")
@click.option("--role", required=True, type=click.Choice(_ROLES), help="What they may do.")
@click.option("--queue", help="Only in this queue.")
@actor_option
@format_option
@pass_context
def grant(
    context: Context,
    person: str,
    role: str,
    queue: str | None,
    actor: str,
    output_format: str | None,
) -> None:
    """Give a person a role; from the first one on, everybody needs one.

    viewer reads; annotator also claims and answers; reviewer also decides, reopens and assigns;
    manager also creates, adds, removes, imports and grants. The first must be a manager.
    """
    from queue_store.model import Role

    member = ready_store(context).grant(
        project=context.project,
        person=person,
        role=Role(role),
        queue=queue,
        now=context.now(),
        actor=actor,
    )
    write_rows([asdict(member) | {"role": role}], output_format, ["person", "role", "queue"])


@reviewers.command(epilog="Example: spandocket reviewers revoke ana")
@click.argument("person")
@click.option("--queue", help="The role in this queue.")
@actor_option
@pass_context
def revoke(context: Context, person: str, queue: str | None, actor: str) -> None:
    """Take a person's role away; the last manager stays."""
    ready_store(context).revoke(
        project=context.project, person=person, queue=queue, now=context.now(), actor=actor
    )


@reviewers.command(epilog="Example: spandocket reviewers roles")
@format_option
@pass_context
def roles(context: Context, output_format: str | None) -> None:
    """List who may do what; nothing listed means that everybody may do everything."""
    found = ready_store(context).members(project=context.project)
    write_rows(
        [asdict(member) | {"role": member.role.value} for member in found],
        output_format,
        ["person", "role", "queue"],
    )
