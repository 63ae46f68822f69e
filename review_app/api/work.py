"""Working on items: claim, keep, finish, skip, give back, undo, correct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queue_store.model import Anchor, AnnotationDraft, SkipPolicy
from queue_store.plain_rows import annotation_row, item_row
from review_app.api.endpoint import Endpoint
from review_app.api.shapes import (
    ANNOTATION,
    CLAIM,
    ITEM,
    anything,
    boolean,
    given,
    integer,
    listed,
    mapping,
    nullable,
    number,
    one_of,
    taken,
    text,
)
from review_app.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from queue_store.model import Claim
    from review_app.api.endpoint import Asked, Schema


def claim_next(asked: Asked) -> dict[str, Any]:
    """The next item for who asks."""
    name = asked.queues.queue(project=asked.project, name=asked.path["queue"]).name
    return _claim(
        asked.queues.claim_next(
            project=asked.project,
            queue=name,
            reviewer=asked.person,
            now=asked.now,
            lease_seconds=asked.body.get("lease_seconds"),
        )
    )


def claim(asked: Asked) -> dict[str, Any]:
    """This item, for who asks."""
    lease = asked.body.get("lease_seconds")
    return _claim(
        asked.queues.claim_item(reviewer=asked.person, lease_seconds=lease, **_about(asked))
    )


def heartbeat(asked: Asked) -> dict[str, Any]:
    """Another lease from now."""
    lease = asked.body.get("lease_seconds")
    token = asked.body["token"]
    return _claim(asked.queues.heartbeat(token=token, lease_seconds=lease, **_about(asked)))


def complete(asked: Asked) -> dict[str, Any]:
    """Finish with answers, or change nothing."""
    values = asked.body.get("values", {})
    item = asked.queues.complete(
        token=asked.body["token"],
        revision=asked.body.get("revision"),
        values=[AnnotationDraft(field=name, value=value) for name, value in values.items()],
        seconds_spent=asked.body.get("seconds_spent"),
        **_about(asked),
    )
    return item_row(item)


def skip(asked: Asked) -> dict[str, Any]:
    """Pass on, with a reason."""
    policy = SkipPolicy(asked.body.get("policy", "everyone"))
    about = {"token": asked.body["token"], "reason": asked.body["reason"], "policy": policy}
    return item_row(asked.queues.skip(**about, **_about(asked)))


def release(asked: Asked) -> dict[str, Any]:
    """Give back unanswered."""
    return item_row(asked.queues.release(token=asked.body["token"], **_about(asked)))


def undo(asked: Asked) -> dict[str, Any]:
    """Take back one's last submit or skip."""
    return _claim(asked.queues.undo(reviewer=asked.person, **_about(asked)))


def reopen(asked: Asked) -> dict[str, Any]:
    """Make pending again."""
    reason = asked.body.get("reason", "")
    return item_row(asked.queues.reopen(reason=reason, actor=asked.person, **_about(asked)))


def remove(asked: Asked) -> dict[str, Any]:
    """Take out of the queue."""
    reason = asked.body.get("reason", "")
    return item_row(asked.queues.remove(reason=reason, actor=asked.person, **_about(asked)))


def annotate(asked: Asked) -> dict[str, Any]:
    """Answers without finishing the item; all of them, or none."""
    rows = asked.queues.annotate(
        reviewer=asked.person,
        answers=[_draft(entry) for entry in asked.body["annotations"]],
        token=asked.body.get("token"),
        revision=asked.body.get("revision"),
        **_about(asked),
    )
    return {"annotations": [annotation_row(row) for row in rows]}


def _about(asked: Asked) -> dict[str, Any]:
    return {"project": asked.project, "item_id": asked.path["item"], "now": asked.now}


def _claim(held: Claim) -> dict[str, Any]:
    return {"item": item_row(held.item), "token": held.token, "lease_until": held.lease_until}


