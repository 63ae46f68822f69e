"""The shapes of what the API takes and gives, as JSON Schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.sessions import SESSIONS
from queue_store.model import (
    Assignment,
    FieldPurpose,
    FieldType,
    IssueState,
    ItemSource,
    ItemState,
    ObjectType,
    QueueKind,
    QueueState,
)
from span_store.schema import EVALUATIONS, SPANS, TRACES, Form, TableSchema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from review_app.api.endpoint import Schema


def text(sentence: str = "", **more: Any) -> Schema:
    """A text."""
    return {"type": "string", **_told(sentence), **more}


def number(sentence: str = "", **more: Any) -> Schema:
    """A number."""
    return {"type": "number", **_told(sentence), **more}


def integer(sentence: str = "", **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", **_told(sentence), **more}


def boolean(sentence: str = "", **more: Any) -> Schema:
    """True or false."""
    return {"type": "boolean", **_told(sentence), **more}


def anything(sentence: str = "") -> Schema:
    """Any JSON value."""
    return _told(sentence)


def mapping(sentence: str = "") -> Schema:
    """An object with keys of the caller's."""
    return {"type": "object", **_told(sentence), "additionalProperties": True}


def listed(entry: Schema, sentence: str = "", **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": entry, **_told(sentence), **more}


def one_of(values: Iterable[str], sentence: str = "") -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": [str(value) for value in values], **_told(sentence)}


def moment(sentence: str = "") -> Schema:
    """A time as RFC 3339."""
    return {"type": "string", "format": "date-time", **_told(sentence)}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema.get("type")
    if kind is None:
        return schema
    both = schema | {"type": [kind, "null"]}
    return both | {"enum": [*schema["enum"], None]} if "enum" in schema else both


def given(title: str, /, **properties: Schema) -> Schema:
    """An object that the API gives: every key is there."""
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def taken(needed: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """An object that the API takes: unknown keys are refused."""
    shape: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return shape | ({"required": list(needed)} if needed else {})


def page(title: str, entries: str, entry: Schema, **more: Schema) -> Schema:
    """One page of a listing."""
    cursor = nullable(text("Hand it back for the next page; null on the last."))
    return given(title, **{entries: listed(entry)}, **more, cursor=cursor)


def _told(sentence: str) -> Schema:
    return {"description": sentence} if sentence else {}


_FORMS: dict[Form, Schema] = {
    Form.TEXT: {"type": "string"},
    Form.INTEGER: {"type": "integer"},
    Form.NUMBER: {"type": "number"},
    Form.BOOLEAN: {"type": "boolean"},
    Form.TIME: {"type": "string", "format": "date-time"},
    Form.JSON: {},
    Form.TEXTS: {"type": "array", "items": {"type": "string"}},
}


def row_of(title: str, table: TableSchema) -> Schema:
    """A row of a table, as its schema declares it."""
    columns = {c.name: nullable(_FORMS[c.form] | _told(c.sentence)) for c in table.columns}
    return given(title, **columns)


SPAN = row_of("Span", SPANS)
TRACE = row_of("Trace", TRACES)
SESSION = row_of("Session", SESSIONS)
EVALUATION = row_of("Evaluation", EVALUATIONS)

_PERCENT = nullable(number("Null for an empty queue."))
_COUNTS = {
    "state": one_of(("not_started", "in_progress", "completed"), "How far the work is."),
    "finished": boolean("Whether nothing is left to do."),
    "total": integer("Items, removed ones left out."),
    **{
        name: integer()
        for name in ("pending", "in_progress", "awaiting_adjudication", "completed", "skipped")
    },
    "removed": integer(),
    "with_responses": integer("Items that somebody has answered."),
    "completed_percent": _PERCENT,
    "with_responses_percent": _PERCENT,
}
PROGRESS = given(
    "Progress",
    queue=text(),
    **_COUNTS,
    reviewers=listed(
        given(
            "ReviewerProgress",
            queue=text(),
            reviewer=text(),
            done=integer(),
            skipped=integer(),
            last_active=nullable(moment()),
            median_seconds=nullable(number("From claim to submit.")),
        )
    ),
    agreement=listed(mapping(), "How far the reviewers agree, by field."),
)
QUEUE = given(
    "Queue",
    name=text(),
    link=text("Stays when the name changes; usable wherever the name is."),
    kind=one_of(QueueKind),
    status=one_of(QueueState),
    detector=nullable(text()),
    description=text(),
    instructions=text(),
    fields=listed(text()),
    field_versions=listed(integer()),
    assignees=listed(text()),
    filter=nullable(text("SQL condition over traces.")),
    sample=nullable(number("Share of matching traces that is kept.")),
    shown=listed(text()),
    labels_wanted=integer(),
    overlap_share=number(),
    extra_reviewers_max=integer(),
    adjudicate=boolean(),
    blind=boolean(),
    lease_seconds=nullable(number()),
    assignment=one_of(Assignment),
    created_at=moment(),
    created_by=text(),
    **_COUNTS,
)
_SELECTION = mapping("Why it was drawn, and with what probability.")
ANCHOR = given(
    "Anchor",
    direction=one_of(("input", "output")),
    message_index=integer(),
    part_index=nullable(integer()),
    start=nullable(integer("First character, in code points.")),
    end=nullable(integer()),
    quote=text(),
    prefix=text(),
    suffix=text(),
    span_id=nullable(text()),
)
ANNOTATION = given(
    "Annotation",
    id=integer(),
    object_type=one_of(ObjectType),
    object_id=text(),
    trace_id=nullable(text()),
    queue=nullable(text()),
    item_id=nullable(integer()),
    item_revision=nullable(integer()),
    reviewer=text(),
    field=text(),
    field_version=integer(),
    value=anything("Of the field's type."),
    state=text(),
    comment=nullable(text()),
    corrected_output=nullable(text()),
    also_acceptable=listed(anything()),
    anchor={"oneOf": [ANCHOR, {"type": "null"}]},
    issue_id=nullable(integer()),
    blind=boolean(),
    adjudicated=boolean(),
    seconds_spent=nullable(number()),
    inclusion_probability=nullable(number()),
    cluster=nullable(text()),
    source=text(),
    time=moment(),
)
_ITEM = {
    "id": integer("Names the item in every call."),
    "queue": text(),
    "object_type": one_of(ObjectType),
    "object_id": text("TRACE_ID, TRACE_ID:SPAN_ID or a conversation id."),
    "trace_id": nullable(text()),
    "conversation_id": nullable(text()),
    "status": one_of(ItemState),
    "priority": number("Higher is served first."),
    "priority_terms": mapping(),
    "reason": nullable(text()),
    "source": one_of(ItemSource),
    "detector": nullable(text()),
    "metadata": mapping(),
    "selection": nullable(_SELECTION),
    "inclusion_probability": nullable(number()),
    "revision": integer("Rises when the object changed."),
    "labels_wanted": integer(),
    "labels_done": integer(),
    "assignee": nullable(text()),
    "holder": nullable(text()),
    "lease_until": nullable(moment()),
    "holders": listed(given("Hold", reviewer=text(), claimed_at=moment(), until=moment())),
    "skip_reason": nullable(text()),
    "added_at": moment(),
    "added_by": text(),
    "updated_at": moment(),
    "completed_at": nullable(moment()),
    "completed_by": nullable(text()),
}
ITEM = given("Item", **_ITEM)
ANSWERED_ITEM = given("AnsweredItem", **_ITEM, annotations=listed(ANNOTATION))
LISTED_ITEM = ITEM | {
    "title": "ListedItem",
    "properties": {**_ITEM, "annotations": listed(ANNOTATION, "With annotations=true.")},
}
CLAIM = given("Claim", item=ITEM, token=text("Goes with every write on it."), lease_until=moment())
ADDED = given(
    "Added",
    queue=text(),
    added=integer(),
    duplicates=integer("Already there."),
    reentered=integer("Finished before, pending again because the object changed."),
    removed=integer("A person removed them once; they stay removed."),
    unknown=listed(text(), "Ids that no stored span belongs to; they were not added."),
    item_ids=listed(integer(), "The item of each known object, in the order given."),
)
FIELD = given(
    "Field",
    name=text(),
    version=integer(),
    project=nullable(text("Null when every project shares it.")),
    type=one_of(FieldType),
    description=text(),
    options=listed(text()),
    option_help=mapping(),
    multiple=boolean(),
    min=nullable(number()),
    max=nullable(number()),
    required=boolean(),
    purpose=one_of(FieldPurpose),
    positive=nullable(text()),
    created_at=moment(),
    created_by=text(),
)
ISSUE = given(
    "Issue",
    id=integer(),
    project=text(),
    title=text(),
    description=text(),
    state=one_of(IssueState),
    link=nullable(text()),
    annotations=integer("Standing answers that point to it."),
    created_at=moment(),
    created_by=text(),
    updated_at=moment(),
)
VIEW = given(
    "View",
    id=integer(),
    project=text(),
    name=text(),
    queue=nullable(text()),
    filters=mapping("Of traces: where, answered. Of items: status, reviewer, detector, ..."),
    created_at=moment(),
    created_by=text(),
)
DATASET = given(
    "Dataset",
    id=integer(),
    project=text(),
    name=text(),
    description=text(),
    version=integer("Rises with every change of the entries."),
    entries=integer("Entries of the newest version."),
    created_at=moment(),
    created_by=text(),
)
DATASET_ENTRY = given(
    "DatasetEntry",
    object_type=one_of(ObjectType),
    object_id=text(),
    input=anything("What went into the last model call."),
    output=anything("What came out of it."),
    expected=anything("What should have come out; null when nobody said."),
    annotations=listed(mapping()),
    provenance=mapping("The queue, item and revision it came from."),
)
SCORES_STORED = given("ScoresStored", added=integer(), duplicates=integer("Stored before."))
ERROR = {
    "title": "Error",
    "type": "object",
    "description": "What went wrong; further keys are its facts.",
    "properties": {
        "error": text("Its name, stable."),
        "message": text("A sentence for people."),
        "remedy": text("What helps."),
    },
    "required": ["error", "message", "remedy"],
    "additionalProperties": True,
}
