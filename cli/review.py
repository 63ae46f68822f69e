"""``spandocket review``: the review page for the people who work on the queues."""

from __future__ import annotations

import click

from cli.context import Context, pass_context
from cli.output import say


@click.command(epilog="Example: spandocket review --port 4380")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.")
@click.option(
    "--deliver/--no-deliver",
    default=True,
    show_default=True,
    help="Send events to webhooks meanwhile.",
)
@pass_context
def review(context: Context, port: int | None, deliver: bool) -> None:
    """Serve the review page and its API: claim the next item, read, answer, next.

    Without reviewers' tokens it has no login and listens on this machine alone; with the first
    ('spandocket tokens create --reviewer NAME') everybody needs one. Ends with Ctrl-C or SIGTERM.
    """
    import signal
    import socket
    from contextlib import nullcontext

    import uvicorn

    from cli.tokens import reviewer_tokens
    from cli.webhook_delivery import Courier
    from review_app.access import Access, check_binding
    from review_app.application import create_application
    from review_app.browsing import PageCalls

    config = context.configuration.review
    tokens = reviewer_tokens(context)
    check_binding(config, tokens)
    calls = PageCalls(
        queues=context.queue_store,
        spans=context.span_store,
        project=context.project,
        clock=context.now,
    )
    access = Access(
        tokens,
        project=context.project,
        session_seconds=config.session_seconds,
        clock=context.now,
    )
    application = create_application(calls, config.hostnames, access)
    chosen = config.port if port is None else port
    with socket.create_server((config.host, chosen)) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
        # The server ends by these signals, and then raises them again for whoever handled them
        # before: by default that is death by the signal, and the courier could not end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        address = listener.getsockname()
        say(f"Review {context.project} at http://{address[0]}:{address[1]}/ (Ctrl-C ends it)")
        with Courier(context) if deliver else nullcontext():
            server.run(sockets=[listener])
