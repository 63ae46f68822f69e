"""Names of detectors that commands are given: built in, one's own, or known from findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.nearest import nearest_names

if TYPE_CHECKING:
    from cli.context import Context


def check_detector(context: Context, name: str) -> None:
    """Refuse a detector that exists nowhere with a usage error, naming the nearest."""
    from analytics.detectors.catalog import CATALOG, load

    known = {entry.id for entry in CATALOG}
    if name in known:
        return
    known |= {entry.id for entry in load(context.configuration.analysis)}
    stored = context.span_store.scan("findings", project=context.project, columns=["detector"])
    known |= set(stored.unique().collect()["detector"].drop_nulls())
    if name not in known:
        raise click.UsageError(f"unknown detector {name!r}{nearest_names(name, sorted(known))}")
