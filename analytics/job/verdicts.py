"""People's verdicts on flags: the questions asked, the answers read back.

On a detector's items the boolean field ``flag_is_right`` says whether the flag is right. On the
random floor the field ``what_is_wrong`` names the categories that a person saw, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.priority import Precision
from analytics.scorecard import Flag, Scorecard, missed, precision_of
from analytics.selection import RANDOM_FLOOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytics.detectors.catalog import Detector
    from queue_store.model import Queue
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

VERDICT_FIELD = "flag_is_right"
FLOOR_FIELD = "what_is_wrong"
NOTHING = "nothing"

_ACTOR = "spandocket"
_PAGE = 500


def ask(queues: QueueStore, present: Sequence[Queue], *, project: str, now: datetime) -> None:
    """Put the two questions on the system queues that ask nothing yet."""
    from queue_store.model import FieldDraft, FieldOption, FieldType

    silent = [queue for queue in present if not queue.field_names]
    if not silent:
        return
    categories = [queue.name for queue in present if queue.name != RANDOM_FLOOR]
    drafts = (
        FieldDraft(
            name=VERDICT_FIELD,
            type=FieldType.BOOLEAN,
            description="Is this flag right?",
            positive="true",
        ),
        FieldDraft(
            name=FLOOR_FIELD,
            type=FieldType.CATEGORICAL,
            description="What is wrong with this trace, if anything?",
            options=tuple(FieldOption(value=name) for name in (NOTHING, *categories)),
            multiple=True,
        ),
    )
    known = {field.name for field in queues.fields(project=project)}
    for draft in drafts:
        if draft.name not in known:
            queues.create_field(project=project, draft=draft, now=now, actor=_ACTOR)
    for queue in silent:
        name = FLOOR_FIELD if queue.name == RANDOM_FLOOR else VERDICT_FIELD
        queues.update_queue(
            project=project, name=queue.name, changes={"fields": (name,)}, now=now, actor=_ACTOR
        )


def answers(queues: QueueStore, *, project: str, field: str) -> list[Any]:
    """The answers to one field that count, oldest first; none when nobody created the field."""
    if field not in {known.name for known in queues.fields(project=project)}:
        return []
    return [
        answer
        for answer in queues.annotations(project=project, field=field)
        if answer.state.value == "submitted"
    ]


def verdicts(queues: QueueStore, *, project: str) -> dict[tuple[str, str], bool]:
    """By queue and object the verdict on the flag: adjudicated, else of the majority."""
    return settled(answers(queues, project=project, field=VERDICT_FIELD))


def settled(given_answers: Sequence[Any]) -> dict[tuple[str, str], bool]:
    """By queue and object what yes-or-no answers come to; a tie comes to nothing."""
    votes: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
    for answer in given_answers:
        if answer.queue is not None and isinstance(answer.value, bool):
            key = (answer.queue, answer.object_id)
            votes.setdefault(key, []).append((answer.adjudicated, answer.value))
    found = {}
    for key, given in votes.items():
        ruled = [value for adjudicated, value in given if adjudicated]
        plain = [value for _, value in given]
        yes = sum(plain)
        if ruled:
            found[key] = ruled[-1]
        elif 2 * yes != len(plain):
            found[key] = 2 * yes > len(plain)
    return found


def precisions(queues: QueueStore, *, project: str) -> dict[str, Precision]:
    """How often people confirmed each detector, by its queue's name."""
    counts: dict[str, list[int]] = {}
    for (queue, _), is_right in verdicts(queues, project=project).items():
        pair = counts.setdefault(queue, [0, 0])
        pair[0] += int(is_right)
        pair[1] += 1
    return {
        queue: Precision(confirmed=confirmed, reviewed=reviewed)
        for queue, (confirmed, reviewed) in counts.items()
    }


def scorecards(
    store: SpanStore, queues: QueueStore, detectors: Sequence[Detector], *, project: str, seed: int
) -> list[Scorecard]:
    """One scorecard a detector, at its present version."""
    confirmed = verdicts(queues, project=project)
    seen = _floor_answers(queues, project=project)
    traces = (
        store.scan("traces", project=project, columns=["trace_id", "revision", "detectors"])
        .collect()
        .sort("trace_id", "revision")
        .unique("trace_id", keep="last", maintain_order=True)
    )
    unflagged = traces.filter(pl.col("detectors").list.len() == 0).height
    cards = []
    for detector in detectors:
        flags = _flags(queues, detector.id, confirmed, project=project)
        precision = precision_of(flags)
        reviewed = [flag for flag in flags if flag.is_right is not None]
        recall, prevalence = missed(
            flags=len(flags),
            precision=precision,
            unflagged=unflagged,
            floor_labelled=len(seen),
            floor_bad=sum(detector.id in categories for categories in seen.values()),
            seed=seed,
        )
        cards.append(
            Scorecard(
                detector=detector.id,
                version=detector.version,
                flags=len(flags),
                reviewed=len(reviewed),
                confirmed=sum(bool(flag.is_right) for flag in reviewed),
                precision=precision,
                recall=recall,
                prevalence=prevalence,
            )
        )
    return cards


def _floor_answers(queues: QueueStore, *, project: str) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = {}
    for answer in answers(queues, project=project, field=FLOOR_FIELD):
        if answer.queue == RANDOM_FLOOR:
            values = answer.value if isinstance(answer.value, list | tuple) else [answer.value]
            seen.setdefault(answer.object_id, set()).update(str(value) for value in values)
    return seen


def _flags(
    queues: QueueStore, queue: str, confirmed: dict[tuple[str, str], bool], *, project: str
) -> list[Flag]:
    if queue not in {known.name for known in queues.queues(project=project)}:
        return []
    flags: list[Flag] = []
    offset = 0
    while True:
        page = queues.items(project=project, queue=queue, limit=_PAGE, offset=offset)
        flags += [
            Flag(
                importance=float(item.priority_terms.get("importance", 1.0)),
                priority=item.priority,
                is_right=confirmed.get((queue, item.object_id)),
            )
            for item in page.items
            if item.source.value == "detector"
        ]
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return flags
