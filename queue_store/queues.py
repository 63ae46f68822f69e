"""Queues: create, find, change."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, update

from queue_store.base import StoreBase, all_queues, find_queue
from queue_store.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from queue_store.fields import find_field
from queue_store.model import (
    LABELS_MAX,
    LEASE_SECONDS_MAX,
    SHOWN_PATHS,
    Assignment,
    QueueDraft,
    QueueKind,
    QueueState,
    Role,
)
from queue_store.tables.queues import QUEUE_COUNTERS, QUEUE_FIELDS, QUEUES, STRIPES
from queue_store.values import check_name
from queue_store.writing import SYSTEM_ACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from queue_store.model import Queue, SystemQueueSpec
    from queue_store.writing import Writing

CHANGEABLE = (
    "name",
    "description",
    "instructions",
    "assignees",
    "filter_sql",
    "sample_rate",
    "state",
    "shown",
    "labels_wanted",
    "overlap_share",
    "extra_reviewers_max",
    "adjudicate",
    "blind",
    "lease_seconds",
    "assignment",
    "fields",
)
"""Settings of a queue that may change after its creation."""


class Queues(StoreBase):
    """The part of the store that knows queues."""

    def create_queue(self, *, project: str, draft: QueueDraft, now: datetime, actor: str) -> Queue:
        """Create a queue; raises AlreadyExistsError, InvalidValueError, NotFoundError (fields)."""
        _check(draft)
        check_name("queue", draft.name)
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "create a queue")
            writing.database.exclusive(writing.connection, f"queues:{project}")
            if _create(writing, draft) is None:
                raise AlreadyExistsError("queue", draft.name)
            return find_queue(writing.connection, project, draft.name)

    def queue(self, *, project: str, name: str) -> Queue:
        """The queue with this name or link; raises NotFoundError with the nearest names."""
        with self._reading(project, name) as connection:
            return find_queue(connection, project, name)

    def queues(self, *, project: str, kind: QueueKind | None = None) -> list[Queue]:
        """The project's queues, oldest first."""
        with self._reading(project) as connection:
            opened = self._opened(connection, project, QUEUES.c.id)
            return all_queues(connection, project, None if kind is None else kind.value, opened)

    def ensure_system_queues(
        self, *, project: str, specs: Sequence[SystemQueueSpec], now: datetime
    ) -> list[Queue]:
        """Create the system queues that the project lacks; what people changed stays."""
        with self.database.reading() as connection:
            present = {queue.name for queue in all_queues(connection, project)}
        missing = [spec for spec in specs if spec.name not in present]
        if missing:
            with self._writing(project=project, now=now, actor=SYSTEM_ACTOR) as writing:
                for spec in missing:
                    _create(
                        writing,
                        QueueDraft(
                            name=spec.name,
                            kind=QueueKind.SYSTEM,
                            detector=spec.detector,
                            description=spec.description,
                            instructions=spec.instructions,
                        ),
                    )
        return self.queues(project=project, kind=QueueKind.SYSTEM)

    def update_queue(
        self, *, project: str, name: str, changes: dict[str, Any], now: datetime, actor: str
    ) -> Queue:
        """Change settings; keys are attributes of QueueDraft. Links survive a new name.

        Raises NotFoundError for an unknown setting, AlreadyExistsError for a taken name.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            # One after the other, so that none undoes what another changes beside it.
            writing.database.exclusive(writing.connection, f"queues:{project}")
            queue = find_queue(writing.connection, project, name)
            writing.require(Role.MANAGER, "change a queue", queue.id)
            draft = _changed(queue, changes)
            _check(draft)
            taken = {other.name for other in all_queues(writing.connection, project)}
            if draft.name != queue.name:
                check_name("queue", draft.name)
            if draft.name != queue.name and draft.name in taken:
                raise AlreadyExistsError("queue", draft.name)
            writing.connection.execute(
                update(QUEUES)
                .where(QUEUES.c.id == queue.id)
                .values(**_columns(draft), revision=queue.revision + 1, updated_at=now)
            )
            if "fields" in changes:
                writing.connection.execute(
                    delete(QUEUE_FIELDS).where(QUEUE_FIELDS.c.queue_id == queue.id)
                )
                _pin_fields(writing.connection, project, queue.id, draft.fields)
            writing.audit("queue_changed", queue_id=queue.id, changes=changes)
            return find_queue(writing.connection, project, draft.name)


def _check(draft: QueueDraft) -> None:
    """Refuse settings that contradict each other or lie outside their range."""
    problems = {
        "name": (not draft.name.strip(), "a queue needs a name"),
        "assignees": (
            not all(name.strip() for name in draft.assignees)
            or len(set(draft.assignees)) < len(draft.assignees),
            "an assignee needs a name, and is named once",
        ),
        "filter": (
            draft.filter_sql is not None and draft.kind is not QueueKind.LIVE,
            "only a live queue has a filter",
        ),
        "sample": (
            draft.sample_rate is not None and not 0 <= draft.sample_rate <= 1,
            f"a sampling rate lies between 0 and 1, not {draft.sample_rate}",
        ),
        "labels_wanted": (
            not 1 <= draft.labels_wanted <= LABELS_MAX,
            f"an item needs at least one label, and at most {LABELS_MAX}",
        ),
        "overlap_share": (
            not 0 <= draft.overlap_share <= 1,
            f"a share lies between 0 and 1, not {draft.overlap_share}",
        ),
        "extra_reviewers_max": (
            not 0 <= draft.extra_reviewers_max <= LABELS_MAX,
            f"lies between 0 and {LABELS_MAX}",
        ),
        "lease_seconds": (
            draft.lease_seconds is not None and not 0 < draft.lease_seconds <= LEASE_SECONDS_MAX,
            f"a lease must be longer than 0 seconds, and at most {LEASE_SECONDS_MAX}",
        ),
    }
    for path in draft.shown:
        if path not in SHOWN_PATHS:
            raise NotFoundError("path to show", path, SHOWN_PATHS)
    for setting, (wrong, reason) in problems.items():
        if wrong:
            raise InvalidValueError(setting, getattr(draft, setting, None), reason)


def _columns(draft: QueueDraft) -> dict[str, Any]:
    """The draft as column values."""
    return {
        "name": draft.name,
        "kind": draft.kind.value,
        "detector": draft.detector,
        "description": draft.description,
        "instructions": draft.instructions,
        "assignees": list(draft.assignees),
        "filter_sql": draft.filter_sql,
        "sample_rate": draft.sample_rate,
        "state": draft.state.value,
        "shown": list(draft.shown),
        "labels_wanted": draft.labels_wanted,
        "overlap_share": draft.overlap_share,
        "extra_reviewers_max": draft.extra_reviewers_max,
        "adjudicate": draft.adjudicate,
        "blind": draft.blind,
        "lease_seconds": draft.lease_seconds,
        "assignment": draft.assignment.value,
    }


def _create(writing: Writing, draft: QueueDraft) -> int | None:
    """Insert a queue with its form and counters; None when the name is taken."""
    connection = writing.connection
    link = f"{writing.project}\x00{draft.name}\x00{writing.now.isoformat()}"
    queue_id = connection.scalar(
        writing.database.insert(QUEUES)
        .values(
            **_columns(draft),
            project=writing.project,
            link="q" + blake2b(link.encode(), digest_size=8).hexdigest(),
            revision=1,
            created_at=writing.now,
            created_by=writing.actor,
            updated_at=writing.now,
        )
        .on_conflict_do_nothing()
        .returning(QUEUES.c.id)
    )
    if queue_id is None:
        return None
    _pin_fields(connection, writing.project, queue_id, draft.fields)
    connection.execute(
        insert(QUEUE_COUNTERS),
        [{"queue_id": queue_id, "stripe": stripe} for stripe in range(STRIPES)],
    )
    writing.audit("queue_created", queue_id=queue_id, name=draft.name)
    return int(queue_id)


def _pin_fields(connection: Connection, project: str, queue_id: int, names: Sequence[str]) -> None:
    """Store the form: each field at the version named, else its newest."""
    rows = [
        {
            "queue_id": queue_id,
            "position": position,
            "field_id": find_field(connection, project, name).id,
        }
        for position, name in enumerate(dict.fromkeys(names))
    ]
    if rows:
        connection.execute(insert(QUEUE_FIELDS), rows)


def _changed(queue: Queue, changes: dict[str, Any]) -> QueueDraft:
    """The queue's settings with the changes applied."""
    for key in changes:
        if key not in CHANGEABLE:
            raise NotFoundError("queue setting", key, CHANGEABLE)
    fields = tuple(
        f"{name}@{version}"
        for name, version in zip(queue.field_names, queue.field_versions, strict=True)
    )
    present = {key: getattr(queue, key) for key in CHANGEABLE if key != "fields"}
    settings = {**present, "fields": fields, **changes}
    for key, kind in (("state", QueueState), ("assignment", Assignment)):
        try:
            settings[key] = kind(settings[key])
        except ValueError as error:
            known = ", ".join(kind)
            raise InvalidValueError(key, settings[key], f"is one of {known}") from error
    return QueueDraft(kind=queue.kind, detector=queue.detector, **settings)
