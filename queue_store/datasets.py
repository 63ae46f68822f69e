"""Datasets: objects kept for evaluation or training; every change is a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, or_, select, tuple_, update

from queue_store.base import StoreBase
from queue_store.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from queue_store.model import Dataset, DatasetEntry, DatasetVersion, ObjectType, Role
from queue_store.tables.collections import DATASET_ENTRIES, DATASET_VERSIONS, DATASETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from queue_store.writing import Writing

_CONTENT = ("input", "output", "expected", "annotations", "provenance")


class Datasets(StoreBase):
    """The part of the store that knows datasets."""

    def create_dataset(
        self, *, project: str, name: str, now: datetime, actor: str, description: str = ""
    ) -> Dataset:
        """Create an empty dataset; raises AlreadyExistsError."""
        if not name.strip():
            raise InvalidValueError("name", name, "a dataset needs a name")
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "change datasets")
            made = writing.connection.scalar(
                writing.database.insert(DATASETS)
                .values(
                    project=project,
                    name=name,
                    description=description,
                    version=0,
                    created_at=now,
                    created_by=actor,
                )
                .on_conflict_do_nothing()
                .returning(DATASETS.c.id)
            )
            if made is None:
                raise AlreadyExistsError("dataset", name)
            writing.audit("dataset_created", queue_id=None, name=name)
            return find_dataset(writing.connection, project, name)

    def dataset(self, *, project: str, name: str) -> Dataset:
        """One dataset; NotFoundError names the nearest."""
        with self._reading(project) as connection:
            return find_dataset(connection, project, name)

    def datasets(self, *, project: str) -> list[Dataset]:
        """The project's datasets by name."""
        with self._reading(project) as connection:
            return _datasets(connection, project)

    def add_entries(
        self,
        *,
        project: str,
        dataset: str,
        entries: Sequence[DatasetEntry],
        now: datetime,
        actor: str,
        note: str = "",
    ) -> Dataset:
        """Add entries as one new version; an object that is there is replaced when it differs.

        Entries equal to those that are there make no new version.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "change datasets")
            connection = writing.connection
            writing.database.exclusive(connection, f"dataset:{project}:{dataset}")
            target = find_dataset(connection, project, dataset)
            version = target.version + 1
            fresh = _replaced(writing, target.id, version, entries)
            if fresh:
                connection.execute(insert(DATASET_ENTRIES), fresh)
                connection.execute(
                    insert(DATASET_VERSIONS).values(
                        dataset_id=target.id,
                        version=version,
                        note=note,
                        created_at=now,
                        created_by=actor,
                    )
                )
                connection.execute(
                    update(DATASETS).where(DATASETS.c.id == target.id).values(version=version)
                )
                writing.audit(
                    "dataset_added", queue_id=None, name=dataset, version=version, rows=len(fresh)
                )
            return find_dataset(connection, project, dataset)

    def entries(
        self, *, project: str, dataset: str, version: int | None = None
    ) -> list[DatasetEntry]:
        """The entries of a version, the newest by default, in the order they were added."""
        with self._reading(project) as connection:
            target = find_dataset(connection, project, dataset)
            wanted = target.version if version is None else version
            if not 0 <= wanted <= target.version:
                raise NotFoundError(
                    "version", str(wanted), [str(n) for n in range(target.version + 1)]
                )
            columns = DATASET_ENTRIES.c
            rows = connection.execute(
                select(DATASET_ENTRIES)
                .where(columns.dataset_id == target.id, _in_version(wanted))
                .order_by(columns.id)
            )
            return [
                DatasetEntry(
                    object_type=ObjectType(row.object_type),
                    object_id=row.object_id,
                    **{name: getattr(row, name) for name in _CONTENT},
                )
                for row in rows
            ]

    def dataset_versions(self, *, project: str, dataset: str) -> list[DatasetVersion]:
        """Every version, oldest first."""
        with self._reading(project) as connection:
            target = find_dataset(connection, project, dataset)
            rows = connection.execute(
                select(DATASET_VERSIONS)
                .where(DATASET_VERSIONS.c.dataset_id == target.id)
                .order_by(DATASET_VERSIONS.c.version)
            ).all()
            return [
                DatasetVersion(
                    version=row.version,
                    entries=_count(connection, target.id, row.version),
                    note=row.note,
                    created_at=row.created_at,
                    created_by=row.created_by,
                )
                for row in rows
            ]


def _replaced(
    writing: Writing, dataset_id: int, version: int, entries: Sequence[DatasetEntry]
) -> list[dict[str, Any]]:
    """Rows to insert; entries that differ from these are closed, equal ones are left out."""
    columns = DATASET_ENTRIES.c
    latest = {(entry.object_type.value, entry.object_id): entry for entry in entries}
    standing: dict[tuple[str, str], Any] = {}
    keys = list(latest)
    for start in range(0, len(keys), 400):
        rows = writing.connection.execute(
            select(DATASET_ENTRIES).where(
                columns.dataset_id == dataset_id,
                columns.removed_in.is_(None),
                tuple_(columns.object_type, columns.object_id).in_(keys[start : start + 400]),
            )
        )
        standing |= {(row.object_type, row.object_id): row for row in rows}
    fresh = []
    for key, entry in latest.items():
        before = standing.get(key)
        content = {name: getattr(entry, name) for name in _CONTENT}
        if before is not None:
            if all(getattr(before, name) == value for name, value in content.items()):
                continue
            writing.connection.execute(
                update(DATASET_ENTRIES).where(columns.id == before.id).values(removed_in=version)
            )
        kind, object_id = key
        fresh.append(
            {
                "dataset_id": dataset_id,
                "added_in": version,
                "object_type": kind,
                "object_id": object_id,
                **content,
            }
        )
    return fresh


def _in_version(version: int) -> ColumnElement[bool]:
    columns = DATASET_ENTRIES.c
    return (columns.added_in <= version) & or_(
        columns.removed_in.is_(None), columns.removed_in > version
    )


def _count(connection: Connection, dataset_id: int, version: int) -> int:
    statement = select(func.count()).where(
        DATASET_ENTRIES.c.dataset_id == dataset_id, _in_version(version)
    )
    return int(connection.scalar(statement) or 0)


def find_dataset(connection: Connection, project: str, name: str) -> Dataset:
    """The dataset with this name."""
    found = {dataset.name: dataset for dataset in _datasets(connection, project)}
    if name not in found:
        raise NotFoundError("dataset", name, found)
    return found[name]


def _datasets(connection: Connection, project: str) -> list[Dataset]:
    rows = connection.execute(
        select(DATASETS).where(DATASETS.c.project == project).order_by(DATASETS.c.name)
    )
    return [
        Dataset(**row, entries=_count(connection, row["id"], row["version"]))
        for row in rows.mappings().all()
    ]
