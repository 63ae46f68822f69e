"""What to label next: the items whose labels shrink the chosen interval most.

Items are put into cells (evaluator's verdict by stratum). In each cell the smoothed share of bad
items says how much one more label teaches about the target; items are queued by importance over
their shared draw, so that every label keeps a known probability.
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


def label_next(
    report: Report, sample: Sample, *, count: int, target: str, project: str, salt: str
) -> dict[str, Any]:
    """The next items with probability, draw, importance and reason, and the expected shrink."""
    if sample.scale.binary_reason is not None:
        return {"null_reason": sample.scale.binary_reason, "items": []}
    cells = cells_of(sample)
    free = sample.frame.filter(~pl.col("labelled") & pl.col("e_binary").is_not_null())
    if free.is_empty():
        return {"null_reason": "every item is labelled already", "items": []}
    spread = spreads(cells, target)
    wanted = allocate(cells, spread, count)
    items = _chosen(free, cells, wanted, sample, (salt, project), target)
    chosen = np.array([sum(item["cell"] == index for item in items) for index in range(len(cells))])
    figure = _figure(report, target)
    now = _half_width(figure)
    return {
        "null_reason": None,
        "target": target,
        "count": len(items),
        "half_width_now": now,
        "half_width_then": None if now is None else now * _shrink(cells, spread, chosen),
        "cells": [
            _cell_json(sample, cells, spread, index, wanted, target, figure)
            | {"labels_chosen": int(chosen[index])}
            for index in range(len(cells))
        ],
        "items": items,
    }


def _cell_json(
    sample: Sample, cells: list[Cell], spread: Floats, index: int, wanted: NDArray[np.int64],
    target: str, figure: Figure | None,
) -> dict[str, Any]:  # fmt: skip
    cell = cells[index]
    alone = np.zeros(len(cells), dtype=np.int64)
    alone[index] = min(20, cell.items - cell.labels)
    shrink = _shrink(cells, spread, alone)
    now = _half_width(figure)
    name = _named(sample, cell)
    sentence = None
    if now is not None and alone[index]:
        sentence = (
            f"{alone[index]} more labels in {name} shrink the interval of {_WORDS[target]} "
            f"from ±{now:.3f} to ±{now * shrink:.3f}"
        )
        if f"{now:.3f}" == f"{now * shrink:.3f}":
            sentence = f"{alone[index]} more labels in {name}: no change for {_WORDS[target]}"
    return {
        "verdict": sample.scale.labels[cell.verdict] if sample.scale.labels else cell.verdict,
        "stratum": cell.stratum,
        "items": cell.items,
        "labels": cell.labels,
        "bad_share": cell.bad_share,
        "labels_wanted": int(wanted[index]),
        "sentence": sentence,
    }


def _named(sample: Sample, cell: Cell) -> str:
    label = sample.scale.labels[cell.verdict] if len(sample.scale.labels) == 2 else cell.verdict
    return f"evaluator {label}" + (f", {cell.stratum}" if cell.stratum else "")


def _chosen(
    free: pl.DataFrame,
    cells: list[Cell],
    wanted: NDArray[np.int64],
    sample: Sample,
    drawing: tuple[str, str],
    target: str,
) -> list[dict[str, Any]]:
    """Priority sampling: the highest s/u, each with p = min(1, s / the first one left out).

    The importance s is the cell's wanted share of its free items, mixed with a uniform part, so
    that no item is out of reach.
    """
    count = min(int(wanted.sum()), free.height)
    place = {(cell.verdict, cell.stratum): index for index, cell in enumerate(cells)}
    verdicts = free.select("e_binary", "stratum").iter_rows()
    where = np.array([place[verdict, stratum] for verdict, stratum in verdicts])
    room = np.bincount(where, minlength=len(cells))
    share = (1 - UNIFORM_SHARE) * wanted / np.maximum(room, 1)
    by_cell = share + UNIFORM_SHARE * count / free.height
    salt, project = drawing
    rows = []
    for item, index in zip(free["item"], where, strict=True):
        u = max(draw(salt, project, item.partition(":")[0]), 2.0**-64)
        rows.append((float(by_cell[index]) / u, item, float(by_cell[index]), u, int(index)))
    rows.sort(key=lambda row: (-row[0], row[1]))
    tau = rows[count][0] if len(rows) > count else 0.0
    return [
        {
            "item": item,
            "probability": min(1.0, importance / tau) if tau > 0 else 1.0,
            "u": u,
            "salt": salt,
            "importance": importance,
            "priority": priority,
            "cell": index,
            "reason": f"{_named(sample, cells[index])}: {_why(wanted, index, target)}",
        }
        for priority, item, importance, u, index in rows[:count]
    ]


def _why(wanted: NDArray[np.int64], index: int, target: str) -> str:
    if wanted[index]:
        return f"a label here makes {_WORDS[target]} surest"
    return "kept in reach, so that nothing goes unseen"


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
