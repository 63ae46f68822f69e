"""People's verdicts on flags: the questions asked, the answers read back.

On a detector's items the boolean field ``flag_is_right`` says whether the flag is right. On the
random floor the field ``what_is_wrong`` names the categories that a person saw, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.priority import Precision
from analytics.selection import RANDOM_FLOOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from queue_store.model import Queue
    from queue_store.store import QueueStore

VERDICT_FIELD = "flag_is_right"
FLOOR_FIELD = "what_is_wrong"
NOTHING = "nothing"

_ACTOR = "spandocket"


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
    known = ((key, said(given)) for key, given in votes.items())
    return {key: value for key, value in known if value is not None}


def said(votes: Sequence[tuple[bool, bool]]) -> bool | None:
    """What ``(adjudicated, value)`` come to: the last ruling, else the majority; None for a tie."""
    ruled = [value for adjudicated, value in votes if adjudicated]
    if ruled:
        return ruled[-1]
    yes = sum(value for _, value in votes)
    return None if 2 * yes == len(votes) else 2 * yes > len(votes)


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
