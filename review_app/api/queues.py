"""Queues: list, create, show, change, progress."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from analytics.filters import compile_trace_filter
from queue_store.model import Assignment, QueueDraft, QueueKind, QueueState
from queue_store.plain_rows import agreement_rows, progress_row, queue_row
from queue_store.system_queues import SYSTEM_QUEUES
from review_app.api.endpoint import Endpoint, Parameter
from review_app.api.shapes import (
    PROGRESS,
    QUEUE,
    boolean,
    given,
    integer,
    listed,
    nullable,
    number,
    one_of,
    taken,
    text,
)
from review_app.errors import BadRequestError

if TYPE_CHECKING:
    from queue_store.model import Queue
    from review_app.api.endpoint import Asked, Schema

DEFAULT_SAMPLE = 0.1
"""Share of matching traces that a live queue keeps unless told otherwise."""
_NAMES = {"filter": "filter_sql", "sample": "sample_rate", "status": "state"}


def list_queues(asked: Asked) -> dict[str, Any]:
    """Every queue with its progress."""
    asked.queues.ensure_system_queues(project=asked.project, specs=SYSTEM_QUEUES, now=asked.now)
    progress = {each.queue: each for each in asked.queues.all_progress(project=asked.project)}
    kind = asked.query.get("kind")
    found = asked.queues.queues(project=asked.project, kind=QueueKind(kind) if kind else None)
    return {"queues": [queue_row(queue, progress[queue.name]) for queue in found]}


def create_queue(asked: Asked) -> dict[str, Any]:
    """Create a queue, live when ``live`` says so."""
    body = dict(asked.body)
    live = body.pop("live", False)
    if not live and ("filter" in body or "sample" in body):
        raise BadRequestError("filter and sample belong to a live queue; say live: true")
    settings = _settings(body)
    if live:
        settings.setdefault("sample_rate", DEFAULT_SAMPLE)
    draft = QueueDraft(kind=QueueKind.LIVE if live else QueueKind.MANUAL, **settings)
    return _row(asked, asked.queues.create_queue(draft=draft, **asked.writing))


def show_queue(asked: Asked) -> dict[str, Any]:
    """One queue by name or link."""
    return _row(asked, asked.queues.queue(project=asked.project, name=asked.path["queue"]))


def change_queue(asked: Asked) -> dict[str, Any]:
    """Change what is given."""
    changes = _settings(dict(asked.body))
    name = asked.path["queue"]
    return _row(asked, asked.queues.update_queue(name=name, changes=changes, **asked.writing))


def show_progress(asked: Asked) -> dict[str, Any]:
    """How far a queue is, what each reviewer did, how far they agree."""
    name = asked.queues.queue(project=asked.project, name=asked.path["queue"]).name
    about = {"project": asked.project, "queue": name}
    return progress_row(asked.queues.progress(**about)) | {
        "reviewers": [asdict(entry) for entry in asked.queues.reviewers(**about)],
        "agreement": agreement_rows(asked.queues.agreement(**about)),
    }


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    """The body under the store's names; its filter is checked."""
    if body.get("filter") is not None:
        compile_trace_filter(body["filter"])
    settings = {_NAMES.get(name, name): value for name, value in body.items()}
    for name in ("fields", "assignees", "shown"):
        if name in settings:
            settings[name] = tuple(settings[name])
    if "state" in settings:
        settings["state"] = QueueState(settings["state"])
    if "assignment" in settings:
        settings["assignment"] = Assignment(settings["assignment"])
    return settings


def _row(asked: Asked, queue: Queue) -> dict[str, Any]:
    return queue_row(queue, asked.queues.progress(project=asked.project, queue=queue.name))


_SETTINGS: dict[str, Schema] = {
    "name": text(minLength=1),
    "description": text("A short summary for the list."),
    "instructions": text("Guidance for the reviewers."),
    "fields": listed(text(), "Fields of the form, in its order."),
    "assignees": listed(text(), "Who may work on it; empty for anyone."),
    "filter": nullable(text("Live: SQL condition over trace facts, scores and decisions.")),
    "sample": nullable(
        number(f"Live: share of matching traces; {DEFAULT_SAMPLE} by default.", minimum=0)
    ),
    "status": one_of(QueueState),
    "shown": listed(text(), "What reviewers see, such as output or input.user."),
    "labels_wanted": integer("Independent labels an item.", minimum=1),
    "overlap_share": number("Share of the items that get more than one.", minimum=0, maximum=1),
    "extra_reviewers_max": integer(minimum=0),
    "adjudicate": boolean("Disagreements wait for a decision."),
    "blind": boolean("Reviewers do not see others' answers."),
    "lease_seconds": nullable(number(exclusiveMinimum=0)),
    "assignment": one_of(Assignment),
}

ENDPOINTS = (
    Endpoint(
        name="list_queues",
        method="GET",
        path="/queues",
        noun="queues",
        sentence="List the queues with their progress.",
        call=list_queues,
        query=(Parameter(name="kind", schema=one_of(QueueKind), sentence="Only this kind."),),
        result=given("QueueList", queues=listed(QUEUE)),
    ),
    Endpoint(
        name="create_queue",
        method="POST",
        path="/queues",
        noun="queues",
        sentence="Create a queue: manual, or live with a filter and sampling.",
        call=create_queue,
        body=taken(("name",), live=boolean("Add matching traces as they complete."), **_SETTINGS),
        result=QUEUE,
    ),
    Endpoint(
        name="show_queue",
        method="GET",
        path="/queues/{queue}",
        noun="queues",
        sentence="Show a queue, by name or link, with settings and progress.",
        call=show_queue,
        result=QUEUE,
    ),
    Endpoint(
        name="change_queue",
        method="PATCH",
        path="/queues/{queue}",
        noun="queues",
        sentence="Change a queue's settings; links survive a new name.",
        call=change_queue,
        body=taken((), **_SETTINGS),
        result=QUEUE,
    ),
    Endpoint(
        name="show_progress",
        method="GET",
        path="/queues/{queue}/progress",
        noun="queues",
        sentence="Tell how far a queue is, who did what, and how far they agree.",
        call=show_progress,
        result=PROGRESS,
    ),
)
