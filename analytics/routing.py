"""Routing: from decisions to queue items, with the probability of every choice.

Every rule of every queue looks at every evaluated trace. A detector's queue takes its matches
and a share of its ambiguous traces, a live queue a share of what its filter lets through, and the
random floor a small share of all traces, flagged or not: what one detector misses another may
flag, and a sample without those would hide it. All share one draw per trace.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import SESSION_DETECTORS
from analytics.priority import Precision, Terms, novelty
from analytics.selection import RANDOM_FLOOR, SelectionRecord, draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.config import AnalysisConfig

ROUTING_VERSION = "3"
"""Changes whenever a rule of this module would choose otherwise."""

_VARIABLE_PARTS = r"[0-9a-f]{8,}|\d+(?:[.,]\d+)*"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRule:
    """A live queue's rule: the traces its filter lets through, and the share it takes."""

    queue: str
    rate: float
    version: str
    """A hash of filter and rate."""
    trace_ids: frozenset[str]
    """The evaluated traces that the filter lets through."""
    by_session: frozenset[str] = frozenset()
    """Those of them that it lets through by a score of their session alone: the queue takes the
    session, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An item for one queue, before the queue store knows it."""

    queue: str
    object_type: str
    """trace or session."""
    object_id: str
    trace_id: str
    """The trace that brought it; of a session, the last one that did."""
    conversation_id: str | None
    revision: int
    change: str | None
    """What brings a finished item back in this revision; None in the first."""
    priority: float
    terms: dict[str, Any]
    reason: str
    source: str
    """detector or rule."""
    detector: str | None
    metadata: dict[str, Any]
    selection: SelectionRecord


@dataclass(slots=True, kw_only=True)
class Routed:
    """What routing decided."""

    drafts: list[Draft] = field(default_factory=list)
    selections: dict[str, list[SelectionRecord]] = field(default_factory=dict)
    """By trace: every rule with a chance above zero. Rules not listed had none.

    Traces that only the random floor looked at, and passed over, are left out here: there are
    many, and :func:`floor_selections` writes their records column-wise.
    """
    floor_considered: int = 0
    """Traces that the random floor looked at."""
    floor_rate: float | None = None
    """The share that the floor took where a cap made it smaller than the settings say."""


def signatures(findings: pl.DataFrame) -> pl.Series:
    """What makes two findings alike: the detector, and its reason without numbers and ids."""
    return findings.select(
        pl.concat_str(
            "detector",
            pl.col("reason").fill_null("").str.replace_all(_VARIABLE_PARTS, "#").str.head(120),
            separator=": ",
        ).alias("signature")
    )["signature"]


def route(  # Everything a rule may look at.
    traces: pl.DataFrame,
    findings: pl.DataFrame,
    live_rules: Sequence[LiveRule],
    *,
    project: str,
    config: AnalysisConfig,
    precisions: Mapping[str, Precision],
    similar: Mapping[str, int],
    weights: Mapping[str, float],
) -> Routed:
    """Choose and draft.

    ``traces`` are the evaluated ones with ``u``, ``item_revision`` and ``item_change`` (what
    changed materially in it), ``asks_floor`` (whether the
    random floor looks at it), ``session_place`` (from 1: where the trace stands in its session,
    one more for each time that a trace before it changed), ``session_changed`` (whether one did),
    ``scored_place`` (the same, but 1 when the session was last scored before the trace arrived)
    and the facts shown on items; ``findings`` the matched and ambiguous decisions with
    ``detector`` and ``detector_version``; ``similar`` counts earlier findings by signature;
    ``weights`` are business weights by trace (1 where missing). The order of the answer is that
    of the traces' ends, whatever order the frames come in.
    """
    routed = Routed()
    # Under a cap a weight changes the chance of a trace that no rule kept, too.
    weighed = sorted(weights) if config.items_max > 0 else []
    chosen = {*findings["trace_id"], *weighed, *(t for rule in live_rules for t in rule.trace_ids)}
    is_chosen = pl.col("trace_id").is_in(pl.Series(sorted(chosen), dtype=pl.String).implode())
    facts = {
        row["trace_id"]: row
        for row in traces.select(_FACTS)
        .filter((pl.col("u") < config.random_floor) | is_chosen)
        .iter_rows(named=True)
    }
    if config.random_floor > 0:
        routed.floor_considered = int(traces["asks_floor"].sum())
    _route_findings(routed, facts, findings, project, config, precisions, similar, weights)
    for rule in live_rules:
        _route_live(routed, facts, rule, project, config, weights)
    routed.drafts = _latest_of_sessions(routed.drafts)
    for trace_id in sorted(facts):
        row = facts[trace_id]
        if not row["asks_floor"] or config.random_floor <= 0:
            continue
        terms = _rule_terms(row, weights)
        record = floor_record(row["u"], config.random_floor, config.salt, terms.importance)
        reason = f"Random floor: a {config.random_floor:.2%} sample of all traces"
        _add(routed, row, record, terms, reason)
    return routed


