"""Whether the labels of one item disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from queue_store.column_types import to_json
from queue_store.model import AnnotationState, FieldType
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.fields import FIELDS
from queue_store.tables.items import RESPONSES

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from queue_store.model import Item


def labels_of(connection: Connection, item: Item) -> dict[str, dict[str, Any]]:
    """Answers about the whole object in this round: field, then reviewer, then value.

    Free text is left out: two people never write the same sentence.
    """
    rows = connection.execute(
        select(FIELDS.c.name, ANNOTATIONS.c.reviewer, ANNOTATIONS.c.value)
        .join(FIELDS, FIELDS.c.id == ANNOTATIONS.c.field_id)
        .join(
            RESPONSES,
            (RESPONSES.c.item_id == ANNOTATIONS.c.item_id)
            & (RESPONSES.c.reviewer == ANNOTATIONS.c.reviewer),
        )
        .where(
            ANNOTATIONS.c.item_id == item.id,
            ANNOTATIONS.c.item_revision == item.revision,
            ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
            ANNOTATIONS.c.anchor.is_(None),
            ANNOTATIONS.c.adjudicated.is_(False),
            FIELDS.c.type != FieldType.STRING.value,
            RESPONSES.c.round == item.round,
            RESPONSES.c.kind == "submitted",
        )
        .order_by(FIELDS.c.name, ANNOTATIONS.c.reviewer)
    )
    labels: dict[str, dict[str, Any]] = {}
    for row in rows:
        labels.setdefault(row.name, {})[row.reviewer] = row.value
    return labels


def disagree(connection: Connection, item: Item) -> bool:
    """Whether two reviewers answered one field differently."""
    return any(
        len({to_json(value) for value in answers.values()}) > 1
        for answers in labels_of(connection, item).values()
    )
