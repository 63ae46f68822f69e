"""How far forwarding came: kept beside the spool, so that a restart goes on where it was."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from otlp_receiver.forward_findings import clear_findings
from otlp_receiver.spool_folder import make_durable, write_position

if TYPE_CHECKING:
    from pathlib import Path

READER = "forward"
"""The forwarder's name among the readers of the spool: its segments wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardState:
    """Counts since forwarding was turned on, and the position."""

    number: int = 0
    """The last record of the spool that needs no more forwarding."""
    received_at: int = 0
    """When that record was received, nanoseconds since 1970 UTC."""
    requests: int = 0
    """Requests of the spool that the endpoint took."""
    body_bytes: int = 0
    refused_requests: int = 0
    """Requests that the endpoint will never take; the last reason is in ``problem``."""
    rejected_items: int = 0
    """Spans and log records that the endpoint took requests without."""
    waiting_since: int = 0
    """When the request that is being sent was received, in nanoseconds; 0 when nothing waits."""
    problem: str = ""
    """What the endpoint said of the last attempt; empty when there was nothing to say."""
    is_failing: bool = False
    """Whether the last attempt failed; a request that was taken in part did not."""


def load_state(spool: Path) -> ForwardState:
    """The state that was kept last; a fresh one when there is none, or it cannot be read."""
    try:
        document = json.loads((spool / "forward.state").read_bytes())
    except (FileNotFoundError, ValueError):
        return ForwardState()
    known = {entry.name for entry in fields(ForwardState)}
    return replace(
        ForwardState(), **{name: value for name, value in document.items() if name in known}
    )


def keep_state(spool: Path, state: ForwardState, segment: int) -> None:
    """Remember the state, and that everything before this segment may go.

    On a full disk the position alone: a restart then reads from the oldest segment that is left.
    """
    try:
        make_durable(spool / "forward.state", json.dumps(asdict(state)).encode())
    finally:
        write_position(spool, READER, segment)


def register(spool: Path) -> None:
    """Make the spool keep its segments for forwarding, before the loader deletes any."""
    if not (spool / f"{READER}.position").exists():
        write_position(spool, READER, 0)


def unregister(spool: Path) -> None:
    """Forwarding is off: the spool waits for it no longer, and forgets its position."""
    for name in (f"{READER}.position", "forward.state"):
        with contextlib.suppress(FileNotFoundError):
            (spool / name).unlink()
    clear_findings(spool)
