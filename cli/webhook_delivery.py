"""Sends events that are due to their webhooks."""

from __future__ import annotations

import http.client
import logging
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from queue_store.errors import QueueStoreError
from queue_store.webhooks import SENDING_SECONDS, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.context import Context
    from queue_store.model import Delivery

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
"""How long a watcher rests when nothing is due."""
WEBHOOKS_AT_ONCE = 8
TIMEOUT_SECONDS = 10.0
"""How long a receiver may take to answer, unless told."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is a refusal: a signed body goes only where it was registered to go."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def deliver_due(context: Context, timeout_seconds: float = TIMEOUT_SECONDS) -> tuple[int, int]:
    """Send everything that is due once; gives how many were delivered and refused.

    Webhooks beside each other, so that one whose receiver is away keeps no other waiting; the
    events of one in their order, up to the first that fails: the rest is due again in a minute.
    """
    delivered = refused = 0
    while due := context.queue_store.due(now=context.now()):
        groups: dict[int, list[Delivery]] = {}
        for delivery in due:
            groups.setdefault(delivery.webhook_id, []).append(delivery)
        with ThreadPoolExecutor(WEBHOOKS_AT_ONCE) as pool:
            told = pool.map(
                lambda group: _deliver(context, group, timeout_seconds), groups.values()
            )
            for sent, failed in told:
                delivered, refused = delivered + sent, refused + failed
    return delivered, refused


def _deliver(
    context: Context, deliveries: Sequence[Delivery], timeout_seconds: float
) -> tuple[int, int]:
    """Send one webhook's events, while they are ours; gives how many were taken and refused."""
    store, began, taken = context.queue_store, time.monotonic(), 0
    for delivery in deliveries:
        if time.monotonic() - began + timeout_seconds > SENDING_SECONDS and taken:
            break
        error = _send(delivery, timeout_seconds)
        if error is not None:
            store.refused(delivery_id=delivery.id, error=error, now=context.now())
            return taken, 1
        store.delivered(delivery_id=delivery.id, now=context.now())
        taken += 1
    return taken, 0


def _send(delivery: Delivery, timeout_seconds: float) -> str | None:
    """Send one event; gives why it failed, None when the receiver took it."""
    body, headers = signed(delivery)
    try:
        request = urllib.request.Request(delivery.url, data=body, headers=headers, method="POST")
        with _OPENER.open(request, timeout=timeout_seconds) as answer:
            return None if 200 <= answer.status < 300 else f"answered {answer.status}"
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}"
    # ValueError: a URL that no request can be made of; HTTPException: an answer that is no HTTP.
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


class Courier:
    """Delivers in the background, as long as it is entered; any number may work on one store."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # What is being sent is a daemon's: at the worst it is sent again.
        self._stop.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        while not self._stop.wait(pause):
            try:
                deliver_due(self._context)
                pause = PAUSE_SECONDS
            except QueueStoreError as error:
                logger.warning("Webhooks wait: %s", error, extra={"event": "webhooks_wait"})
                pause = min(pause * 2, 60.0)
