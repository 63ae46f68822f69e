"""Known issues and saved views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from queue_store.base import StoreBase, find_queue
from queue_store.cells import read_time
from queue_store.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from queue_store.model import AnnotationState, Issue, IssueState, ItemState, Role, View
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.collections import ISSUES, VIEWS
from queue_store.tables.queues import QUEUES

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

TRACE_FILTERS = ("where", "answered")
"""What a view over traces filters by: a SQL condition, a field that has an answer."""
VIEW_FILTERS = (
    "status", "reviewer", "detector", "text", "added_since", "added_until", *TRACE_FILTERS
)  # fmt: skip
"""What a view may filter by."""


class Collections(StoreBase):
    """The part of the store that knows issues and views."""

    def create_issue(
        self,
        *,
        project: str,
        title: str,
        now: datetime,
        actor: str,
        description: str = "",
        link: str | None = None,
    ) -> Issue:
        """Record a known problem; raises AlreadyExistsError for a title that is taken."""
        if not title.strip():
            raise InvalidValueError("title", title, "an issue needs a title")
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.ANNOTATOR, "change issues and views")
            made = writing.connection.scalar(
                writing.database.insert(ISSUES)
                .values(
                    project=project,
                    title=title,
                    description=description,
                    state=IssueState.OPEN.value,
                    link=link,
                    created_at=now,
                    created_by=actor,
                    updated_at=now,
                )
                .on_conflict_do_nothing()
                .returning(ISSUES.c.id)
            )
            if made is None:
                raise AlreadyExistsError("issue", title)
            writing.audit("issue_created", queue_id=None, issue_id=made, title=title)
            return find_issue(writing.connection, project, title)

    def issue(self, *, project: str, title: str) -> Issue:
        """The issue with this title or number; NotFoundError names the nearest."""
        with self._reading(project) as connection:
            return find_issue(connection, project, title)

    def issues(self, *, project: str, state: IssueState | None = None) -> list[Issue]:
        """The project's issues, oldest first."""
        with self._reading(project) as connection:
            found = _issues(connection, project)
        return [issue for issue in found if state is None or issue.state is state]

    def change_issue(
        self,
        *,
        project: str,
        title: str,
        now: datetime,
        actor: str,
        state: IssueState | None = None,
        link: str | None = None,
        description: str | None = None,
    ) -> Issue:
        """Change what is given; answers keep pointing to the issue."""
        given = {"state": state, "link": link, "description": description}
        changes: dict[str, Any] = {
            name: value for name, value in given.items() if value is not None
        }
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.ANNOTATOR, "change issues and views")
            issue = find_issue(writing.connection, project, title)
            writing.connection.execute(
                update(ISSUES).where(ISSUES.c.id == issue.id).values(**changes, updated_at=now)
            )
            writing.audit("issue_changed", queue_id=None, issue_id=issue.id, **changes)
            return find_issue(writing.connection, project, str(issue.id))

    def save_view(
        self,
        *,
        project: str,
        name: str,
        queue: str | None,
        filters: dict[str, Any],
        now: datetime,
        actor: str,
    ) -> View:
        """Save a named filter; the same name again replaces it."""
        if not name.strip():
            raise InvalidValueError("name", name, "a view needs a name")
        for key, value in filters.items():
            _check_filter(key, value)
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.ANNOTATOR, "change issues and views")
            connection = writing.connection
            target = None if queue is None else find_queue(connection, project, queue)
            values: dict[str, Any] = {
                "queue_id": None if target is None else target.id,
                "filters": filters,
                "created_at": now,
                "created_by": actor,
            }
            connection.execute(
                writing.database.insert(VIEWS)
                .values(project=project, name=name, **values)
                .on_conflict_do_update(index_elements=["project", "name"], set_=values)
            )
            writing.audit("view_saved", queue_id=values["queue_id"], name=name, filters=filters)
            return find_view(connection, project, name)

    def view(self, *, project: str, name: str) -> View:
        """One saved view; NotFoundError names the nearest."""
        with self._reading(project) as connection:
            return find_view(connection, project, name)

    def views(self, *, project: str) -> list[View]:
        """The project's saved views by name."""
        with self._reading(project) as connection:
            return _views(connection, project)

    def delete_view(self, *, project: str, name: str, now: datetime, actor: str) -> None:
        """Delete a saved view."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.ANNOTATOR, "change issues and views")
            view = find_view(writing.connection, project, name)
            writing.connection.execute(delete(VIEWS).where(VIEWS.c.id == view.id))
            writing.audit("view_deleted", queue_id=None, name=name)


def _check_filter(key: str, value: Any) -> None:
    """Refuse a filter that would match something else than it says, or nothing for ever."""
    if key not in VIEW_FILTERS:
        raise NotFoundError("filter", key, VIEW_FILTERS)
    if not isinstance(value, str):
        raise InvalidValueError(key, value, f"{value!r} is not text")
    if key == "status" and value not in set(ItemState):
        raise NotFoundError("status", value, set(ItemState))
    if key in {"added_since", "added_until"}:
        try:
            read_time(value)
        except ValueError as error:
            raise InvalidValueError(key, value, str(error)) from error


def find_issue(connection: Connection, project: str, title: str) -> Issue:
    """The issue with this title, or with this number."""
    found = _issues(connection, project)
    for issue in found:
        if title in {issue.title, str(issue.id)}:
            return issue
    raise NotFoundError("issue", title, [issue.title for issue in found])


def _issues(connection: Connection, project: str) -> list[Issue]:
    pointing = (
        select(func.count())
        .where(
            ANNOTATIONS.c.issue_id == ISSUES.c.id,
            ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
        )
        .scalar_subquery()
    )
    found = connection.execute(
        select(ISSUES, pointing.label("annotations"))
        .where(ISSUES.c.project == project)
        .order_by(ISSUES.c.id)
    )
    return [Issue(**{**row, "state": IssueState(row["state"])}) for row in found.mappings()]


def find_view(connection: Connection, project: str, name: str) -> View:
    """The view with this name."""
    found = {view.name: view for view in _views(connection, project)}
    if name not in found:
        raise NotFoundError("view", name, found)
    return found[name]


def _views(connection: Connection, project: str) -> list[View]:
    rows = connection.execute(
        select(VIEWS, QUEUES.c.name.label("queue"))
        .outerjoin(QUEUES, QUEUES.c.id == VIEWS.c.queue_id)
        .where(VIEWS.c.project == project)
        .order_by(VIEWS.c.name)
    )
    return [
        View(
            id=row.id,
            project=row.project,
            name=row.name,
            queue=row.queue,
            filters=row.filters,
            created_at=row.created_at,
            created_by=row.created_by,
        )
        for row in rows
    ]