def _draft(entry: dict[str, Any]) -> AnnotationDraft:
    entry = dict(entry)
    anchor = entry.pop("anchor", None)
    entry["also_acceptable"] = tuple(entry.get("also_acceptable", ()))
    try:
        place = None if anchor is None else Anchor(**anchor)
    except TypeError as error:
        raise BadRequestError(f"anchor: {error}") from error
    return AnnotationDraft(anchor=place, **entry)


_TOKEN = text("Of the claim.", minLength=1)
_LEASE = number("Seconds until others may take it.", exclusiveMinimum=0)
_REVISION = integer("The revision you saw; refused when the item changed.")
_ANCHOR = taken(
    ("direction", "message_index"),
    direction=one_of(("input", "output")),
    message_index=integer(minimum=0),
    part_index=nullable(integer(minimum=0)),
    start=nullable(integer("First character, in code points.", minimum=0)),
    end=nullable(integer(minimum=0)),
    quote=text(),
    prefix=text(),
    suffix=text(),
    span_id=nullable(text()),
)
_ANSWER = taken(
    ("field", "value"),
    field=text(minLength=1),
    value=anything("Of the field's type."),
    comment=nullable(text()),
    corrected_output=nullable(text()),
    also_acceptable=listed(anything()),
    blind=boolean("Whether nothing that suggests an answer was visible."),
    issue=nullable(text("A known problem, by title.")),
    anchor=_ANCHOR,
)


def _on_item(
    name: str,
    path: str,
    sentence: str,
    call: Callable[[Asked], Any],
    body: Schema,
    result: Schema,
) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        path=f"/items/{{item:int}}/{path}",
        noun="work",
        sentence=sentence,
        call=call,
        body=body,
        result=result,
    )


ENDPOINTS = (
    Endpoint(
        name="claim_next",
        method="POST",
        path="/queues/{queue}/next",
        noun="work",
        sentence="Claim the next item: what you hold, what is assigned to you, then by priority.",
        call=claim_next,
        body=taken((), lease_seconds=_LEASE),
        result=CLAIM,
    ),
    _on_item("claim", "claim", "Claim this item.", claim, taken((), lease_seconds=_LEASE), CLAIM),
    _on_item(
        "heartbeat",
        "heartbeat",
        "Keep an item you hold for another lease from now.",
        heartbeat,
        taken(("token",), token=_TOKEN, lease_seconds=_LEASE),
        CLAIM,
    ),
    _on_item(
        "complete",
        "complete",
        "Finish an item you hold, with answers; everything is stored, or nothing.",
        complete,
        taken(
            ("token",),
            token=_TOKEN,
            values=mapping("Field to value."),
            revision=_REVISION,
            seconds_spent=number(minimum=0),
        ),
        ITEM,
    ),
    _on_item(
        "skip",
        "skip",
        "Skip an item you hold; skipped never counts as completed.",
        skip,
        taken(
            ("token", "reason"),
            token=_TOKEN,
            reason=text(minLength=1),
            policy=one_of(SkipPolicy, "For everyone, leave it to others, or later for me."),
        ),
        ITEM,
    ),
    _on_item(
        "release",
        "release",
        "Give an item back unanswered.",
        release,
        taken(("token",), token=_TOKEN),
        ITEM,
    ),
    _on_item("undo", "undo", "Take back your last submit or skip.", undo, taken(()), CLAIM),
    _on_item(
        "reopen",
        "reopen",
        "Make a finished, skipped or removed item pending again; its answers stay on record.",
        reopen,
        taken((), reason=text()),
        ITEM,
    ),
    _on_item(
        "remove",
        "remove",
        "Take an item out of its queue; no rule adds it again, its answers stay.",
        remove,
        taken((), reason=text()),
        ITEM,
    ),
    _on_item(
        "annotate",
        "annotations",
        "Add your answers to an item without finishing it; all of them, or none.",
        annotate,
        taken(
            ("annotations",),
            annotations=listed(_ANSWER, minItems=1),
            token=_TOKEN,
            revision=_REVISION,
        ),
        given("AnnotationList", annotations=listed(ANNOTATION)),
    ),
)
