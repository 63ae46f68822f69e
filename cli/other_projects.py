"""Why a listing may be empty: the data are in another project."""

from __future__ import annotations

import click

from cli.context import Context


def hint_of_other_projects() -> str | None:
    """A sentence when this project has no spans while others have; None otherwise."""
    click_context = click.get_current_context(silent=True)
    context = None if click_context is None else click_context.find_object(Context)
    if context is None or not context.has_tables:
        return None
    import polars as pl

    column = context.span_store.scan_raw("spans").select(pl.col("project").unique().sort())
    projects = column.collect()["project"].to_list()
    if not projects or context.project in projects:
        return None
    return (
        f"Project {context.project!r} has no spans here; there are spans of "
        f"{', '.join(projects)}: use --project."
    )
