"""How far reviewers got down a queue, and what that makes of the chance to be reviewed.

A queue is served by ``s / u``. Whoever stops leaves a line behind: the highest priority that was
passed over. An item of importance ``s`` that was drawn with ``u < p`` was reviewed when ``s / u``
was above the line, with one draw for both: with the chance ``min(p, s / line)`` (priority sampling,
Duffield, Lund and Thorup 2007). Queues go on filling while people work, so every item has a line of
its own: the lowest that reviewers reached after it had arrived. Where they emptied the queue it is
0, and what arrived after they stopped had no chance yet.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One item that a rule drew into a queue."""

    p: float
    """The rule's chance."""
    importance: float
    priority: float
    arrived: int
    """When it came into the queue (ns)."""
    answered: int | None
    """When a person answered (ns); None when nobody did."""
    is_waiting: bool
    """Nobody answered it, skipped it or holds it: reviewers passed it over."""
    assignee: str | None = None
    """The only one who may take it; each has a line of their own."""


def chances(items: Sequence[Drawn]) -> list[float | None]:
    """The chance of each item to be drawn and answered by now.

    None for what arrived after the last answer, and for an answer that was given out of the queue's
    order, which no chance describes.
    """
    return [_chance(item, line) for item, line in zip(items, lines(items), strict=True)]


def lines(items: Sequence[Drawn]) -> list[float]:
    """The line of each item: priorities above it were answered; infinite where nobody was there."""
    found = [inf] * len(items)
    for assignee in {item.assignee for item in items}:
        places = [place for place, item in enumerate(items) if item.assignee == assignee]
        own = _lines([items[place] for place in places])
        for place, line in zip(places, own, strict=True):
            found[place] = line
    return found


def _chance(item: Drawn, line: float) -> float | None:
    if line == inf or (item.answered is not None and item.priority < line):
        return None
    return item.p if line <= 0 else min(item.p, item.importance / line)


def _lines(items: Sequence[Drawn]) -> list[float]:
    answers = sorted({item.answered for item in items if item.answered is not None})
    coming = sorted(
        (item for item in items if item.is_waiting or item.answered is not None),
        key=lambda item: -item.arrived,
    )
    waiting: list[tuple[float, float]] = []
    passed_over = np.zeros(len(answers))
    for number, moment in enumerate(answers):
        while coming and coming[-1].arrived <= moment:
            item = coming.pop()
            heappush(waiting, (-item.priority, inf if item.answered is None else item.answered))
        while waiting and waiting[0][1] <= moment:
            heappop(waiting)
        passed_over[number] = -waiting[0][0] if waiting else 0.0
    lowest = np.minimum.accumulate(passed_over[::-1])[::-1]
    places = (bisect_left(answers, item.arrived) for item in items)
    return [float(lowest[place]) if place < len(answers) else inf for place in places]
