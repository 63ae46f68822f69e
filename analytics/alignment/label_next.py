"""What to label next: the items whose labels shrink the chosen interval most.

Items are put into cells (evaluator's verdict by stratum). In each cell the smoothed share of bad
items says how much one more label teaches about the targets; several targets count by the root mean
square of what a label teaches each, business weights multiply. Items are queued by importance over
their shared draw, so that every label keeps a known probability. Before the first label the share
of bad items is what several evaluators say on average: where they differ a label teaches most.
Sources: Yilmaz et al. 2021 (arXiv 2109.12043); Neyman 1934.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.selection import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.alignment.figure import Figure
    from analytics.alignment.report import Report
    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]

TARGETS = ("pass_rate", "tpr", "tnr")
UNIFORM_SHARE = 0.2
_WORDS = {
    "pass_rate": "the pass rate",
    "tpr": "the catch rate",
    "tnr": "the false-alarm rate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Items with one verdict in one stratum."""

    verdict: int
    stratum: str | None
    items: int
    labels: int
    bad_share: float
    """Smoothed share of items that people call positive."""


def cells_of(sample: Sample) -> list[Cell]:
    """Every cell with its size, its labels and its smoothed share of bad items."""
    frame = sample.frame.filter(pl.col("e_binary").is_not_null())
    counted = pl.col("h_binary").is_not_null() & pl.col("excluded").fill_null("").is_in(
        ["", "no_probability"]
    )
    grouped = (
        frame.group_by("e_binary", "stratum")
        .agg(
            pl.len().alias("items"),
            counted.sum().alias("labels"),
            pl.col("h_binary").filter(counted).sum().alias("bad"),
        )
        .sort("e_binary", "stratum", nulls_last=True)
    )
    cells = []
    for verdict, stratum, items, labels, bad in grouped.iter_rows():
        # One half of a label in favour of the evaluator and one against, before any is there.
        cells.append(
            Cell(verdict=verdict, stratum=stratum, items=items, labels=labels,
                 bad_share=((bad or 0) + 0.5) / (labels + 1.0))
        )  # fmt: skip
    return cells


def spreads(cells: list[Cell], target: str) -> Floats:
    """How much one label of each cell moves the target: the S of Neyman's allocation."""
    bad = np.array([cell.bad_share for cell in cells])
    verdict = np.array([float(cell.verdict) for cell in cells])
    size = np.array([float(cell.items) for cell in cells])
    match target:
        case "tpr":
            rate = float((size * bad * verdict).sum() / (size * bad).sum())
            return np.asarray(np.sqrt(bad) * np.abs(verdict - rate))
        case "tnr":
            good = size * (1 - bad)
            rate = float((good * (1 - verdict)).sum() / good.sum())
            return np.asarray(np.sqrt(1 - bad) * np.abs((1 - verdict) - rate))
        case _:
            return np.asarray(np.sqrt(bad * (1 - bad)))


def neyman(sizes: Floats, spread: Floats, labels: int) -> Floats:
    """Labels by stratum that make the variance of a weighted mean smallest (not rounded)."""
    share = sizes * spread
    return np.asarray(labels * share / share.sum())


def allocate(cells: list[Cell], spread: Floats, labels: int) -> NDArray[np.int64]:
    """Give labels one by one to the cell where the variance falls most; none beyond its items."""
    size = np.array([cell.items for cell in cells], dtype=float)
    share = size / size.sum()
    have = np.array([max(cell.labels, 0.5) for cell in cells], dtype=float)
    room = np.array([cell.items - cell.labels for cell in cells])
    given = np.zeros(len(cells), dtype=np.int64)
    for _ in range(min(labels, int(room.sum()))):
        gain = np.where(given < room, share**2 * spread**2 / (have * (have + 1)), -1.0)
        best = int(gain.argmax())
        given[best] += 1
        have[best] += 1
    return given


def variance(cells: list[Cell], spread: Floats, given: NDArray[np.int64]) -> float:
    """The target's variance, up to a constant, with ``given`` labels more."""
    size = np.array([cell.items for cell in cells], dtype=float)
    have = np.array([max(cell.labels, 0.5) for cell in cells]) + given
    thin = np.array(
        [1 - min(1.0, (c.labels + g) / c.items) for c, g in zip(cells, given, strict=True)]
    )
    return float(((size / size.sum()) ** 2 * spread**2 / have * np.maximum(thin, 1e-9)).sum())


def _shrink(cells: list[Cell], spread: Floats, given: NDArray[np.int64]) -> float:
    """What ``given`` labels make of the interval's width; 1 when there is nothing to shrink."""
    now = variance(cells, spread, given * 0)
    return math.sqrt(variance(cells, spread, given) / now) if now > 0 else 1.0


