"""What people keep beside queues: fields, answers, known issues, views."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from analytics.filters import compile_trace_filter
from queue_store.collections import VIEW_FILTERS
from queue_store.model import (
    FieldDraft,
    FieldOption,
    FieldPurpose,
    FieldType,
    IssueState,
    ItemState,
)
from queue_store.plain_rows import annotation_row, field_row
from review_app.api.endpoint import Endpoint, Parameter
from review_app.api.shapes import (
    ANNOTATION,
    FIELD,
    ISSUE,
    VIEW,
    boolean,
    given,
    integer,
    listed,
    nullable,
    number,
    one_of,
    page,
    taken,
    text,
)
from review_app.api.tables import LIMIT
from review_app.errors import BadRequestError
from review_app.seen import visible_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from review_app.api.endpoint import Asked

_ANNOTATION_FILTERS = ("field", "queue", "reviewer", "object_id", "history")


def list_fields(asked: Asked) -> dict[str, Any]:
    """The fields that the project sees."""
    return {"fields": [field_row(field) for field in asked.queues.fields(project=asked.project)]}


def create_field(asked: Asked) -> dict[str, Any]:
    """Create a field; the same definition again gives the one that is there."""
    body = dict(asked.body)
    help_of = body.pop("option_help", {})
    draft = FieldDraft(
        name=body["name"],
        type=FieldType(body["type"]),
        options=tuple(
            FieldOption(value=value, help=str(help_of.get(value, "")))
            for value in body.get("options", ())
        ),
        minimum=body.get("min"),
        maximum=body.get("max"),
        description=body.get("description", ""),
        multiple=body.get("multiple", False),
        required=body.get("required", False),
        purpose=FieldPurpose(body.get("purpose", "feedback")),
        positive=body.get("positive"),
        shared=body.get("shared", False),
    )
    return field_row(asked.queues.create_field(draft=draft, **asked.writing))


def list_annotations(asked: Asked) -> dict[str, Any]:
    """Answers that stand, oldest first."""
    limit = asked.query["limit"]
    cursor = asked.query.get("cursor", "0")
    if not cursor.isascii() or not cursor.isdigit():
        raise BadRequestError("cursor is not one of this listing")
    filters = {name: asked.query[name] for name in _ANNOTATION_FILTERS if name in asked.query}
    rows = asked.queues.annotations(
        project=asked.project,
        item_id=asked.query.get("item"),
        after_id=int(cursor),
        limit=limit + 1,
        **filters,
    )
    kept = rows[:limit]
    visible = visible_answers(asked.queues, asked.project, asked.person, kept)
    return {
        "annotations": [annotation_row(row) for row in visible],
        "cursor": str(kept[-1].id) if len(rows) > limit else None,
    }


def list_issues(asked: Asked) -> dict[str, Any]:
    """Known problems."""
    state = asked.query.get("state")
    found = asked.queues.issues(project=asked.project, state=IssueState(state) if state else None)
    return {"issues": [asdict(issue) for issue in found]}


def create_issue(asked: Asked) -> dict[str, Any]:
    """Record a known problem."""
    return asdict(asked.queues.create_issue(**asked.body, **asked.writing))


def list_views(asked: Asked) -> dict[str, Any]:
    """Saved views."""
    return {"views": [asdict(view) for view in asked.queues.views(project=asked.project)]}


def save_view(asked: Asked) -> dict[str, Any]:
    """Save a filter under a name; the same name again replaces it."""
    filters = asked.body.get("filters", {})
    if "where" in filters:
        compile_trace_filter(str(filters["where"]))
    queue = asked.body.get("queue")
    saved = {"name": asked.body["name"], "queue": queue, "filters": filters}
    return asdict(asked.queues.save_view(**saved, **asked.writing))


def delete_view(asked: Asked) -> dict[str, Any]:
    """Delete a saved view."""
    view = asked.queues.view(project=asked.project, name=asked.path["view"])
    asked.queues.delete_view(name=view.name, **asked.writing)
    return asdict(view)


def export_queue(asked: Asked) -> Iterator[bytes]:
    """Every item with its answers, a line each."""
    from review_app.api.items import list_items

    status = asked.query.get("status")
    filters = {} if status is None else {"status": status}
    name = asked.queues.queue(project=asked.project, name=asked.path["queue"]).name

    def lines() -> Iterator[bytes]:
        cursor: str | None = None
        while True:
            wanted = {"limit": 500, "offset": 0, "annotations": True, **filters}
            if cursor is not None:
                wanted["cursor"] = cursor
            found = list_items(_again(asked, {"queue": name}, wanted))
            yield b"".join(orjson.dumps(row) + b"\n" for row in found["items"])
            cursor = found["cursor"]
            if cursor is None:
                return

    return lines()


def _again(asked: Asked, path: dict[str, Any], query: dict[str, Any]) -> Asked:
    from dataclasses import replace

    return replace(asked, path=path, query=query)


_NEW_FIELD = taken(
    ("name", "type"),
    name=text(minLength=1),
    type=one_of(FieldType),
    description=text("What the reviewer is to judge."),
    options=listed(text(), "Categorical: at least two."),
    option_help={"type": "object", "additionalProperties": {"type": "string"}},
    multiple=boolean("Categorical: several options at once."),
    min=nullable(number()),
    max=nullable(number()),
    required=boolean("No item is completed without it."),
    purpose=one_of(FieldPurpose),
    positive=nullable(text("The class that counts as positive.")),
    shared=boolean("Let every project use it."),
)
ENDPOINTS = (
    Endpoint(
        name="list_fields",
        method="GET",
        path="/fields",
        noun="fields",
        sentence="List the annotation fields.",
        call=list_fields,
        result=given("FieldList", fields=listed(FIELD)),
    ),
    Endpoint(
        name="create_field",
        method="POST",
        path="/fields",
        noun="fields",
        sentence="Create a field; the same definition again changes nothing, another is refused.",
        call=create_field,
        body=_NEW_FIELD,
        result=FIELD,
    ),
    Endpoint(
        name="list_annotations",
        method="GET",
        path="/annotations",
        noun="annotations",
        sentence="List answers that stand, oldest first.",
        call=list_annotations,
        query=(
            Parameter(name="field", schema=text(), sentence="Only answers to this field."),
            Parameter(name="queue", schema=text(), sentence="Only answers given in this queue."),
            Parameter(name="reviewer", schema=text(), sentence="Only this person's."),
            Parameter(name="item", schema=integer(), sentence="Only answers on this item."),
            Parameter(name="object_id", schema=text(), sentence="Only answers about this object."),
            Parameter(
                name="history",
                schema=boolean(default=False),
                sentence="Drafts, withdrawn and superseded ones too.",
            ),
            LIMIT,
            Parameter(name="cursor", schema=text(), sentence="The cursor of the page before."),
        ),
        result=page("AnnotationPage", "annotations", ANNOTATION),
    ),
    Endpoint(
        name="list_issues",
        method="GET",
        path="/issues",
        noun="issues",
        sentence="List the known problems that answers point to.",
        call=list_issues,
        query=(Parameter(name="state", schema=one_of(IssueState), sentence="Only in this state."),),
        result=given("IssueList", issues=listed(ISSUE)),
    ),
    Endpoint(
        name="create_issue",
        method="POST",
        path="/issues",
        noun="issues",
        sentence="Record a known problem.",
        call=create_issue,
        body=taken(("title",), title=text(minLength=1), description=text(), link=nullable(text())),
        result=ISSUE,
    ),
    Endpoint(
        name="list_views",
        method="GET",
        path="/views",
        noun="views",
        sentence="List the saved views.",
        call=list_views,
        result=given("ViewList", views=listed(VIEW)),
    ),
    Endpoint(
        name="save_view",
        method="POST",
        path="/views",
        noun="views",
        sentence="Save a filter over traces or a queue's items; the same name again replaces it.",
        call=save_view,
        body=taken(
            ("name",),
            name=text(minLength=1),
            queue=nullable(text()),
            filters=taken((), **dict.fromkeys(VIEW_FILTERS, text())),
        ),
        result=VIEW,
    ),
    Endpoint(
        name="delete_view",
        method="DELETE",
        path="/views/{view}",
        noun="views",
        sentence="Delete a saved view; nothing else goes with it.",
        call=delete_view,
        result=VIEW,
    ),
    Endpoint(
        name="export_queue",
        method="GET",
        path="/queues/{queue}/export",
        noun="queues",
        sentence="Export a queue's items with their answers, one a line.",
        call=export_queue,
        query=(Parameter(name="status", schema=one_of(ItemState), sentence="Only in this state."),),
        result={"$ref": "#/components/schemas/AnsweredItem"},
        is_lines=True,
    ),
)
