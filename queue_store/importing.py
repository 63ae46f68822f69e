"""Bulk import of answers: every row is checked first, and stored once however often it comes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, tuple_, update

from queue_store.answers import CURRENT, fingerprint_of, slot_of
from queue_store.base import StoreBase, find_queue
from queue_store.cells import (
    flag,
    keepable,
    read_anchor,
    read_list,
    read_name,
    read_probability,
    read_seconds,
    read_text,
    read_time,
)
from queue_store.column_types import to_microseconds
from queue_store.errors import QueueStoreError
from queue_store.fields import find_field
from queue_store.model import Anchor, AnnotationState, ImportResult, ObjectType, Role, RowProblem
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.items import ITEMS
from queue_store.values import checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from queue_store.model import Field, ImportRow, Queue
    from queue_store.writing import Writing

BATCH_ROWS = 400
_FACTS = ("inclusion_probability", "cluster")
"""What a row says about its object, beside the answer."""


class Importing(StoreBase):
    """The part of the store that takes answers in bulk."""

    def import_annotations(
        self,
        *,
        project: str,
        rows: Sequence[ImportRow],
        now: datetime,
        actor: str,
        skip_bad: bool = False,
        unreadable: Sequence[RowProblem] = (),
    ) -> ImportResult:
        """Store answers that were given elsewhere.

        A bad row is named with its line; then nothing is stored, unless ``skip_bad``, which stores
        the good ones. ``unreadable`` are rows that could not even be given; they are told among
        the problems. The same object, reviewer, field, value and time is stored once. A later,
        different answer of the same reviewer supersedes the earlier, which stays as history. An
        imported answer that stands takes the probability and the cluster that come with it now:
        they are facts about the object, and no part of what the reviewer said.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "import answers")
            writing.database.exclusive(writing.connection, f"import:{project}")
            reader = _Reader(writing)
            fitting = [entry for row in rows if (entry := reader.read(row)) is not None]
            problems = tuple(
                sorted([*unreadable, *reader.problems], key=lambda problem: problem.line)
            )
            if problems and not skip_bad:
                return ImportResult(added=0, duplicates=0, replaced=0, problems=problems)
            counts = {"added": 0, "duplicates": 0, "replaced": 0, "updated": 0}
            for start in range(0, len(fitting), BATCH_ROWS):
                _store(writing, fitting[start : start + BATCH_ROWS], counts)
            if fitting:
                writing.audit("annotations_imported", queue_id=None, **counts)
        return ImportResult(**counts, problems=problems)


