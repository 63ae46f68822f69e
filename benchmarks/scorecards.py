"""Scorecards and weights in simulated review: how often an interval holds the truth.

    python -m benchmarks.scorecards [--projects N]

Each row simulates N projects: traces with cases among them, a detector that matches some and is
unsure about others, people who take the top of its queue on each of two days, and a random floor.
The truth is that of the simulated traces. A second table adds up the weights that routing records.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import polars as pl

from analytics.config import AnalysisConfig
from analytics.job.cap import record_line, within_cap
from analytics.reach import Drawn, chances
from analytics.routing import LiveRule, route
from analytics.scorecard import FLOOR_MIN, Stratum, Verdict, missed, precision_of, share_of
from analytics.selection import draws

_DAY = 1_000_000


class World(NamedTuple):
    """One kind of project."""

    traces: int
    prevalence: float
    sensitivity: float
    false_alarms: float
    floor: float
    reviewed: float
    """The share of what waits that people get through on each day."""


WORLDS = (
    World(20_000, 0.02, 0.7, 0.01, 0.01, 1.0),
    World(20_000, 0.02, 0.7, 0.01, 0.01, 0.5),
    World(20_000, 0.02, 0.7, 0.01, 0.01, 0.2),
    World(20_000, 0.1, 0.3, 0.02, 0.01, 0.5),
    World(20_000, 0.005, 0.7, 0.005, 0.01, 0.5),
    World(20_000, 0.02, 0.95, 0.01, 0.01, 0.5),
    World(6_000, 0.05, 0.6, 0.02, 0.02, 0.5),
    World(60_000, 0.02, 0.7, 0.01, 0.01, 0.5),
)


def simulated(world: World, rng: np.random.Generator):
    """Precision, recall and prevalence of one project, each with the truth."""
    is_case, u = rng.random(world.traces) < world.prevalence, rng.random(world.traces)
    chance = np.where(is_case, world.sensitivity, world.false_alarms)
    is_flagged = rng.random(world.traces) < chance
    # The graver and surer a flag, the likelier it is right: what makes plain shares lie.
    importance = 0.05 + np.where(
        is_case, rng.beta(4, 2, world.traces), rng.beta(2, 3, world.traces)
    )
    p = np.where(rng.random(world.traces) < 0.5, 0.2, 1.0)
    queued = np.flatnonzero(is_flagged & (u < p))
    day = rng.integers(0, 2, world.traces)
    answered = reviewed(queued, importance / u, day, world.reviewed)
    items = [
        Drawn(
            p=p[n],
            importance=importance[n],
            priority=importance[n] / u[n],
            arrived=int(day[n]) * _DAY,
            answered=answered.get(n),
            is_waiting=n not in answered,
        )
        for n in queued
    ]
    known = zip(queued, chances(items), strict=True)
    flags = [Verdict(is_case=bool(is_case[n]), chance=c) for n, c in known if n in answered and c]
    floor = [
        Verdict(is_case=bool(is_case[n]), chance=world.floor)
        for n in np.flatnonzero((u < world.floor) & ~is_flagged)
    ]
    precision = precision_of(flags)
    size = int(is_flagged.sum())
    rest = share_of(floor, needed=FLOOR_MIN, of="labelled")
    recall, prevalence = missed(
        Stratum(size=size, share=precision, seen=len(flags) / max(1, size)),
        Stratum(size=world.traces - size, share=rest, seen=world.floor),
        seed=0,
    )
    truths = is_case[is_flagged].mean(), is_flagged[is_case].mean(), is_case.mean()
    return list(zip((precision, recall, prevalence), truths, strict=True))


def reviewed(queued, priority, day, share):
    """When each item was answered, by item: the top of what waits, day by day."""
    answered: dict[int, int] = {}
    for today in (0, 1):
        waiting = [n for n in queued if day[n] <= today and n not in answered]
        waiting.sort(key=lambda n: -priority[n])
        done = waiting[: int(np.ceil(len(waiting) * share))]
        answered |= {n: today * _DAY + 1 + place for place, n in enumerate(done)}
    return answered


def weights(salt: str, count: int = 1_500) -> dict[str, float]:
    """Sums of the weights of one routed run over what they stand for; 1 is right."""
    rng = np.random.default_rng(1)
    ids = [f"{number:032x}" for number in range(count)]
    traces = pl.DataFrame(
        {"trace_id": ids, "end_time": range(count), "conversation_id": [None] * count}
    ).with_columns(
        u=draws(salt, "p", pl.Series("trace_id", ids)),
        item_revision=pl.lit(1),
        session_place=pl.lit(1),
        scored_place=pl.lit(1),
        asks_floor=pl.lit(value=True),
    )
    unsure = ids[: count // 3]
    findings = pl.DataFrame(
        {"trace_id": unsure, "severity": rng.uniform(0.1, 1, len(unsure))}
    ).with_columns(
        detector=pl.lit("refusal"),
        detector_version=pl.lit("1"),
        decision=pl.lit("ambiguous"),
        confidence=pl.lit(0.5),
        reason=pl.lit("r"),
    )
    config = AnalysisConfig(salt=salt, random_floor=0.1)
    live = LiveRule(queue="live", rate=0.3, version="1", trace_ids=frozenset(ids[count // 2 :]))
    parts = {"precisions": {}, "similar": {}, "weights": {}}
    routed = route(traces, findings, [live], project="p", config=config, **parts)
    stand_for = {"refusal": len(unsure), "live": count - count // 2, "random_floor": count}
    found = {}
    for queue, size in stand_for.items():
        drafts = sorted(
            (draft for draft in routed.drafts if draft.queue == queue),
            key=lambda draft: -draft.priority,
        )
        found[queue] = sum(1 / draft.selection.p for draft in drafts) / size
        taken, tau = within_cap(drafts, {}, 40, recorded_until=None)
        capped = record_line(routed, drafts, taken, queue, tau, config.random_floor)
        found[f"{queue}, capped"] = sum(1 / draft.selection.p for draft in capped) / size
    return found


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=300)
    options = parser.parse_args()
    print(" | ".join((*World._fields, "what", "claims", "bias", "covered", "width")))
    for world in WORLDS:
        rng = np.random.default_rng(1)
        rows = [simulated(world, rng) for _ in range(options.projects)]
        for place, what in enumerate(("precision", "recall", "prevalence")):
            known = [row[place] for row in rows if row[place][0].value is not None]
            bias = np.mean([share.value - truth for share, truth in known])
            covered = np.mean([share.low <= truth <= share.high for share, truth in known])
            width = np.mean([share.high - share.low for share, _ in known])
            claims = len(known) / len(rows)
            figures = f"{claims:.2f} | {bias:+.4f} | {covered:.3f} | {width:.3f}"
            print(" | ".join((*map(str, world), what, figures)), flush=True)
    runs = [weights(f"salt {number}") for number in range(options.projects)]
    print("weights of | mean of sum / population | standard error")
    for queue in runs[0]:
        sums = np.array([run[queue] for run in runs])
        print(f"{queue} | {sums.mean():.4f} | {sums.std(ddof=1) / np.sqrt(len(sums)):.4f}")


if __name__ == "__main__":
    main()
