"""What a run that died had written before it was recorded: the next run's record tells it too."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from analytics.completion import moment_of
from analytics.job.report import QueueCount
from span_store.schema import TRACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.job.rerouting import LastRun
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

FOUND = ("trace_id", "detector", "decision", "skip_reason")
_COLUMNS = ("trace_id", "conversation_id", "decisions", "selections")
_SCHEMA = pl.Schema(dict.fromkeys(FOUND, pl.String()))


class _Chosen(NamedTuple):
    considered: int
    selected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """The rows of runs that no record tells of."""

    traces: pl.DataFrame
    """``trace_id, conversation_id, decisions, selections`` of what they evaluated."""
    added: dict[str, int]
    """By queue the items that they added."""

    @classmethod
    def nothing(cls) -> TakenOver:
        """No run died."""
        traces = pl.DataFrame(schema={name: TRACES.polars[name] for name in _COLUMNS})
        return cls(traces=traces, added={})

    @classmethod
    def of(
        cls, store: SpanStore, queues: QueueStore, moments: Sequence[int], *, project: str
    ) -> TakenOver:
        """What the runs of these moments wrote."""
        if not moments:
            return cls.nothing()
        own = store.scan_raw("traces", project=project).filter(
            pl.col("evaluated_at").is_in(moments)
        )
        names = [queue.name for queue in queues.queues(project=project)]
        added = {name: _added(queues, name, moments, project=project) for name in names}
        return cls(traces=own.select(_COLUMNS).collect(), added=added)

    @property
    def found(self) -> pl.DataFrame:
        """:data:`FOUND`: their decisions but ``no_match``."""
        rows = [
            (text, detector, one["decision"], one.get("reason"))
            for text in self.traces["decisions"].unique().sort()
            for detector, one in json.loads(text or "{}").items()
            if one["decision"] != "no_match"
        ]
        schema = ["decisions", *FOUND[1:]]
        known = pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")
        return self.traces.join(known, on="decisions").select(FOUND)

    def chosen(self) -> dict[str, _Chosen]:
        """By queue how many traces its rule looked at and how many objects it took."""
        considered: Counter[str] = Counter()
        taken: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.traces.iter_rows(named=True):
            for record in json.loads(row["selections"] or "[]"):
                considered[record["queue"]] += 1
                if record["selected"]:
                    of_session = record.get("object_type") == "session"
                    name = row["conversation_id"] if of_session else row["trace_id"]
                    taken[record["queue"]].add(f"{of_session} {name}")
        return {name: _Chosen(count, len(taken[name])) for name, count in considered.items()}


def unrecorded(store: SpanStore, before: LastRun | None, *, project: str, now: int) -> list[int]:
    """The moments (ns) since the last recorded run, or this very one, that no record tells."""
    last = -1 if before is None else before.as_of
    runs = store.scan_raw("runs", project=project).select("as_of").collect()["as_of"]
    written = []
    for table, name in (("traces", "evaluated_at"), ("findings", "found_at")):
        later = (pl.col(name) > last) | (pl.col(name) == now)
        rows = store.scan_raw(table, project=project).filter(later)
        written.append(rows.select(moment=name).unique().collect()["moment"])
    moments = pl.concat(written).unique().sort()
    return moments.filter((moments <= now) & ~moments.is_in(runs.implode())).to_list()


def _added(queues: QueueStore, queue: str, moments: Sequence[int], *, project: str) -> int:
    found = 0
    for moment in map(moment_of, moments):
        within: dict[str, Any] = {
            "added_since": moment,
            "added_until": moment + timedelta(microseconds=1),
        }
        found += queues.items(project=project, queue=queue, limit=1, **within).total
    return found


def with_taken_over(counts: Sequence[QueueCount], over: TakenOver) -> list[QueueCount]:
    """The counts of a run's queues, with what it took over."""
    chosen = over.chosen()
    own = {count.queue: count for count in counts}
    told = []
    for name in sorted({*own, *chosen}):
        count = own.get(name) or QueueCount.nothing(name)
        more = chosen.get(name, _Chosen(0, 0))
        added = over.added.get(name, 0)
        told.append(
            replace(
                count,
                considered=count.considered + more.considered,
                selected=count.selected + more.selected,
                added=count.added + added,
                # What was added already, this run only met again.
                duplicates=max(0, count.duplicates - added),
            )
        )
    return told