def floor_record(u: float, p: float, salt: str, importance: float = 1.0) -> SelectionRecord:
    """What the random floor decides about a trace."""
    return SelectionRecord(
        queue=RANDOM_FLOOR,
        rule=RANDOM_FLOOR,
        rule_version=ROUTING_VERSION,
        p=p,
        u=u,
        salt=salt,
        importance=importance,
    )


def floor_selections(config: AnalysisConfig) -> pl.Expr:
    """The record of a trace that no rule kept, as JSON text; reads ``u``."""
    if config.random_floor <= 0:
        return pl.lit("[]")
    head = f'[{{"queue":"{RANDOM_FLOOR}","rule":"{RANDOM_FLOOR}","rule_version":"{ROUTING_VERSION}"'
    tail = f',"salt":{json.dumps(config.salt)},"selected":false}}]'
    return pl.concat_str(
        pl.lit(f'{head},"p":{config.random_floor!r},"u":'),
        pl.col("u").cast(pl.String),
        pl.lit(tail),
    )


def _route_findings(  # The parts of one choice.
    routed: Routed,
    facts: Mapping[str, dict[str, Any]],
    findings: pl.DataFrame,
    project: str,
    config: AnalysisConfig,
    precisions: Mapping[str, Precision],
    similar: Mapping[str, int],
    weights: Mapping[str, float],
) -> None:
    queued = Counter(dict(similar))
    with_order = findings.with_columns(signatures(findings)).join(
        traces_order(facts), on="trace_id", how="inner"
    )
    for row in with_order.sort("end_time", "trace_id", "detector").iter_rows(named=True):
        fact = facts[row["trace_id"]]
        if row["detector"] in SESSION_DETECTORS and fact["conversation_id"] is not None:
            fact = _of_session(fact, project, config)
        is_match = row["decision"] == "matched"
        rate = config.matched_rate if is_match else config.ambiguous_rate
        precision = precisions.get(row["detector"], Precision())
        count = queued[row["signature"]]
        queued[row["signature"]] += 1
        terms = Terms(
            severity=row["severity"] or 0.0,
            confidence=row["confidence"] or 0.0,
            precision=precision.mean,
            precision_reviewed=precision.reviewed,
            novelty=novelty(count),
            similar_queued=count,
            business_weight=weights.get(row["trace_id"], 1.0),
            u=fact["u"],
        )
        record = _record(
            fact,
            row["detector"],
            f"detector:{row['detector']}",
            row["detector_version"],
            rate,
            terms.importance,
            config,
        )
        _add(routed, fact, record, terms, row["reason"] or row["decision"], row["detector"])


def _route_live(  # The parts of one choice.
    routed: Routed,
    facts: Mapping[str, dict[str, Any]],
    rule: LiveRule,
    project: str,
    config: AnalysisConfig,
    weights: Mapping[str, float],
) -> None:
    filtered = f"the filter of live queue {rule.queue!r} (rate {rule.rate:g})"
    for trace_id in sorted(rule.trace_ids & facts.keys()):
        fact, reason = facts[trace_id], f"Matches {filtered}"
        if trace_id in rule.by_session:
            fact = _of_session(fact, project, config) | {"session_place": fact["scored_place"]}
            reason = f"A score of the session matches {filtered}"
        terms, name = _rule_terms(fact, weights), f"live:{rule.queue}"
        record = _record(fact, rule.queue, name, rule.version, rule.rate, terms.importance, config)
        _add(routed, fact, record, terms, reason)


