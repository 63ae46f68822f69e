"""Adding objects to a queue: what the tables know goes in, what they do not is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.object_ids import typed, unknown_objects
from cli.queue_access import ready_store
from queue_store.model import ItemDraft, ObjectType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.context import Context

Objects = list[tuple[str, str]]
"""Pairs of object type and object id."""


def typed_ids(ids: Sequence[str], object_type: str | None) -> Objects:
    """Each id with its type: as told, else by its form."""
    return [typed(text, object_type) for text in ids]


def add_known(
    context: Context,
    queue: str,
    wanted: Objects,
    where: str | None,
    facts: dict[str, Any],
    actor: str,
) -> tuple[Objects, dict[str, Any]]:
    """Add the objects and the traces that ``where`` matches.

    Gives the unknown ones, and the row that tells what happened. ``facts`` go to every draft.
    """
    store = ready_store(context)
    store.queue(project=context.project, name=queue)
    if where is not None:
        wanted = wanted + [("trace", trace_id) for trace_id in _matching(context, where)]
    unknown = unknown_objects(context.span_store, context.project, wanted)
    left_out = set(unknown)
    result = store.add_items(
        project=context.project,
        queue=queue,
        drafts=[
            ItemDraft(object_type=ObjectType(kind), object_id=object_id, **facts)
            for kind, object_id in wanted
            if (kind, object_id) not in left_out
        ],
        now=context.now(),
        actor=actor,
    )
    return unknown, {
        "queue": queue,
        "added": result.added,
        "duplicates": result.duplicates,
        "removed": result.removed,
        "unknown": [object_id for _, object_id in unknown],
        "item_ids": list(result.item_ids),
    }


def _matching(context: Context, where: str) -> list[str]:
    """The traces of the project that the condition matches."""
    frame = context.span_store.scan("traces", project=context.project, where=where)
    found = frame.select("trace_id").unique(maintain_order=True).collect()
    return list(found["trace_id"])
