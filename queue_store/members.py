"""Members: who may do what in a project, or in one of its queues.

A project without members is open: everybody may do everything. With the first member the rules
hold for everybody. Writes that no person makes (the batch job's) need no role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from queue_store.base import StoreBase, find_queue
from queue_store.errors import InvalidValueError, NotFoundError
from queue_store.model import Member, Role
from queue_store.tables.collections import EVERY_QUEUE, MEMBERS
from queue_store.tables.queues import QUEUES

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


class Members(StoreBase):
    """The part of the store that knows roles."""

    def grant(
        self,
        *,
        project: str,
        person: str,
        role: Role,
        now: datetime,
        actor: str,
        queue: str | None = None,
    ) -> Member:
        """Give a person a role in the project, or in one queue; only a manager may.

        The first member of a project must be a manager, so that somebody can grant the rest.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            connection = writing.connection
            writing.database.exclusive(connection, f"members:{project}")
            target = None if queue is None else find_queue(connection, project, queue)
            if not members_of(connection, project):
                if role is not Role.MANAGER or target is not None:
                    raise InvalidValueError(
                        "role", role, "the first member must be a manager of the whole project"
                    )
            else:
                writing.require(Role.MANAGER, "grant roles")
                if target is None and role is not Role.MANAGER:
                    _keep_a_manager(connection, project, person)
            connection.execute(
                writing.database.insert(MEMBERS)
                .values(
                    project=project,
                    queue_id=EVERY_QUEUE if target is None else target.id,
                    person=person,
                    role=role.value,
                )
                .on_conflict_do_update(
                    index_elements=["project", "queue_id", "person"], set_={"role": role.value}
                )
            )
            writing.audit(
                "role_granted",
                queue_id=None if target is None else target.id,
                person=person,
                role=role.value,
            )
        return Member(person=person, role=role, queue=queue)

    def revoke(
        self, *, project: str, person: str, now: datetime, actor: str, queue: str | None = None
    ) -> None:
        """Take a role away; the last manager stays."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            connection = writing.connection
            writing.database.exclusive(connection, f"members:{project}")
            writing.require(Role.MANAGER, "revoke roles")
            found = members_of(connection, project)
            member = next(
                (one for one in found if one.person == person and one.queue == queue), None
            )
            if member is None:
                raise NotFoundError("member", person, {one.person for one in found})
            if queue is None:
                _keep_a_manager(connection, project, person)
            target = None if queue is None else find_queue(connection, project, queue)
            connection.execute(
                delete(MEMBERS).where(
                    MEMBERS.c.project == project,
                    MEMBERS.c.person == person,
                    MEMBERS.c.queue_id == (EVERY_QUEUE if target is None else target.id),
                )
            )
            writing.audit(
                "role_revoked", queue_id=None if target is None else target.id, person=person
            )

    def permits(self, *, project: str, person: str, role: Role, queue: str | None = None) -> bool:
        """Whether the person has this role, or a higher one, in the queue or everywhere."""
        found = self.members(project=project)
        held = [
            member.role.rank
            for member in found
            if member.person == person and member.queue in {None, queue}
        ]
        return not found or max(held, default=-1) >= role.rank

    def members(self, *, project: str) -> list[Member]:
        """Everybody with a role, by name."""
        with self.database.reading() as connection:
            return members_of(connection, project)


def _keep_a_manager(connection: Connection, project: str, person: str) -> None:
    """Raise when the project would be without a manager if this person were none."""
    found = members_of(connection, project)
    managers = {one.person for one in found if one.role is Role.MANAGER and one.queue is None}
    if managers == {person}:
        raise InvalidValueError("role", person, f"{person} is the last manager")


def members_of(connection: Connection, project: str) -> list[Member]:
    """Everybody with a role in the project or one of its queues."""
    rows = connection.execute(
        select(MEMBERS, QUEUES.c.name.label("queue"))
        .outerjoin(QUEUES, QUEUES.c.id == MEMBERS.c.queue_id)
        .where(MEMBERS.c.project == project)
        .order_by(MEMBERS.c.person, MEMBERS.c.queue_id)
    )
    return [Member(person=row.person, role=Role(row.role), queue=row.queue) for row in rows]
