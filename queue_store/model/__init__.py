"""The rows of the queue store: frozen values that import nothing but the standard library."""

from queue_store.model.annotations import (
    Anchor,
    AnnotationDraft,
    AnnotationRow,
    AnnotationState,
    ImportResult,
    ImportRow,
    RowProblem,
)
from queue_store.model.fields import Field, FieldDraft, FieldOption, FieldPurpose, FieldType
from queue_store.model.items import (
    AddResult,
    Claim,
    Item,
    ItemDraft,
    ItemPage,
    ItemSource,
    ObjectType,
    Selection,
)
from queue_store.model.progress import AuditEntry, Progress, ReviewerProgress
from queue_store.model.queues import (
    Assignment,
    Queue,
    QueueDraft,
    QueueKind,
    QueueState,
    SystemQueueSpec,
)
from queue_store.model.states import TRANSITIONS, Action, ItemState, SkipPolicy, allowed_moves

__all__ = [
    "TRANSITIONS",
    "Action",
    "AddResult",
    "Anchor",
    "AnnotationDraft",
    "AnnotationRow",
    "AnnotationState",
    "Assignment",
    "AuditEntry",
    "Claim",
    "Field",
    "FieldDraft",
    "FieldOption",
    "FieldPurpose",
    "FieldType",
    "ImportResult",
    "ImportRow",
    "Item",
    "ItemDraft",
    "ItemPage",
    "ItemSource",
    "ItemState",
    "ObjectType",
    "Progress",
    "Queue",
    "QueueDraft",
    "QueueKind",
    "QueueState",
    "ReviewerProgress",
    "RowProblem",
    "Selection",
    "SkipPolicy",
    "SystemQueueSpec",
    "allowed_moves",
]