def combined(cells: list[Cell], targets: Sequence[str]) -> Floats:
    """What one label of each cell teaches all targets: root mean square, each of unit mean."""
    size = np.array([float(cell.items) for cell in cells])
    squares = np.zeros(len(cells))
    for target in targets:
        spread = spreads(cells, target)
        mean = float(np.average(spread, weights=size))
        squares += (spread / mean) ** 2 if mean > 0 else 1.0
    return np.asarray(np.sqrt(squares / len(targets)))


def label_next(
    report: Report,
    sample: Sample,
    *,
    count: int,
    targets: Sequence[str],
    project: str,
    salt: str,
    others: Sequence[Sample] = (),
) -> dict[str, Any]:
    """The next items with probability, draw, importance and reason, and the expected shrink.

    ``others`` are the same items in the eyes of other evaluators; they count before any label.
    """
    if sample.scale.binary_reason is not None:
        return {"null_reason": sample.scale.binary_reason, "items": []}
    cells = cells_of(sample)
    free = sample.frame.filter(~pl.col("labelled") & pl.col("e_binary").is_not_null())
    if free.is_empty():
        return {"null_reason": "every item is labelled already", "items": []}
    wanted = allocate(cells, combined(cells, targets), count)
    asked = _Asked(targets=tuple(targets), wanted=wanted, salt=salt, project=project)
    importance = _by_cell(free, cells, wanted)
    unlabelled = not sample.frame["labelled"].any()
    if unlabelled and others:
        importance = _by_disagreement(free, others, asked, int(wanted.sum()))
    items = _chosen(free, cells, importance, sample, asked, unlabelled=unlabelled and bool(others))
    chosen = np.array([sum(item["cell"] == index for item in items) for index in range(len(cells))])
    shrinks = [_target_json(report, cells, chosen, target) for target in targets]
    return {
        "null_reason": None,
        "target": targets[0],
        "targets": shrinks,
        "count": len(items),
        "half_width_now": shrinks[0]["half_width_now"],
        "half_width_then": shrinks[0]["half_width_then"],
        "cells": [
            _cell_json(report, sample, cells, index, asked) | {"labels_chosen": int(chosen[index])}
            for index in range(len(cells))
        ],
        "items": items,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the labels are for, how many each cell gets, and the draw."""

    targets: tuple[str, ...]
    wanted: NDArray[np.int64]
    salt: str
    project: str


def _target_json(
    report: Report, cells: list[Cell], chosen: NDArray[np.int64], target: str
) -> dict[str, Any]:
    now = _half_width(_figure(report, target))
    then = None if now is None else now * _shrink(cells, spreads(cells, target), chosen)
    return {"target": target, "half_width_now": now, "half_width_then": then}


def _cell_json(
    report: Report, sample: Sample, cells: list[Cell], index: int, asked: _Asked
) -> dict[str, Any]:
    cell = cells[index]
    alone = np.zeros(len(cells), dtype=np.int64)
    alone[index] = min(20, cell.items - cell.labels)
    sentences = []
    for target in asked.targets:
        now = _half_width(_figure(report, target))
        if now is None or not alone[index]:
            continue
        then = now * _shrink(cells, spreads(cells, target), alone)
        name, word = _named(sample, cell), _WORDS[target]
        sentences.append(
            f"{alone[index]} more labels in {name}: no change for {word}"
            if f"{now:.3f}" == f"{then:.3f}"
            else f"{alone[index]} more labels in {name} shrink the interval of {word} "
            f"from ±{now:.3f} to ±{then:.3f}"
        )
    return {
        "verdict": sample.scale.labels[cell.verdict] if sample.scale.labels else cell.verdict,
        "stratum": cell.stratum,
        "items": cell.items,
        "labels": cell.labels,
        "bad_share": cell.bad_share,
        "labels_wanted": int(asked.wanted[index]),
        "sentence": "; ".join(sentences) or None,
    }


def _named(sample: Sample, cell: Cell) -> str:
    label = sample.scale.labels[cell.verdict] if len(sample.scale.labels) == 2 else cell.verdict
    return f"evaluator {label}" + (f", {cell.stratum}" if cell.stratum else "")


def _by_cell(free: pl.DataFrame, cells: list[Cell], wanted: NDArray[np.int64]) -> Floats:
    """Each free item's share of the labels: its cell's part, mixed with a uniform one."""
    where = _places(free, cells)
    room = np.bincount(where, minlength=len(cells))
    share = (1 - UNIFORM_SHARE) * wanted / np.maximum(room, 1)
    count = min(int(wanted.sum()), free.height)
    return np.asarray((share + UNIFORM_SHARE * count / free.height)[where], dtype=np.float64)


def _places(free: pl.DataFrame, cells: list[Cell]) -> NDArray[np.int64]:
    place = {(cell.verdict, cell.stratum): index for index, cell in enumerate(cells)}
    verdicts = free.select("e_binary", "stratum").iter_rows()
    return np.array([place[verdict, stratum] for verdict, stratum in verdicts], dtype=np.int64)


def influences(bad: Floats, verdict: Floats, target: str) -> Floats:
    """The root of the expected squared influence of each item's label on a target."""
    match target:
        case "tpr":
            rate = float((bad * verdict).sum() / bad.sum()) if bad.any() else 0.5
            return np.asarray(np.sqrt(bad) * np.abs(verdict - rate))
        case "tnr":
            good = 1 - bad
            rate = float((good * (1 - verdict)).sum() / good.sum()) if good.any() else 0.5
            return np.asarray(np.sqrt(good) * np.abs((1 - verdict) - rate))
        case _:
            return np.asarray(np.sqrt(bad * (1 - bad)))


def _by_disagreement(
    free: pl.DataFrame, others: Sequence[Sample], asked: _Asked, count: int
) -> Floats:
    """Importance without any label: the mean verdict of the evaluators stands for people's."""
    verdicts = pl.concat(
        [free.select("item", "e_binary"), *(o.frame.select("item", "e_binary") for o in others)]
    ).drop_nulls()
    # One vote for either side keeps items on which all agree within reach.
    means = verdicts.group_by("item").agg(
        ((pl.col("e_binary").sum() + 0.5) / (pl.len() + 1)).alias("bad")
    )
    joined = free.join(means, on="item", how="left", maintain_order="left")
    bad, verdict = joined["bad"].to_numpy(), joined["e_binary"].cast(pl.Float64).to_numpy()
    squares = np.zeros(len(bad))
    for target in asked.targets:
        spread = influences(bad, verdict, target)
        squares += (spread / spread.mean()) ** 2 if spread.any() else 1.0
    spread = np.sqrt(squares / len(asked.targets))
    return np.asarray(
        count * ((1 - UNIFORM_SHARE) * spread / spread.sum() + UNIFORM_SHARE / len(spread))
    )


def _chosen(
    free: pl.DataFrame,
    cells: list[Cell],
    importance: Floats,
    sample: Sample,
    asked: _Asked,
    *,
    unlabelled: bool,
) -> list[dict[str, Any]]:
    """Priority sampling: the highest s/u, each with p = min(1, s / the first one left out).

    Business weights multiply the importance, so that no item is out of reach.
    """
    count = min(int(asked.wanted.sum()), free.height)
    where = _places(free, cells)
    factors = free["business_weight"].fill_null(1.0).to_numpy()
    rows = []
    for item, index, plain, factor in zip(free["item"], where, importance, factors, strict=True):
        u = max(draw(asked.salt, asked.project, item.partition(":")[0]), 2.0**-64)
        value = float(plain * factor)
        rows.append((value / u, item, value, u, int(index), float(factor)))
    rows.sort(key=lambda row: (-row[0], row[1]))
    tau = rows[count][0] if len(rows) > count else 0.0
    return [
        {
            "item": item,
            "probability": min(1.0, value / tau) if tau > 0 else 1.0,
            "u": u,
            "salt": asked.salt,
            "importance": value,
            "priority": priority,
            "cell": index,
            "business_weight": factor,
            "reason": f"{_named(sample, cells[index])}: "
            + _why(cells, index, asked, unlabelled=unlabelled)
            + (f"; business weight {factor:g}" if factor != 1 else ""),
        }
        for priority, item, value, u, index, factor in rows[:count]
    ]


def _why(cells: list[Cell], index: int, asked: _Asked, *, unlabelled: bool) -> str:
    """The largest reason: the target that a label of this cell teaches most."""
    if unlabelled:
        return "evaluators differ, and nobody has looked yet"
    if not asked.wanted[index]:
        return "kept in reach, so that nothing goes unseen"
    size = np.array([float(cell.items) for cell in cells])
    taught = {
        target: float(spread[index] / max(np.average(spread, weights=size), 1e-12))
        for target in asked.targets
        for spread in [spreads(cells, target)]
    }
    return f"a label here makes {_WORDS[max(taught, key=lambda name: taught[name])]} surest"


def _figure(report: Report, target: str) -> Figure | None:
    if target == "pass_rate":
        default = report.pass_rate["default"]
        return None if default is None else report.pass_rate[default]
    best = report.weighted[target]
    return best if best.value is not None else report.raw[target]


def _half_width(figure: Figure | None) -> float | None:
    if figure is None or figure.ci_low is None or figure.ci_high is None:
        return None
    return (figure.ci_high - figure.ci_low) / 2