def _of_session(fact: dict[str, Any], project: str, config: AnalysisConfig) -> dict[str, Any]:
    """A trace as its session: drawn once, whichever of its traces is kept."""
    u = draw(config.salt, f"{project}/session", fact["conversation_id"])
    return fact | {"object_type": "session", "u": u}


def traces_order(facts: Mapping[str, dict[str, Any]]) -> pl.DataFrame:
    """The order in which findings count as earlier ones: by the end of their traces."""
    return pl.DataFrame(
        {"trace_id": list(facts), "end_time": [row["end_time"] for row in facts.values()]},
        schema={"trace_id": pl.String(), "end_time": pl.Int64()},
    )


def _record(  # One argument a column of the record.
    fact: dict[str, Any],
    queue: str,
    rule: str,
    version: str,
    p: float,
    importance: float,
    config: AnalysisConfig,
) -> SelectionRecord:
    return SelectionRecord(
        queue=queue,
        rule=rule,
        rule_version=version,
        p=p,
        u=fact["u"],
        salt=config.salt,
        object_type=fact.get("object_type", "trace"),
        importance=importance,
    )


def _rule_terms(fact: dict[str, Any], weights: Mapping[str, float]) -> Terms:
    """Rules know no severity: their items stand in random order, by weight."""
    return Terms(
        severity=1.0,
        confidence=1.0,
        precision=1.0,
        precision_reviewed=0,
        novelty=1.0,
        similar_queued=0,
        business_weight=weights.get(fact["trace_id"], 1.0),
        u=fact["u"],
    )


def _add(  # The parts of one draft.
    routed: Routed,
    fact: dict[str, Any],
    record: SelectionRecord,
    terms: Terms,
    reason: str,
    detector: str | None = None,
) -> None:
    routed.selections.setdefault(fact["trace_id"], []).append(record)
    if not record.selected:
        return
    of_session = record.object_type == "session"
    # A session grows: each further trace that is flagged is a later revision of its item.
    revision = fact["item_revision"] + (fact["session_place"] - 1 if of_session else 0)
    routed.drafts.append(
        Draft(
            queue=record.queue,
            object_type=record.object_type,
            object_id=fact["conversation_id"] if of_session else fact["trace_id"],
            trace_id=fact["trace_id"],
            conversation_id=fact["conversation_id"],
            revision=revision,
            change=_change(fact, of_session=of_session),
            priority=terms.priority,
            terms=terms.as_json(),
            reason=reason,
            source="rule" if detector is None else "detector",
            detector=detector,
            metadata={key: fact[key] for key in METADATA if fact.get(key) is not None},
            selection=record,
        )
    )


def _change(fact: dict[str, Any], *, of_session: bool) -> str | None:
    """What the object has beyond its earlier revision.

    A session grows by a further trace or by a change of one. Where both were, nobody knows any
    more which of them its item saw already.
    """
    own: str | None = fact["item_change"]
    if not of_session or fact["session_place"] == 1:
        return own
    if fact["session_changed"]:
        return "; ".join(filter(None, (f"{_FURTHER}, or a change of one before it", own)))
    return own or _FURTHER


_FURTHER = "a further trace of the session"


def _latest_of_sessions(drafts: list[Draft]) -> list[Draft]:
    """One draft a queue and object: of a session kept more than once, the latest.

    It came in by any of them: its chance is the largest, or its labels would stand for too many.
    """
    kept: dict[tuple[str, str, str], Draft] = {}
    for draft in drafts:
        key = (draft.queue, draft.object_type, draft.object_id)
        known = kept.get(key)
        if known is None:
            kept[key] = draft
            continue
        latest = draft if draft.revision >= known.revision else known
        p = max(draft.selection.p, known.selection.p)
        kept[key] = replace(latest, selection=replace(latest.selection, p=p))
    return list(kept.values())


METADATA = (
    "name",
    "agent_name",
    "request_model",
    "duration_ms",
    "total_tokens",
    "cost_usd",
    "span_count",
)
"""The trace facts that an item shows."""

_FACTS = (
    "trace_id",
    "conversation_id",
    "end_time",
    "u",
    "asks_floor",
    "item_revision",
    "item_change",
    "session_place",
    "session_changed",
    "scored_place",
    *METADATA,
)
"""What the rules and their items need to know of a trace."""
