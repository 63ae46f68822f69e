"""Fields: create, find, delete when unused. A field never changes."""

from __future__ import annotations

from math import ceil, floor, isfinite
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from queue_store.base import StoreBase
from queue_store.errors import FieldImmutableError, InvalidValueError, NotFoundError
from queue_store.model import FieldType, Role
from queue_store.rows import field_from_row
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.fields import FIELDS, SHARED
from queue_store.tables.queues import QUEUE_FIELDS
from queue_store.values import check_name

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from queue_store.model import Field, FieldDraft

_USED = "a queue or an annotation uses it"


class Fields(StoreBase):
    """The part of the store that knows fields."""

    def create_field(
        self,
        *,
        project: str,
        draft: FieldDraft,
        now: datetime,
        actor: str,
        new_version: bool = False,
    ) -> Field:
        """Create a field; the same definition again gives the field that is there.

        Another definition under a used name raises FieldImmutableError, unless ``new_version``.
        """
        _check(draft)
        check_name("field", draft.name)
        scope = SHARED if draft.shared else project
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "create a field")
            connection = writing.connection
            writing.database.exclusive(connection, f"fields:{scope}")
            present = _versions(connection, scope, draft.name)
            if present and present[-1].definition() == _definition(draft):
                return present[-1]
            if present and not new_version:
                raise FieldImmutableError(
                    draft.name,
                    present[-1].version,
                    "it exists with another definition; ask for a new version",
                )
            version = present[-1].version + 1 if present else 1
            connection.execute(
                insert(FIELDS).values(
                    project=scope,
                    name=draft.name,
                    version=version,
                    type=draft.type.value,
                    description=draft.description,
                    options=[[option.value, option.help] for option in draft.options],
                    multiple=draft.multiple,
                    minimum=draft.minimum,
                    maximum=draft.maximum,
                    required=draft.required,
                    purpose=draft.purpose.value,
                    positive=draft.positive,
                    created_at=now,
                    created_by=actor,
                )
            )
            writing.audit("field_created", queue_id=None, field=draft.name, version=version)
            return _versions(connection, scope, draft.name)[-1]

    def field(self, *, project: str, name: str) -> Field:
        """The newest version of a field, or ``NAME@VERSION``; NotFoundError names the nearest."""
        with self._reading(project) as connection:
            return find_field(connection, project, name)

    def fields(self, *, project: str, every_version: bool = False) -> list[Field]:
        """The fields that the project sees, by name; only the newest versions unless asked."""
        with self._reading(project) as connection:
            rows = connection.execute(
                select(FIELDS)
                .where(FIELDS.c.project.in_((project, SHARED)))
                .order_by(FIELDS.c.name, FIELDS.c.project, FIELDS.c.version)
            )
            found = [field_from_row(row) for row in rows]
        if every_version:
            return found
        newest = {field.name: field for field in found}
        return list(newest.values())

    def delete_field(self, *, project: str, name: str, now: datetime, actor: str) -> None:
        """Delete one version of a field that nothing uses; else FieldImmutableError."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "delete a field")
            connection = writing.connection
            field = find_field(connection, project, name)
            used = connection.scalar(
                select(
                    exists().where(ANNOTATIONS.c.field_id == field.id)
                    | exists().where(QUEUE_FIELDS.c.field_id == field.id)
                )
            )
            if used:
                raise FieldImmutableError(field.name, field.version, _USED)
            try:
                connection.execute(delete(FIELDS).where(FIELDS.c.id == field.id))
            except IntegrityError as error:  # in use since we looked
                raise FieldImmutableError(field.name, field.version, _USED) from error
            writing.audit("field_deleted", queue_id=None, field=field.name, version=field.version)


def find_field(connection: Connection, project: str, name: str) -> Field:
    """The project's field, else the shared one: the newest version, or ``NAME@VERSION``."""
    bare, _, version = name.partition("@")
    for scope in (project, SHARED):
        present = _versions(connection, scope, bare)
        wanted = [entry for entry in present if not version or str(entry.version) == version]
        if wanted:
            return wanted[-1]
    known = connection.scalars(
        select(FIELDS.c.name).where(FIELDS.c.project.in_((project, SHARED))).distinct()
    )
    raise NotFoundError("field", name, known)


def _versions(connection: Connection, scope: str, name: str) -> list[Field]:
    rows = connection.execute(
        select(FIELDS)
        .where(FIELDS.c.project == scope, FIELDS.c.name == name)
        .order_by(FIELDS.c.version)
    )
    return [field_from_row(row) for row in rows]


def _definition(draft: FieldDraft) -> dict[str, object]:
    return {
        "type": draft.type,
        "description": draft.description,
        "options": draft.options,
        "multiple": draft.multiple,
        "minimum": draft.minimum,
        "maximum": draft.maximum,
        "required": draft.required,
        "purpose": draft.purpose,
        "positive": draft.positive,
    }


def _check(draft: FieldDraft) -> None:
    """Refuse a definition that no value could fit, or whose parts do not belong to its type."""
    values = [option.value for option in draft.options]
    categorical = draft.type is FieldType.CATEGORICAL
    ranged = draft.type in {FieldType.INTEGER, FieldType.NUMBER, FieldType.STRING}
    classes = values if categorical else ["true", "false"]
    problems = (
        (
            "name",
            not draft.name.strip() or not {"@", "="}.isdisjoint(draft.name),
            "a name without @ and = is needed, so that NAME=VALUE can be told apart",
        ),
        ("option", categorical and len(set(values)) < 2, "a categorical field needs two options"),
        ("option", len(set(values)) != len(values), "an option is given twice"),
        ("option", not all(value.strip() for value in values), "an option needs a name"),
        (
            "option",
            draft.multiple and any("," in value for value in values),
            "where several may be chosen, they are told apart by commas: options have none",
        ),
        ("option", not categorical and bool(values), f"a {draft.type} field has no options"),
        ("multiple", draft.multiple and not categorical, "only a categorical field takes several"),
        (
            "min",
            not ranged and (draft.minimum is not None or draft.maximum is not None),
            f"a {draft.type} field has no range",
        ),
        (
            "min",
            draft.minimum is not None
            and draft.maximum is not None
            and draft.minimum > draft.maximum,
            f"the least value {draft.minimum} is above the greatest {draft.maximum}",
        ),
        *_of_bounds(draft),
        (
            "positive",
            draft.positive is not None and ranged,
            f"a {draft.type} field has no classes; only boolean and categorical ones do",
        ),
        (
            "positive",
            draft.positive is not None and draft.positive not in classes,
            f"the positive class must be one of {', '.join(classes)}",
        ),
    )
    for setting, wrong, reason in problems:
        if wrong:
            raise InvalidValueError(setting, None, reason)


def _of_bounds(draft: FieldDraft) -> list[tuple[str, bool, str]]:
    """Problems of the range or the length."""
    bounds = [bound for bound in (draft.minimum, draft.maximum) if bound is not None]
    if not all(isfinite(bound) for bound in bounds):
        return [("min", True, "the bounds must be finite numbers")]
    lengths = draft.type is FieldType.STRING
    whole = draft.type is FieldType.INTEGER and len(bounds) == 2
    return [
        (
            "min",
            lengths and any(bound < 0 or bound != int(bound) for bound in bounds),
            "a length is a whole number, not below 0",
        ),
        ("min", whole and ceil(bounds[0]) > floor(bounds[-1]), "no whole number lies between"),
    ]
