"""The queue side of the job: system queues, live rules, verdicts, and the adding of items."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.filters import decisions_read, matching
from analytics.job import verdicts
from analytics.job.cap import present_items, record_line, within_cap
from analytics.job.records import digest
from analytics.job.report import QueueCount
from analytics.routing import LiveRule
from analytics.selection import RANDOM_FLOOR
from span_store.errors import InvalidFilterError, UnknownColumnError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.routing import Draft, Routed
    from queue_store.store import QueueStore

ACTOR = "spandocket"
"""Who adds the items of a run."""

LIVE_RATE = 0.1
"""The share a live queue takes when it says none."""


def ensure_system_queues(
    queues: QueueStore, detectors: Sequence[Detector], *, project: str, now: datetime
) -> None:
    """Create the eleven system queues, one per own detector, and the random floor."""
    from queue_store.model import SystemQueueSpec
    from queue_store.system_queues import SYSTEM_QUEUES

    specs = list(SYSTEM_QUEUES)
    known = {spec.name for spec in specs}
    specs += [
        SystemQueueSpec(
            name=detector.id,
            detector=detector.id,
            description=detector.title,
            instructions=detector.instructions,
        )
        for detector in detectors
        if detector.id not in known
    ]
    specs.append(
        SystemQueueSpec(
            name=RANDOM_FLOOR,
            detector=RANDOM_FLOOR,
            description="A small random sample of all traces, flagged or not.",
            instructions=(
                "Is anything wrong with this trace? Name every category that applies, whether or "
                "not a detector flagged it. This sample is what makes recall and prevalence "
                "measurable, so please answer in the order given."
            ),
        )
    )
    present = queues.ensure_system_queues(project=project, specs=specs, now=now)
    verdicts.ask(queues, present, project=project, now=now)


_UNUSABLE = (InvalidFilterError, UnknownColumnError)
"""What may be wrong with a stored filter: it may be older than the columns, or moved here."""


def live_filters(queues: QueueStore, *, project: str) -> list[str | None]:
    """The filters of the project's live queues; None for a queue without one.

    Those that cannot be read are not among them: :func:`live_rules` says so.
    """
    from queue_store.model import QueueKind

    known = queues.queues(project=project, kind=QueueKind.LIVE)
    return [queue.filter_sql for queue in known if _is_readable(queue.filter_sql)]


def _is_readable(filter_sql: str | None) -> bool:
    try:
        decisions_read([filter_sql])
    except _UNUSABLE:
        return False
    return True


def closed_queues(queues: QueueStore, *, project: str) -> list[str]:
    """The archived queues: they take nothing, so no rule chooses for them."""
    from queue_store.model import QueueState

    known = queues.queues(project=project)
    return [queue.name for queue in known if queue.state is QueueState.ARCHIVED]


def live_rules(
    queues: QueueStore, facts: pl.DataFrame, own_facts: pl.DataFrame, *, project: str
) -> tuple[list[LiveRule], dict[str, str]]:
    """The live queues with the traces that their filters let through, and those left out, why.

    A filter that cannot take what it meets leaves its own queue out, not the whole run.
    ``own_facts`` are the same traces without what was said of their sessions.
    """
    from queue_store.model import QueueKind, QueueState

    rules = []
    left_out: dict[str, str] = {}
    for queue in queues.queues(project=project, kind=QueueKind.LIVE):
        if queue.state in (QueueState.ARCHIVED, QueueState.DRAFT):
            continue
        rate = LIVE_RATE if queue.sample_rate is None else queue.sample_rate
        try:
            passed = matching(facts, queue.filter_sql)
            own = passed if own_facts is facts else matching(own_facts, queue.filter_sql)
        except _UNUSABLE as error:
            left_out[queue.name] = str(error)
            continue
        rules.append(
            LiveRule(
                queue=queue.name,
                rate=rate,
                version=digest(queue.filter_sql or "", repr(rate))[:8],
                trace_ids=passed,
                by_session=passed - own,
            )
        )
    return rules, left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What one queue is to get."""

    queue: str
    considered: int
    """Traces that its rules looked at."""
    selected: int
    """Drafts that they chose."""
    taken: Sequence[Draft]
    """Those within the cap, the highest priority first."""


def planned(
    queues: QueueStore,
    routed: Routed,
    *,
    project: str,
    config: AnalysisConfig,
    recorded_until: datetime | None,
) -> list[Filling]:
    """What the queues take of the drafts, by the queues' names.

    Where the cap leaves some out, ``routed`` holds the smaller chances afterwards.
    ``recorded_until`` is the moment of the last recorded run.
    """
    by_queue: dict[str, list[Draft]] = defaultdict(list)
    considered: dict[str, int] = defaultdict(int)
    for records in routed.selections.values():
        for record in records:
            considered[record.queue] += 1
    if routed.floor_considered:
        considered[RANDOM_FLOOR] = routed.floor_considered
    for draft in routed.drafts:
        by_queue[draft.queue].append(draft)
    fillings = []
    for name in sorted(considered):
        drafts = sorted(by_queue[name], key=lambda draft: (-draft.priority, draft.trace_id))
        taken = drafts
        if 0 < config.items_max < len(drafts):
            present = present_items(queues, name, project=project)
            taken, tau = within_cap(
                drafts, present, config.items_max, recorded_until=recorded_until
            )
            if tau > 0:
                taken = record_line(routed, drafts, taken, name, tau, config.random_floor)
        fillings.append(
            Filling(queue=name, considered=considered[name], selected=len(drafts), taken=taken)
        )
    return fillings


def fill(
    queues: QueueStore,
    fillings: Sequence[Filling],
    *,
    project: str,
    now: datetime,
    dry_run: bool,
) -> list[QueueCount]:
    """Add what was planned, queue by queue; when dry, only count."""
    counts = []
    for filling in fillings:
        result = None
        if filling.taken and not dry_run:
            result = queues.add_items(
                project=project,
                queue=filling.queue,
                drafts=[_item(draft) for draft in filling.taken],
                now=now,
                actor=ACTOR,
            )
        counts.append(
            QueueCount(
                queue=filling.queue,
                considered=filling.considered,
                selected=filling.selected,
                added=0 if result is None else result.added,
                duplicates=0 if result is None else result.duplicates,
                reentered=0 if result is None else result.reentered,
                removed=0 if result is None else result.removed,
                capped=filling.selected - len(filling.taken),
            )
        )
    return counts


def _item(draft: Draft) -> Any:
    from queue_store.model import ItemDraft, ItemSource, ObjectType, Selection

    record = draft.selection
    return ItemDraft(
        object_type=ObjectType(draft.object_type),
        object_id=draft.object_id,
        priority=draft.priority,
        priority_terms=draft.terms,
        reason=draft.reason,
        source=ItemSource(draft.source),
        detector=draft.detector,
        metadata=draft.metadata,
        selection=Selection(
            rule=record.rule,
            rule_version=record.rule_version,
            p=record.p,
            u=record.u,
            salt=record.salt,
            selected=record.selected,
        ),
        revision=draft.revision,
        change=draft.change,
        trace_id=draft.trace_id,
        conversation_id=draft.conversation_id,
    )