class _Reader:
    """Turns rows of text into column values; keeps what is wrong with the others."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self.problems: list[RowProblem] = []
        self._fields: dict[str, Field | QueueStoreError] = {}
        self._queues: dict[str, Queue | QueueStoreError] = {}

    def read(self, row: ImportRow) -> dict[str, Any] | None:
        """Column values of one row; None when something is wrong with it."""
        try:
            return self._values(row)
        except (QueueStoreError, ValueError) as error:
            self.problems.append(RowProblem(line=row.line, reason=str(error)))
            return None

    def _values(self, row: ImportRow) -> dict[str, Any]:
        if not isinstance(row.object_type, str) or row.object_type not in set(ObjectType):
            raise ValueError(f"object_type: {row.object_type!r} is not trace, span or session")
        object_id, reviewer, name = (
            read_name(part, getattr(row, part)) for part in ("object_id", "reviewer", "field")
        )
        field = self._field(name)
        value = keepable("value", checked(field, row.value))
        queue_name = read_text("queue", row.queue)
        queue = None if queue_name is None else self._queue(queue_name)
        moment = read_time(row.time)
        adjudicated = flag("adjudicated", row.adjudicated)
        not_said = row.blind is None or row.blind == ""
        anchor = read_anchor(row.anchor)
        slot = slot_of(
            project=self.writing.project,
            object_type=row.object_type,
            object_id=object_id,
            queue_id=queue.id if queue else None,
            revision=None,
            reviewer=reviewer,
            field=field.name,
            anchor=anchor,
            adjudicated=adjudicated,
        )
        stamp = None if moment is None else to_microseconds(moment)
        return {
            "project": self.writing.project,
            "object_type": row.object_type,
            "object_id": object_id,
            "trace_id": None if row.object_type == "session" else object_id.partition(":")[0],
            "queue_id": queue.id if queue else None,
            "item_id": None,
            "item_revision": None,
            "reviewer": reviewer,
            "field_id": field.id,
            "value": value,
            "state": AnnotationState.SUBMITTED.value,
            "blind": not adjudicated if not_said else flag("blind", row.blind),
            "comment": read_text("comment", row.comment),
            "corrected_output": read_text("corrected_output", row.corrected_output),
            "also_acceptable": keepable(
                "also_acceptable",
                [checked(field, entry) for entry in read_list(row.also_acceptable)],
            )
            or None,
            "anchor": None if anchor is None else asdict(anchor),
            "seconds_spent": read_seconds(row.seconds_spent),
            "field_name": field.name,
            "adjudicated": adjudicated,
            "inclusion_probability": read_probability(row.inclusion_probability),
            "cluster": read_text("cluster", row.cluster),
            "source": "import",
            "supersedes": None,
            "slot": slot,
            "fingerprint": fingerprint_of(slot, "import", value, stamp),
            "time": moment or self.writing.now,
            "stored_at": self.writing.now,
        }

    def _field(self, name: str) -> Field:
        found = self._fields.get(name)
        if found is None:
            try:
                found = find_field(self.writing.connection, self.writing.project, name)
            except QueueStoreError as error:
                found = error
            self._fields[name] = found
        if isinstance(found, QueueStoreError):
            raise found
        return found

    def _queue(self, name: str) -> Queue:
        found = self._queues.get(name)
        if found is None:
            try:
                found = find_queue(self.writing.connection, self.writing.project, name)
            except QueueStoreError as error:
                found = error
            self._queues[name] = found
        if isinstance(found, QueueStoreError):
            raise found
        return found


def _store(writing: Writing, rows: Sequence[dict[str, Any]], counts: dict[str, int]) -> None:
    """Store one batch in its order."""
    connection = writing.connection
    _attach_items(writing, rows)
    for row in rows:
        del row["field_name"]
    columns = ANNOTATIONS.c
    seen = set(
        connection.scalars(
            select(columns.fingerprint).where(
                columns.fingerprint.in_([row["fingerprint"] for row in rows])
            )
        )
    )
    current = select(
        columns.slot, columns.value, columns.source, *(columns[name] for name in _FACTS)
    ).where(columns.slot.in_([row["slot"] for row in rows]), columns.state.in_(CURRENT))
    standing: dict[str, dict[str, Any]] = {
        row["slot"]: dict(row) for row in connection.execute(current).mappings()
    }
    fresh: list[dict[str, Any]] = []
    for row in rows:
        stands = standing.get(row["slot"])
        is_said = stands is not None and stands["value"] == row["value"]
        if row["fingerprint"] in seen or is_said:
            counts["duplicates"] += 1
            if stands is not None and is_said:
                counts["updated"] += _update(writing, row, stands)
            continue
        seen.add(row["fingerprint"])
        counts["added"] += 1
        if stands is None:
            standing[row["slot"]] = row
            fresh.append(row)
            continue
        _insert(writing, fresh)
        if _replace(writing, row):
            counts["replaced"] += 1
            standing[row["slot"]] = row
    _insert(writing, fresh)


def _update(writing: Writing, row: dict[str, Any], stands: dict[str, Any]) -> bool:
    """Take over what a row says anew about the object of an imported answer that stands."""
    told = {
        name: row[name] for name in _FACTS if row[name] is not None and row[name] != stands[name]
    }
    if not told or stands["source"] != row["source"]:
        return False
    # It is in the table, or waits for its insertion and is changed there.
    stands.update(told)
    columns = ANNOTATIONS.c
    writing.connection.execute(
        update(ANNOTATIONS)
        .where(columns.slot == row["slot"], columns.state.in_(CURRENT))
        .values(**told)
    )
    return True


def _insert(writing: Writing, fresh: list[dict[str, Any]]) -> None:
    if fresh:
        writing.connection.execute(insert(ANNOTATIONS), fresh)
        fresh.clear()


def _replace(writing: Writing, row: dict[str, Any]) -> bool:
    """Store an answer beside a standing one; whether it is the later of the two, which stands."""
    columns = ANNOTATIONS.c
    before = writing.connection.execute(
        select(columns.id, columns.time).where(
            columns.slot == row["slot"], columns.state.in_(CURRENT)
        )
    ).one()
    superseded = AnnotationState.SUPERSEDED.value
    if row["time"] < before.time:
        writing.connection.execute(insert(ANNOTATIONS).values(**(row | {"state": superseded})))
        return False
    writing.connection.execute(
        update(ANNOTATIONS).where(columns.id == before.id).values(state=superseded)
    )
    writing.connection.execute(insert(ANNOTATIONS).values(**(row | {"supersedes": before.id})))
    return True


def _attach_items(writing: Writing, rows: Sequence[dict[str, Any]]) -> None:
    """Point rows that name a queue at the queue's item for the object, and count it answered."""
    keys = {
        (row["queue_id"], row["object_type"], row["object_id"]) for row in rows if row["queue_id"]
    }
    if not keys:
        return
    columns = ITEMS.c
    found = {
        (item.queue_id, item.object_type, item.object_id): item
        for item in writing.connection.execute(
            select(
                columns.id,
                columns.queue_id,
                columns.object_type,
                columns.object_id,
                columns.revision,
                columns.has_response,
                columns.state,
            )
            .where(tuple_(columns.queue_id, columns.object_type, columns.object_id).in_(keys))
            .with_for_update()
        )
    }
    for row in rows:
        item = found.get((row["queue_id"], row["object_type"], row["object_id"]))
        if item is not None:
            row["item_id"], row["item_revision"] = item.id, item.revision
            row["slot"] = slot_of(
                project=writing.project,
                object_type=row["object_type"],
                object_id=row["object_id"],
                queue_id=row["queue_id"],
                revision=item.revision,
                reviewer=row["reviewer"],
                field=row["field_name"],
                anchor=None if row["anchor"] is None else Anchor(**row["anchor"]),
                adjudicated=row["adjudicated"],
            )
    unanswered = [item for item in found.values() if not item.has_response]
    answerable = [item for item in unanswered if item.state != "removed"]
    for item in answerable:
        writing.count(item.queue_id, "with_responses", +1)
    if answerable:
        writing.connection.execute(
            update(ITEMS)
            .where(columns.id.in_([item.id for item in answerable]))
            .values(has_response=True)
        )
