"""Datasets: create, fill, export."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from queue_store.errors import NotFoundError
from queue_store.model import ObjectType
from review_app.api.endpoint import Endpoint, Parameter
from review_app.api.shapes import (
    DATASET,
    DATASET_ENTRY,
    given,
    integer,
    listed,
    one_of,
    taken,
    text,
)
from review_app.dataset_contents import completed_items, entry_of, entry_of_object
from review_app.errors import BadRequestError
from span_store.object_ids import typed, unknown_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from review_app.api.endpoint import Asked


def list_datasets(asked: Asked) -> dict[str, Any]:
    """The project's datasets."""
    return {"datasets": [asdict(each) for each in asked.queues.datasets(project=asked.project)]}


def create_dataset(asked: Asked) -> dict[str, Any]:
    """An empty dataset."""
    return asdict(asked.queues.create_dataset(**asked.body, **asked.writing))


def show_dataset(asked: Asked) -> dict[str, Any]:
    """One dataset."""
    return asdict(asked.queues.dataset(project=asked.project, name=asked.path["dataset"]))


def add_entries(asked: Asked) -> dict[str, Any]:
    """Items with input, output, answers and where they came from, as one new version."""
    queues, project = asked.queues, asked.project
    queue = asked.body.get("queue")
    items = [queues.item(project=project, item_id=each) for each in asked.body.get("items", ())]
    if queue is not None:
        items += completed_items(queues, project, queues.queue(project=project, name=queue).name)
    objects = _known_objects(asked)
    if not items and not objects and queue is None:
        raise BadRequestError("give items, objects or queue")
    entries = [entry_of(queues, asked.spans, item) for item in items]
    entries += [
        entry_of_object(queues, asked.spans, project, ObjectType(kind), object_id)
        for kind, object_id in objects
    ]
    dataset = queues.add_entries(
        dataset=asked.path["dataset"],
        entries=entries,
        note=asked.body.get("note", ""),
        **asked.writing,
    )
    return asdict(dataset)


def _known_objects(asked: Asked) -> list[tuple[str, str]]:
    """The objects that the body names; raises NotFoundError for one that no span belongs to."""
    named = [
        typed(each, None)
        if isinstance(each, str)
        else typed(each["object_id"], each.get("object_type"))
        for each in asked.body.get("objects", ())
    ]
    if not named:
        return []
    for kind, object_id in unknown_objects(asked.spans, asked.project, named):
        raise NotFoundError(kind, object_id)
    return named


def export_dataset(asked: Asked) -> Iterator[bytes]:
    """The entries of a version, a line each."""
    found = asked.queues.entries(
        project=asked.project,
        dataset=asked.path["dataset"],
        version=asked.query.get("version"),
    )
    return (orjson.dumps(asdict(entry)) + b"\n" for entry in found)


_OBJECT = taken(
    ("object_id",), object_id=text(minLength=1), object_type=one_of(ObjectType, "By its form.")
)
_NAMED = taken(("name",), name=text(minLength=1), description=text())
_VERSION = Parameter(
    name="version", schema=integer(minimum=0), sentence="This version; the newest by default."
)

ENDPOINTS = (
    Endpoint(
        name="list_datasets",
        method="GET",
        path="/datasets",
        noun="datasets",
        sentence="List the datasets.",
        call=list_datasets,
        result=given("DatasetList", datasets=listed(DATASET)),
    ),
    Endpoint(
        name="create_dataset",
        method="POST",
        path="/datasets",
        noun="datasets",
        sentence="Create an empty dataset.",
        call=create_dataset,
        body=_NAMED,
        result=DATASET,
    ),
    Endpoint(
        name="show_dataset",
        method="GET",
        path="/datasets/{dataset}",
        noun="datasets",
        sentence="Show a dataset.",
        call=show_dataset,
        result=DATASET,
    ),
    Endpoint(
        name="add_entries",
        method="POST",
        path="/datasets/{dataset}/entries",
        noun="datasets",
        sentence="Add items, or a queue's completed items, with input, output and answers.",
        call=add_entries,
        body=taken(
            (),
            items=listed(integer(), "Numbers of items."),
            objects=listed(
                {"anyOf": [text(minLength=1), _OBJECT]},
                "Traces, spans or sessions, in a queue or not: ids, or ids with their type.",
            ),
            queue=text("Every completed item of this queue."),
            note=text("What this version is about."),
        ),
        result=DATASET,
    ),
    Endpoint(
        name="export_dataset",
        method="GET",
        path="/datasets/{dataset}/export",
        noun="datasets",
        sentence="Export the entries of a version, one a line.",
        call=export_dataset,
        query=(_VERSION,),
        result=DATASET_ENTRY,
        is_lines=True,
    ),
)
