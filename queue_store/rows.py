"""Database rows as values of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queue_store.model import (
    Anchor,
    AnnotationRow,
    AnnotationState,
    Assignment,
    AuditEntry,
    Field,
    FieldOption,
    FieldPurpose,
    FieldType,
    Item,
    ItemSource,
    ItemState,
    ObjectType,
    Queue,
    QueueKind,
    QueueState,
    Selection,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queue_store.model import Hold


def queue_from_row(row: Any, form: Sequence[Any]) -> Queue:
    """A row of ``queues`` with its form."""
    return Queue(
        id=row.id,
        link=row.link,
        project=row.project,
        name=row.name,
        kind=QueueKind(row.kind),
        detector=row.detector,
        description=row.description,
        instructions=row.instructions,
        field_names=tuple(entry.name for entry in form),
        field_versions=tuple(entry.version for entry in form),
        assignees=tuple(row.assignees),
        filter_sql=row.filter_sql,
        sample_rate=row.sample_rate,
        state=QueueState(row.state),
        shown=tuple(row.shown),
        labels_wanted=row.labels_wanted,
        overlap_share=row.overlap_share,
        extra_reviewers_max=row.extra_reviewers_max,
        adjudicate=row.adjudicate,
        blind=row.blind,
        lease_seconds=row.lease_seconds,
        assignment=Assignment(row.assignment),
        revision=row.revision,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
    )


def field_from_row(row: Any) -> Field:
    """A row of ``fields``."""
    return Field(
        id=row.id,
        project=row.project or None,
        name=row.name,
        version=row.version,
        type=FieldType(row.type),
        description=row.description,
        options=tuple(FieldOption(value=value, help=text) for value, text in row.options),
        multiple=row.multiple,
        minimum=row.minimum,
        maximum=row.maximum,
        required=row.required,
        purpose=FieldPurpose(row.purpose),
        positive=row.positive,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def selection_from_row(row: Any) -> Selection | None:
    """The selection columns of an item; None when it was not drawn."""
    if row.selection_rule is None:
        return None
    return Selection(
        rule=row.selection_rule,
        rule_version=row.selection_rule_version,
        p=row.selection_p,
        u=row.selection_u,
        salt=row.selection_salt,
        selected=row.selection_selected,
    )


def item_from_row(row: Any, queue: Queue | None = None, holds: Iterable[Hold] = ()) -> Item:
    """A row of ``items`` of this queue, or one that names ``queue`` and ``project`` itself."""
    return Item(
        id=row.id,
        queue_id=row.queue_id,
        queue=row.queue if queue is None else queue.name,
        project=row.project if queue is None else queue.project,
        object_type=ObjectType(row.object_type),
        object_id=row.object_id,
        trace_id=row.trace_id,
        conversation_id=row.conversation_id,
        state=ItemState(row.state),
        priority=float(row.priority),
        priority_terms=row.priority_terms or {},
        reason=row.reason,
        source=ItemSource(row.source),
        detector=row.detector,
        metadata=row.metadata or {},
        selection=selection_from_row(row),
        revision=row.revision,
        round=row.round,
        labels_wanted=row.labels_wanted,
        labels_done=row.labels_done,
        turn=row.turn,
        has_response=row.has_response,
        assignee=row.assignee or None,
        open_seats=row.open_seats,
        holds=tuple(holds),
        claim_count=row.claim_count,
        skip_reason=row.skip_reason,
        added_at=row.added_at,
        added_by=row.added_by,
        updated_at=row.updated_at,
        completed_at=row.completed_at,
        completed_by=row.completed_by,
    )


def annotation_from_row(row: Any) -> AnnotationRow:
    """A row of ``annotations`` joined with its field, queue and item."""
    imported = row.inclusion_probability
    return AnnotationRow(
        id=row.id,
        project=row.project,
        object_type=ObjectType(row.object_type),
        object_id=row.object_id,
        trace_id=row.trace_id,
        queue=row.queue,
        item_id=row.item_id,
        item_revision=row.item_revision,
        reviewer=row.reviewer,
        field=row.field,
        field_version=row.field_version,
        value=row.value,
        state=AnnotationState(row.state),
        comment=row.comment,
        corrected_output=row.corrected_output,
        also_acceptable=tuple(row.also_acceptable or ()),
        anchor=None if row.anchor is None else Anchor(**row.anchor),
        issue_id=row.issue_id,
        blind=row.blind,
        adjudicated=row.adjudicated,
        seconds_spent=row.seconds_spent,
        inclusion_probability=row.selection_p if imported is None else imported,
        cluster=row.cluster,
        selection=selection_from_row(row),
        source=row.source,
        time=row.time,
    )


def audit_from_row(row: Any) -> AuditEntry:
    """A row of ``audit`` with ``queue`` (name)."""
    return AuditEntry(
        id=row.id,
        time=row.time,
        project=row.project,
        actor=row.actor,
        action=row.action,
        queue=row.queue,
        item_id=row.item_id,
        details=row.details,
    )
