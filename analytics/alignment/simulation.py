"""Simulated reviews with a known truth, to see how often intervals cover it.

Two designs. Simple: labels are a random sample. Biased: flagged items are always labelled and one
in ten of the others, as a detector's queue does. The naive methods run beside ours and must fail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.alignment.report import ReportOptions, make_samples
from analytics.alignment.score_types import ScaleOptions, ScoreType

if TYPE_CHECKING:
    from analytics.alignment.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A population: the share of positive items, the evaluator's rates, and how labels come."""

    rate: float
    tpr: float
    tnr: float
    labels: int
    """Of a simple sample; 0 asks for the biased queue."""
    population: int
    flagged: tuple[float, float, float, float] = (0.80, 0.50, 0.08, 0.04)
    """Biased queue: chance of a flag for caught and missed positives, false alarms, the rest."""
    kept: float = 0.1
    """Biased queue: chance that an unflagged item is labelled."""


SIMPLE = World(rate=0.8, tpr=0.9, tnr=0.85, labels=100, population=2000)
SKEWED = World(rate=0.95, tpr=0.9, tnr=0.7, labels=100, population=2000)
BIASED = World(rate=0.08, tpr=0.6, tnr=0.93, labels=0, population=4000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How a method did over many runs."""

    name: str
    runs: int
    covered: float
    """Share of runs whose interval holds the truth; withheld figures are left out."""
    bias: float
    withheld: int


def draw_pairs(world: World, rng: np.random.Generator) -> pl.DataFrame:
    """One population with its labels, as a frame of pairs."""
    n = world.population + world.labels
    truth = rng.random(n) < world.rate
    score = np.where(truth, rng.random(n) < world.tpr, rng.random(n) >= world.tnr)
    frame = pl.DataFrame({"human": truth.astype(int), "evaluator": score.astype(int)})
    if world.labels:
        seen = np.arange(n) < world.labels
        return frame.with_columns(human=pl.when(pl.Series(seen)).then("human"))
    # A detector finds what the evaluator finds: that is what makes raw figures flatter it.
    kind = np.where(truth, np.where(score, 0, 1), np.where(score, 2, 3))
    flagged = rng.random(n) < np.array(world.flagged)[kind]
    probability = np.where(flagged, 1.0, world.kept)
    seen = rng.random(n) < probability
    return frame.with_columns(
        human=pl.when(pl.Series(seen)).then("human"),
        inclusion_probability=pl.Series(probability),
        stratum=pl.Series(np.where(flagged, "flagged", "unflagged")),
    )


def coverage(world: World, runs: int, seed: int) -> dict[str, Coverage]:
    """Coverage of pass rate and catch rate, ours and naive, over seeded runs."""
    from analytics.alignment.agreement import agreement
    from analytics.alignment.pass_rate import pass_rate

    options = ReportOptions(scale=ScaleOptions(score_type=ScoreType.BOOLEAN))
    kept: dict[str, list[tuple[float, bool]]] = {}
    withheld: dict[str, int] = {}

    def note(name: str, figure: Figure, truth: float) -> None:
        if figure.value is None or figure.ci_low is None or figure.ci_high is None:
            withheld[name] = withheld.get(name, 0) + 1
            return
        inside = figure.ci_low <= truth <= figure.ci_high
        kept.setdefault(name, []).append((figure.value - truth, inside))

    for run in range(runs):
        frame = draw_pairs(world, np.random.default_rng([seed, run]))
        samples, version = make_samples(frame, options)
        rates = pass_rate(samples[version])
        note("naive rate", rates["naive"], world.rate)
        note("PPI++ rate", rates["ppi"], world.rate)
        note("human rate", rates["human_weighted"], world.rate)
        if world.labels:
            note("Rogan-Gladen rate", rates["rogan_gladen"], world.rate)
            continue
        note("stratified rate", rates["stratified"], world.rate)
        unweighted = replace(
            samples[version],
            has_design=False,
            frame=samples[version].frame.with_columns(inclusion_probability=pl.lit(None)),
        )
        note("unweighted PPI++ rate", pass_rate(unweighted)["ppi"], world.rate)
        raw = agreement(samples[version], weighted=False)
        weighted = agreement(samples[version], weighted=True)
        for name in ("tpr", "tnr"):
            note(f"raw {name}", raw[name], getattr(world, name))
            note(f"weighted {name}", weighted[name], getattr(world, name))
    return {
        name: Coverage(
            name=name,
            runs=len(found),
            covered=float(np.mean([inside for _, inside in found])),
            bias=float(np.mean([error for error, _ in found])),
            withheld=withheld.get(name, 0),
        )
        for name, found in kept.items()
    }
