"""People who answer the items of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_store.model import AnnotationDraft
from tests.analytics.spans import AS_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from queue_store.store import QueueStore


def answer(
    queues: QueueStore,
    traces: Sequence[Mapping[str, Any]],
    is_right: Callable[[int], bool],
    *,
    first: int = 0,
    queue: str = "refusal",
    field: str = "flag_is_right",
    now: datetime = AS_OF,
) -> None:
    """Answer about these traces from the ``first`` on; ``is_right`` hears each one's place."""
    places = {trace["trace_id"]: place for place, trace in enumerate(traces) if place >= first}
    for item in queues.items(project="default", queue=queue, limit=500).items:
        if item.object_id in places:
            value = is_right(places[item.object_id])
            queues.annotate(
                project="default",
                item_id=item.id,
                reviewer="ann",
                answers=[AnnotationDraft(field=field, value=value)],
                now=now,
            )


def is_polite(place: int) -> bool:
    """Every second request of these tests is."""
    return place % 2 == 0
