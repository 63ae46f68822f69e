"""``spandocket views``: named filters over a queue's items."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cli.claims_filters import queue_filters
from cli.context import pass_context
from cli.detector_names import check_detector
from cli.output import LIMIT_MAX, format_option, write_object, write_rows
from cli.queue_access import actor_option, person_store, ready_store
from cli.queue_rows import ITEM_COLUMNS, item_row
from cli.traces import TRACE_COLUMNS

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import View


@click.group(epilog="Example: spandocket views list")
def views() -> None:
    """Save filters under a name, and list what they match."""


@views.command(epilog="Example: spandocket views save mine refusal --reviewer ana --status pending")
@click.argument("name")
@click.argument("queue")
@queue_filters
@actor_option
@format_option
@pass_context
def save(
    context: Context,
    name: str,
    queue: str,
    status: str | None,
    reviewer: str | None,
    detector: str | None,
    text: str | None,
    added_since: datetime | None,
    added_until: datetime | None,
    actor: str,
    output_format: str | None,
) -> None:
    """Save a filter over a queue; the same name again replaces it."""
    if detector is not None:
        check_detector(context, detector)
    given: dict[str, Any] = {
        "status": status,
        "reviewer": reviewer,
        "detector": detector,
        "text": text,
        "added_since": added_since,
        "added_until": added_until,
    }
    view = ready_store(context).save_view(
        project=context.project,
        name=name,
        queue=queue,
        filters={
            key: value if isinstance(value, str) else value.isoformat()
            for key, value in given.items()
            if value is not None
        },
        now=context.now(),
        actor=actor,
    )
    write_object(asdict(view), output_format)


@views.command("list", epilog="Example: spandocket views list")
@format_option
@pass_context
def list_views(context: Context, output_format: str | None) -> None:
    """List saved views."""
    found = person_store(context).views(project=context.project)
    write_rows([asdict(view) for view in found], output_format, ["name", "queue", "filters"])


@views.command(epilog="Example: spandocket views show mine --limit 10")
@click.argument("name")
@click.option(
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=50,
    show_default=True,
    help="Most items.",
)
@format_option
@pass_context
def show(context: Context, name: str, limit: int, output_format: str | None) -> None:
    """List the items that a view matches now; the traces, for a view over traces."""
    from queue_store.collections import TRACE_FILTERS
    from queue_store.model import ItemState

    store = ready_store(context)
    view = store.view(project=context.project, name=name)
    filters: dict[str, Any] = dict(view.filters)
    if view.queue is None or any(key in filters for key in TRACE_FILTERS):
        _show_traces(context, view, limit, output_format)
        return
    status = filters.pop("status", None)
    for bound in ("added_since", "added_until"):
        if bound in filters:
            filters[bound] = datetime.fromisoformat(filters[bound])
    page = store.items(
        project=context.project,
        queue=view.queue or "",
        status=ItemState(status) if status else None,
        limit=limit,
        **filters,
    )
    write_rows([item_row(item) for item in page.items], output_format, ITEM_COLUMNS)


def _show_traces(context: Context, view: View, limit: int, output_format: str | None) -> None:
    """The analysed traces that a view over traces matches, newest first."""
    from review_app.traces import matching
    from span_store.filters import applying
    from span_store.plain_rows import canonical_rows
    from span_store.schema import TRACES

    frame = matching(
        ready_store(context),
        context.span_store,
        context.project,
        where=view.filters.get("where"),
        queue=view.queue,
        answered=view.filters.get("answered"),
    )
    newest = frame.sort(["start_time", "trace_id"], descending=[True, False]).head(limit)
    with applying(view.filters.get("where")):
        rows = newest.collect()
    write_rows(canonical_rows(rows, TRACES), output_format, TRACE_COLUMNS)


@views.command(epilog="Example: spandocket views delete mine")
@click.argument("name")
@actor_option
@pass_context
def delete(context: Context, name: str, actor: str) -> None:
    """Delete a saved view; nothing else goes with it."""
    context.queue_store.delete_view(
        project=context.project, name=name, now=context.now(), actor=actor
    )
