"""The verbs of ``spandocket items`` that hold, hand over and correct."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.moments import Wait
from cli.output import format_option, say, write_object, write_rows
from cli.queue_access import actor_option, ready_store
from cli.queue_rows import ITEM_COLUMNS, item_row

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import Claim
    from queue_store.store import QueueStore


def write_claim(claim: Claim, output_format: str | None) -> None:
    """Print a held item with its token."""
    write_object(item_row(claim.item) | {"token": claim.token}, output_format)


def wait_and_claim(
    context: Context, store: QueueStore, watch_seconds: float | None, **wanted: Any
) -> Claim:
    """Claim the next item; with ``watch_seconds``, ask again until there is one."""
    from queue_store.errors import NoItemsAvailableError

    told = False
    while True:
        try:
            return store.claim_next(project=context.project, now=context.now(), **wanted)
        except NoItemsAvailableError as error:
            if watch_seconds is None:
                raise
            if not told:
                say(f"{error}; waiting (Ctrl-C ends)")
                told = True
            time.sleep(watch_seconds)


@click.command("next", epilog="Example: spandocket items next refusal --reviewer ana")
@click.argument("queue")
@click.option("--reviewer", required=True, help="Who is going to look at it.")
@click.option("--lease", "lease_seconds", type=float, help="Seconds until others may take it.")
@click.option("--watch", is_flag=True, help="Wait until there is an item.")
@click.option("--every", type=Wait(min=0.1), default=2.0, help="Seconds between two looks.")
@format_option
@pass_context
def next_item(
    context: Context,
    queue: str,
    reviewer: str,
    lease_seconds: float | None,
    watch: bool,
    every: float,
    output_format: str | None,
) -> None:
    """Claim the next item; prints it with the token that finishing or skipping it needs.

    What the reviewer holds already comes first, then what is assigned to them, then the highest
    priority; never what they labelled before. Without any, says whether the queue is finished or
    who holds the rest until when, and exits 1.
    """
    claim = wait_and_claim(
        context,
        ready_store(context),
        every if watch else None,
        queue=queue,
        reviewer=reviewer,
        lease_seconds=lease_seconds,
    )
    write_claim(claim, output_format)


@click.command(epilog="Example: spandocket items claim 17 --reviewer ana")
@click.argument("item", type=int)
@click.option("--reviewer", required=True, help="Who is going to look at it.")
@click.option("--lease", "lease_seconds", type=float, help="Seconds until others may take it.")
@format_option
@pass_context
def claim(
    context: Context,
    item: int,
    reviewer: str,
    lease_seconds: float | None,
    output_format: str | None,
) -> None:
    """Claim this item; refused, saying who holds it until when, while another has it."""
    claimed = context.queue_store.claim_item(
        project=context.project,
        item_id=item,
        reviewer=reviewer,
        now=context.now(),
        lease_seconds=lease_seconds,
    )
    write_claim(claimed, output_format)


@click.command(epilog="Example: spandocket items heartbeat 17 --token 5f0c1a...")
@click.argument("item", type=int)
@click.option("--token", required=True, help="The token of the claim.")
@click.option("--lease", "lease_seconds", type=float, help="Seconds from now.")
@format_option
@pass_context
def heartbeat(
    context: Context,
    item: int,
    token: str,
    lease_seconds: float | None,
    output_format: str | None,
) -> None:
    """Keep an item you hold for another lease from now."""
    kept = context.queue_store.heartbeat(
        project=context.project,
        item_id=item,
        token=token,
        now=context.now(),
        lease_seconds=lease_seconds,
    )
    write_claim(kept, output_format)


@click.command(epilog="Example: spandocket items release 17 --token 5f0c1a...")
@click.argument("item", type=int)
@click.option("--token", required=True, help="The token of the claim.")
@format_option
@pass_context
def release(context: Context, item: int, token: str, output_format: str | None) -> None:
    """Give an item back unanswered."""
    released = context.queue_store.release(
        project=context.project, item_id=item, token=token, now=context.now()
    )
    write_object(item_row(released), output_format)


@click.command(epilog="Example: spandocket items undo 17 --reviewer ana")
@click.argument("item", type=int)
@click.option("--reviewer", required=True, help="Whose last submit or skip it was.")
@format_option
@pass_context
def undo(context: Context, item: int, reviewer: str, output_format: str | None) -> None:
    """Take back your last submit or skip of an item; you hold it again, answers are drafts."""
    claimed = context.queue_store.undo(
        project=context.project, item_id=item, reviewer=reviewer, now=context.now()
    )
    write_claim(claimed, output_format)


@click.command(epilog='Example: spandocket items reopen 17 --reason "second look"')
@click.argument("item", type=int)
@click.option("--reason", default="", help="Why, for the audit log.")
@actor_option
@format_option
@pass_context
def reopen(context: Context, item: int, reason: str, actor: str, output_format: str | None) -> None:
    """Make a finished, skipped or removed item pending again; its answers stay on record."""
    opened = context.queue_store.reopen(
        project=context.project, item_id=item, reason=reason, now=context.now(), actor=actor
    )
    write_object(item_row(opened), output_format)


@click.command(epilog='Example: spandocket items remove 17 --reason "test traffic"')
@click.argument("item", type=int)
@click.option("--reason", default="", help="Why, for the audit log.")
@actor_option
@format_option
@pass_context
def remove(context: Context, item: int, reason: str, actor: str, output_format: str | None) -> None:
    """Take an item out of its queue; no rule adds it again, its answers stay."""
    removed = context.queue_store.remove(
        project=context.project, item_id=item, reason=reason, now=context.now(), actor=actor
    )
    write_object(item_row(removed), output_format)


@click.command(
    epilog="Example: spandocket items assign --queue refusal --to ana --to ben --share 0.5"
)
@click.argument("items", type=int, nargs=-1)
@click.option("--to", "people", multiple=True, help="Who gets them; repeat it with --queue.")
@click.option("--nobody", is_flag=True, help="Let anyone take them again.")
@click.option("--queue", help="Deal this queue's pending items that are nobody's.")
@click.option(
    "--share", type=click.FloatRange(0, 1), default=1.0, help="With --queue: this share of them."
)
@actor_option
@format_option
@pass_context
def assign(
    context: Context,
    items: tuple[int, ...],
    people: tuple[str, ...],
    nobody: bool,
    queue: str | None,
    share: float,
    actor: str,
    output_format: str | None,
) -> None:
    """Assign single items to one person, or deal a share of a queue to several in turn."""
    store = ready_store(context)
    common: dict[str, Any] = {"project": context.project, "now": context.now(), "actor": actor}
    if queue is not None:
        if items or nobody or not people:
            raise click.UsageError("--queue goes with --to and --share, without items")
        given = store.assign_share(queue=queue, assignees=people, share=share, **common)
        rows = [{"assignee": name, "items": number} for name, number in given.items()]
        write_rows(rows, output_format, ["assignee", "items"])
        return
    if not items or nobody == bool(people) or len(people) > 1:
        raise click.UsageError("name items and one --to, or --nobody")
    assigned = store.assign(item_ids=items, assignee=people[0] if people else None, **common)
    write_rows([item_row(item) for item in assigned], output_format, ITEM_COLUMNS)


VERBS = (next_item, claim, heartbeat, release, undo, reopen, remove, assign)
"""Commands that ``spandocket items`` takes in."""
