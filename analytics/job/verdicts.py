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

    from queue_store.model import FieldDraft, Queue
    from queue_store.store import QueueStore

VERDICT_FIELD = "flag_is_right"
FLOOR_FIELD = "what_is_wrong"
NOTHING = "nothing"

_ACTOR = "spandocket"


def ask(queues: QueueStore, present: Sequence[Queue], *, project: str, now: datetime) -> None:
    """Put the two questions on the system queues that ask nothing yet.

    The floor's question names every category; for a detector that came later it gets a new version.
    """
    silent = [queue for queue in present if not queue.field_names]
    categories = [queue.name for queue in present if queue.name != RANDOM_FLOOR]
    known = {field.name: field for field in queues.fields(project=project)}
    floor = known.get(FLOOR_FIELD)
    options = [] if floor is None else [option.value for option in floor.options]
    later = [name for name in categories if name not in options]
    is_short = floor is not None and NOTHING in options and bool(later)
    if not silent and not is_short:
        return
    drafts = {}
    if VERDICT_FIELD not in known:
        drafts[VERDICT_FIELD] = _verdict_draft()
    if floor is None or is_short:
        drafts[FLOOR_FIELD] = _floor_draft([*(options or [NOTHING]), *later])
    for draft in drafts.values():
        queues.create_field(
            project=project, draft=draft, now=now, actor=_ACTOR, new_version=draft.name in known
        )
    for queue in present:
        name = FLOOR_FIELD if queue.name == RANDOM_FLOOR else VERDICT_FIELD
        asks_less = is_short and queue.name == RANDOM_FLOOR and queue.field_names == (name,)
        if queue in silent or asks_less:
            queues.update_queue(
                project=project, name=queue.name, changes={"fields": (name,)}, now=now, actor=_ACTOR
            )


def _verdict_draft() -> FieldDraft:
    from queue_store.model import FieldDraft, FieldType

    return FieldDraft(
        name=VERDICT_FIELD,
        type=FieldType.BOOLEAN,
        description="Is this flag right?",
        positive="true",
    )


def _floor_draft(options: Sequence[str]) -> FieldDraft:
    from queue_store.model import FieldDraft, FieldOption, FieldType

    return FieldDraft(
        name=FLOOR_FIELD,
        type=FieldType.CATEGORICAL,
        description="What is wrong with this trace, if anything?",
        options=tuple(FieldOption(value=name) for name in options),
        multiple=True,
    )


def floor_categories(queues: QueueStore, *, project: str) -> dict[int, frozenset[str]]:
    """By version of the floor's question what it offers: nobody names what was not offered."""
    return {
        field.version: frozenset(option.value for option in field.options)
        for field in queues.fields(project=project, every_version=True)
        if field.name == FLOOR_FIELD
    }


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
