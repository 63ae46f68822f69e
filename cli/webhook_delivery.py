"""Sends events that are due to their webhooks."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from queue_store.webhooks import signed

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import Delivery


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is a refusal: a signed body goes only where it was registered to go."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def deliver_due(context: Context, timeout_seconds: float) -> tuple[int, int]:
    """Send everything that is due once; gives how many were delivered and refused."""
    store = context.queue_store
    delivered = refused = 0
    while due := store.due(now=context.now()):
        for delivery in due:
            error = _send(delivery, timeout_seconds)
            if error is None:
                store.delivered(delivery_id=delivery.id, now=context.now())
                delivered += 1
            else:
                store.refused(delivery_id=delivery.id, error=error, now=context.now())
                refused += 1
    return delivered, refused


def _send(delivery: Delivery, timeout_seconds: float) -> str | None:
    """Send one event; gives why it failed, None when the receiver took it."""
    body, headers = signed(delivery)
    request = urllib.request.Request(delivery.url, data=body, headers=headers, method="POST")
    try:
        with _OPENER.open(request, timeout=timeout_seconds) as answer:
            return None if 200 <= answer.status < 300 else f"answered {answer.status}"
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}"
    except OSError as error:
        return str(error)
