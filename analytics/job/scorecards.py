"""Scorecards of a project: what each version decided, joined with what people said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import nanoseconds
from analytics.detectors.catalog import SESSION_DETECTORS
from analytics.job import verdicts
from analytics.reach import Drawn, chances
from analytics.scorecard import (
    FLOOR_MIN,
    Scorecard,
    Share,
    Stratum,
    Verdict,
    missed,
    precision_of,
    share_of,
)
from analytics.selection import RANDOM_FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analytics.detectors.catalog import Detector
    from queue_store.model import AnnotationRow, Item
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

_FLAGGED = ("matched", "ambiguous")
_DECIDED = (*_FLAGGED, "no_match")
_PAGE = 10_000


def scorecards(
    store: SpanStore, queues: QueueStore, detectors: Sequence[Detector], *, project: str, seed: int
) -> list[Scorecard]:
    """One scorecard a detector and version, the present version first.

    What is not run any more, being disabled or gone from the settings, comes last, with the
    versions that once decided.
    """
    facts = _Facts.of(store, project=project)
    answers = verdicts.answers(queues, project=project, field=verdicts.VERDICT_FIELD)
    floor = _Floor.of(queues, project=project)
    cards = []
    present = [_Known(id=detector.id, version=detector.version) for detector in detectors]
    gone = facts.detectors() - {detector.id for detector in detectors}
    for detector in (*present, *(_Known(id=name, version=None) for name in sorted(gone))):
        own = [answer for answer in answers if answer.queue == detector.id]
        reviewed = _Reviewed.of(queues, detector.id, own, project=project)
        for version, decided in facts.by_version(detector):
            cards.append(_card(detector, version, decided, reviewed, floor, seed=seed))
    return cards


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A detector that decided about traces."""

    id: str
    version: str | None
    """The present one; None for a detector that is not run any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What was decided about every revision of every trace."""

    traces: pl.DataFrame
    """``trace_id, revision, conversation_id, code``."""
    decisions: dict[int, dict[str, dict[str, str]]]
    """By code: by detector its decision and version. Few combinations occur."""

    @classmethod
    def of(cls, store: SpanStore, *, project: str) -> _Facts:
        rows = store.scan_raw("traces", project=project).with_columns(
            code=pl.col("decisions").hash(0)
        )
        texts = rows.select("code", "decisions").unique("code").collect(engine="streaming")
        return cls(
            traces=rows.select("trace_id", "revision", "conversation_id", "code")
            .collect(engine="streaming")
            .sort("trace_id", "revision"),
            decisions={code: json.loads(text or "{}") for code, text in texts.iter_rows()},
        )

    def detectors(self) -> set[str]:
        """Every detector that ever looked at anything."""
        return {name for one in self.decisions.values() for name in one}

    def by_version(self, detector: _Known) -> Iterator[tuple[str, pl.DataFrame]]:
        """``trace_id, object_id, decision`` of each version: of a trace the last time it looked."""
        said = [
            (code, one[detector.id]["version"], one[detector.id]["decision"])
            for code, one in self.decisions.items()
            if detector.id in one
        ]
        known = pl.DataFrame(
            said,
            schema={"code": pl.UInt64, "version": pl.String, "decision": pl.String},
            orient="row",
        )
        of_session = detector.id in SESSION_DETECTORS
        flagged_object = pl.coalesce("conversation_id", "trace_id") if of_session else "trace_id"
        rows = self.traces.join(known, on="code", maintain_order="left").select(
            "trace_id", "version", "decision", object_id=flagged_object
        )
        former = sorted(set(known["version"]) - {detector.version}, reverse=True)
        present = [] if detector.version is None else [detector.version]
        for version in (*present, *former):
            mine = rows.filter(version=version).unique("trace_id", keep="last")
            yield version, mine.filter(pl.col("decision").is_in(list(_DECIDED)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reviewed:
    """What people said about a detector's flags, by object."""

    right: dict[str, bool]
    weighted: dict[str, Verdict]
    """Those with a known chance of having been asked."""

    @classmethod
    def of(
        cls, queues: QueueStore, queue: str, answers: Sequence[AnnotationRow], *, project: str
    ) -> _Reviewed:
        given = verdicts.settled(answers)
        right = {object_id: is_right for (_, object_id), is_right in given.items()}
        known = _chances(queues, queue, answers, project=project)
        return cls(
            right=right,
            weighted={
                object_id: Verdict(is_case=is_right, chance=known[object_id])
                for object_id, is_right in right.items()
                if object_id in known
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Floor:
    """What people said about the traces of the random floor."""

    votes: dict[str, list[tuple[bool, frozenset[str], frozenset[str]]]]
    """By trace: whether it is a ruling, what is wrong, and what the question offered."""
    chances: dict[str, float]

    @classmethod
    def of(cls, queues: QueueStore, *, project: str) -> _Floor:
        answers = [
            answer
            for answer in verdicts.answers(queues, project=project, field=verdicts.FLOOR_FIELD)
            if answer.queue == RANDOM_FLOOR
        ]
        offered = verdicts.floor_categories(queues, project=project)
        votes: dict[str, list[tuple[bool, frozenset[str], frozenset[str]]]] = {}
        for answer in answers:
            values = answer.value if isinstance(answer.value, list | tuple) else [answer.value]
            named = frozenset(str(value) for value in values)
            choice = offered.get(answer.field_version, frozenset())
            votes.setdefault(answer.object_id, []).append((answer.adjudicated, named, choice))
        return cls(votes=votes, chances=_chances(queues, RANDOM_FLOOR, answers, project=project))

    def verdicts(self, detector: str, trace_ids: pl.Series) -> list[Verdict]:
        """Whether these traces, as far as the floor drew them, are cases of the detector."""
        drawn = pl.Series("trace_id", sorted(self.chances), dtype=pl.String)
        found = []
        for trace_id in drawn.filter(drawn.is_in(trace_ids.implode())):
            votes = [
                (ruled, detector in named)
                for ruled, named, choice in self.votes.get(trace_id, [])
                if detector in choice
            ]
            is_case = verdicts.said(votes)
            if votes and is_case is not None:
                found.append(Verdict(is_case=is_case, chance=self.chances[trace_id]))
        return found


def _card(
    detector: _Known,
    version: str,
    decided: pl.DataFrame,
    reviewed: _Reviewed,
    floor: _Floor,
    *,
    seed: int,
) -> Scorecard:
    is_flagged = decided["decision"].is_in(list(_FLAGGED))
    flagged, others = decided.filter(is_flagged), decided.filter(~is_flagged)
    objects = flagged["object_id"].unique().sort().to_list()
    answers = [reviewed.right[one] for one in objects if one in reviewed.right]
    weighted = [reviewed.weighted[one] for one in objects if one in reviewed.weighted]
    precision = precision_of(weighted)
    seen = share_of(weighted, needed=1, of="verdicts")
    # All flags seen is enough to say how many cases they hold, however few they are.
    is_known = precision.value is not None or 0 < len(objects) == len(weighted)
    misses = floor.verdicts(detector.id, others["trace_id"])
    recall, prevalence = missed(
        Stratum(
            size=flagged.height,
            share=seen if is_known else precision,
            seen=len(weighted) / max(1, len(objects)),
        ),
        Stratum(
            size=others.height,
            share=_floor_share(misses),
            seen=len(misses) / max(1, others.height),
        ),
        seed=seed,
    )
    return Scorecard(
        detector=detector.id,
        version=version,
        is_current=version == detector.version,
        looked_at=decided.height,
        flags=len(objects),
        reviewed=len(answers),
        confirmed=sum(answers),
        precision=precision,
        recall=recall,
        prevalence=prevalence,
    )


def _floor_share(misses: Sequence[Verdict]) -> Share:
    return share_of(misses, needed=FLOOR_MIN, of="labelled in the random floor")


def _chances(
    queues: QueueStore, queue: str, answers: Sequence[AnnotationRow], *, project: str
) -> dict[str, float]:
    """By object the chance that it was drawn into the queue and answered."""
    answered: dict[str, int] = {}
    for answer in answers:
        moment = nanoseconds(answer.time)
        answered[answer.object_id] = max(moment, answered.get(answer.object_id, moment))
    items = [item for item in _items(queues, queue, project=project) if _is_drawn(item)]
    drawn = [_drawn(item, answered.get(item.object_id)) for item in items]
    known = zip(items, drawn, chances(drawn), strict=True)
    return {
        item.object_id: chance
        for item, one, chance in known
        if one.answered is not None and chance is not None and chance > 0
    }


def _is_drawn(item: Item) -> bool:
    return item.source.value != "person" and item.selection is not None


def _drawn(item: Item, answered: int | None) -> Drawn:
    assert item.selection is not None
    return Drawn(
        p=1.0 if item.selection.p is None else item.selection.p,
        importance=float(item.priority_terms.get("importance", 1.0)),
        priority=item.priority,
        arrived=nanoseconds(item.added_at),
        answered=answered,
        is_waiting=item.state.value == "pending" and answered is None,
        assignee=item.assignee,
    )


def _items(queues: QueueStore, queue: str, *, project: str) -> Iterator[Item]:
    """Every item of a queue but the removed ones."""
    if queue not in {known.name for known in queues.queues(project=project)}:
        return
    cursor = None
    while True:
        page = queues.items(project=project, queue=queue, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
