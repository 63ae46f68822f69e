"""Items: add, list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queue_store.model import ItemState, ObjectType
from queue_store.plain_rows import annotation_row, item_row
from review_app.adding import add_known, matching_traces
from review_app.api.endpoint import Endpoint, Parameter
from review_app.api.shapes import (
    ADDED,
    ANSWERED_ITEM,
    LISTED_ITEM,
    boolean,
    integer,
    listed,
    mapping,
    nullable,
    number,
    one_of,
    page,
    taken,
    text,
)
from review_app.api.tables import CURSOR, LIMIT
from review_app.errors import BadRequestError
from review_app.seen import visible_answers
from span_store.object_ids import typed

if TYPE_CHECKING:
    from review_app.api.endpoint import Asked

_FILTERS = ("reviewer", "detector", "text")


def list_items(asked: Asked) -> dict[str, Any]:
    """One page of a queue, with the answers when asked."""
    status = asked.query.get("status")
    queue = asked.queues.queue(project=asked.project, name=asked.path["queue"]).name
    found = asked.queues.items(
        project=asked.project,
        queue=queue,
        status=ItemState(status) if status else None,
        limit=asked.query["limit"],
        offset=asked.query["offset"],
        cursor=asked.query.get("cursor"),
        **{name: asked.query[name] for name in _FILTERS if name in asked.query},
    )
    rows = [item_row(item) for item in found.items]
    if asked.query["annotations"]:
        answers: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
        given = asked.queues.annotations(project=asked.project, item_ids=list(answers))
        for answer in visible_answers(asked.queues, asked.project, asked.person, given):
            answers[answer.item_id or 0].append(annotation_row(answer))
        rows = [row | {"annotations": answers[row["id"]]} for row in rows]
    return {"items": rows, "total": found.total, "cursor": found.cursor}


def add_items(asked: Asked) -> dict[str, Any]:
    """Add objects, each with priority and metadata of its own, and what ``where`` matches."""
    entries = asked.body.get("items", [])
    where = asked.body.get("where")
    if not entries and where is None:
        raise BadRequestError("give items, or where")
    wanted = []
    for entry in entries:
        facts = {k: v for k, v in entry.items() if k not in {"object_type", "object_id"}}
        wanted.append((*typed(entry["object_id"], entry.get("object_type")), facts))
    if where is not None:
        found = matching_traces(asked.spans, asked.project, where)
        wanted += [(kind, object_id, {}) for kind, object_id in found]
    return add_known(
        asked.queues,
        asked.spans,
        project=asked.project,
        queue=asked.queues.queue(project=asked.project, name=asked.path["queue"]).name,
        wanted=wanted,
        now=asked.now,
        actor=asked.person,
    )


def show_item(asked: Asked) -> dict[str, Any]:
    """One item with its answers."""
    item = asked.queues.item(project=asked.project, item_id=asked.path["item"])
    given = asked.queues.annotations(project=asked.project, item_id=item.id)
    answers = visible_answers(asked.queues, asked.project, asked.person, given)
    return item_row(item) | {"annotations": [annotation_row(row) for row in answers]}


_NEW_ITEM = taken(
    ("object_id",),
    object_id=text("Trace id, TRACE_ID:SPAN_ID, span id, or conversation id.", minLength=1),
    object_type=one_of(ObjectType, "By the form of the id unless told."),
    priority=number("Higher is served first; 0 by default."),
    metadata=mapping("Shown with the item."),
    reason=text("One sentence: why a person should look."),
    assignee=nullable(text("Who alone may claim it.")),
)

ENDPOINTS = (
    Endpoint(
        name="list_items",
        method="GET",
        path="/queues/{queue}/items",
        noun="items",
        sentence="List a queue's items, highest priority first; removed ones only when asked.",
        call=list_items,
        query=(
            Parameter(name="status", schema=one_of(ItemState), sentence="Only in this state."),
            Parameter(name="reviewer", schema=text(), sentence="Held, answered or to be done by."),
            Parameter(name="detector", schema=text(), sentence="Put there by this detector."),
            Parameter(name="text", schema=text(), sentence="In the object id or the reason."),
            Parameter(
                name="annotations",
                schema=boolean(default=False),
                sentence="Give each item with its standing answers.",
            ),
            LIMIT,
            Parameter(
                name="offset", schema=integer(default=0, minimum=0), sentence="Items to pass over."
            ),
            CURSOR,
        ),
        result=page("ItemPage", "items", LISTED_ITEM, total=integer("Items on all pages.")),
    ),
    Endpoint(
        name="add_items",
        method="POST",
        path="/queues/{queue}/items",
        noun="items",
        sentence="Add traces, spans and sessions; an object is in a queue once.",
        call=add_items,
        body=taken(
            (),
            items=listed(_NEW_ITEM, maxItems=10_000),
            where=text("Add the traces that match this SQL condition, too."),
        ),
        result=ADDED,
    ),
    Endpoint(
        name="show_item",
        method="GET",
        path="/items/{item:int}",
        noun="items",
        sentence="Show an item with its answers.",
        call=show_item,
        result=ANSWERED_ITEM,
    ),
)
