"""``spandocket webhooks``: tell other programs what happens in the queues."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, say, write_object, write_rows
from cli.queue_access import actor_option, person_store

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import Webhook

_EVENTS = ("items_added", "item_completed", "disagreement", "queue_finished")
_COLUMNS = ["id", "url", "events", "queue", "waiting", "failed"]


@click.group(epilog="Example: spandocket webhooks list")
def webhooks() -> None:
    """Register webhooks, and deliver what waits for them.

    An event is stored with the write that caused it, so that none is lost, and sent soon after by
    "review" while it runs, or by "webhooks deliver --watch" (as a service:
    configs/spandocket-webhooks.service): signed (X-Spandocket-Signature: sha256=HMAC of the body),
    repeated with growing pauses until the receiver answers with success.
    """


def _row(hook: Webhook, *, with_secret: bool = False) -> dict[str, Any]:
    row = asdict(hook) | {"events": [event.value for event in hook.events]}
    del row["project"]
    if not with_secret:
        del row["secret"]
    return row


@webhooks.command(
    epilog="Example: spandocket webhooks create https://example.org/hook --event item_completed"
)
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(_EVENTS),
    help="Repeat it.  [default: every event]",
)
@click.option("--queue", help="Only this queue's events.")
@click.option("--secret", help="Signs what is sent.  [default: a random one, printed once]")
@actor_option
@format_option
@pass_context
def create(
    context: Context,
    url: str,
    events: tuple[str, ...],
    queue: str | None,
    secret: str | None,
    actor: str,
    output_format: str | None,
) -> None:
    """Register a webhook."""
    from queue_store.model import HookEvent

    hook = context.queue_store.create_webhook(
        project=context.project,
        url=url,
        events=[HookEvent(event) for event in events],
        queue=queue,
        secret=secret,
        now=context.now(),
        actor=actor,
    )
    write_object(_row(hook, with_secret=True), output_format)


@webhooks.command("list", epilog="Example: spandocket webhooks list")
@format_option
@pass_context
def list_webhooks(context: Context, output_format: str | None) -> None:
    """List webhooks with what waits and what was given up."""
    found = person_store(context).webhooks(project=context.project)
    write_rows([_row(hook) for hook in found], output_format, _COLUMNS)


@webhooks.command(epilog="Example: spandocket webhooks delete 1")
@click.argument("webhook", type=int)
@actor_option
@pass_context
def delete(context: Context, webhook: int, actor: str) -> None:
    """Delete a webhook with what waits for it."""
    context.queue_store.delete_webhook(
        project=context.project, webhook_id=webhook, now=context.now(), actor=actor
    )


@webhooks.command(epilog="Example: spandocket webhooks deliver --watch")
@click.option("--watch", is_flag=True, help="Go on until stopped.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 50, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)
@format_option
@pass_context
def deliver(context: Context, watch: bool, timeout: float, output_format: str | None) -> None:
    """Send what is due; what is refused waits for its next try.

    Any number may deliver from one store: an event is handed to one of them at a time.
    """
    from cli.webhook_delivery import PAUSE_SECONDS, deliver_due

    sent = failed = 0
    with suppress(KeyboardInterrupt):
        while True:
            done, refused = deliver_due(context, timeout)
            sent, failed = sent + done, failed + refused
            if not watch:
                break
            time.sleep(PAUSE_SECONDS)
    if failed:
        say(f"{failed} refused; they are tried again later")
    write_object({"delivered": sent, "refused": failed}, output_format)
