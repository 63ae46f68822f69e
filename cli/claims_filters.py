"""The filters that listings of items share."""

from __future__ import annotations

from typing import Any

import click

from cli.moments import MOMENT

STATUSES = (
    "pending",
    "in_progress",
    "awaiting_adjudication",
    "completed",
    "skipped",
    "removed",
)

_FILTERS = (
    click.option("--status", type=click.Choice(STATUSES), help="Only items in this state."),
    click.option("--reviewer", help="Only items this person answered, holds or is assigned."),
    click.option("--detector", help="Only items this detector found."),
    click.option("--text", help="Only items whose object id or reason contains this."),
    click.option(
        "--since", "added_since", type=MOMENT, help="Only items added at this time or later."
    ),
    click.option("--until", "added_until", type=MOMENT, help="Only items added before this time."),
)


def queue_filters(command: Any) -> Any:
    """Add ``--status``, ``--reviewer``, ``--detector``, ``--text``, ``--since``, ``--until``."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command
