"""Windows of time: the deciding figure, and what stands behind it, in weeks of enough labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment import correlation, tables
from analytics.alignment.ceiling import rating_table
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import fisher_z
from analytics.alignment.linearised import cell_influence, standard_error, worth
from analytics.alignment.pairs import moments
from analytics.alignment.rater_pairs import every_pair, mean_kappa
from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from datetime import date

    from analytics.alignment.sample import Reading, Sample

WINDOW_DAYS = 7
WINDOW_LABELS_MIN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The labels of some whole weeks."""

    start: str
    end: str
    """Last day, inclusive."""
    figure: Figure
    error: float
    human_rate: float | None
    evaluator_rate: float | None
    """Over the labelled items of the window, by weight where weights are known."""
    tpr: float | None
    tnr: float | None
    people_kappa: float | None
    """People among themselves in the window; null with one rater an item."""

    def to_json(self) -> dict[str, Any]:
        """The window as JSON values."""
        return {
            "start": self.start, "end": self.end, "figure": self.figure.to_json(),
            "human_positive_rate": self.human_rate, "evaluator_positive_rate": self.evaluator_rate,
            "tpr": self.tpr, "tnr": self.tnr, "kappa_human_human": self.people_kappa,
        }  # fmt: skip


def measured(sample: Sample, frame: pl.DataFrame, *, weighted: bool) -> tuple[Figure, float]:
    """The deciding figure on some of the items, and its standard error."""
    kind = sample.scale.score_type
    reading: Reading = "number" if kind is ScoreType.NUMERIC else "code"
    part = frame.filter(pl.col(f"h_{reading}").is_not_null() & pl.col(f"e_{reading}").is_not_null())
    if weighted:
        if not sample.has_design:
            return missing("no inclusion probabilities were recorded", weighted=True), math.nan
        part = part.filter(pl.col("excluded").is_null())
    if part.height < 2:
        return missing("fewer than two pairs", weighted=weighted, n=part.height), math.nan
    human = part[f"h_{reading}"].cast(pl.Float64).to_numpy()
    evaluator = part[f"e_{reading}"].cast(pl.Float64).to_numpy()
    weights = part["weight"].to_numpy() if weighted else np.ones(part.height)
    clusters = None
    if sample.has_clusters:
        clusters = np.unique(part["cluster_code"].to_numpy(), return_inverse=True)[1].astype(
            np.int64
        )
    if np.ptp(human) == 0 or np.ptp(evaluator) == 0:
        reason = "people or the evaluator gave one value only"
        return missing(reason, weighted=weighted, n=part.height), math.nan
    if kind is ScoreType.NUMERIC:
        value, influence = correlation.concordance(human, evaluator, weights)
    else:
        value, influence = _of_classes(sample, human, evaluator, weights)
    error = standard_error(influence, weights, clusters)
    low, high = fisher_z(value, error) if error > 0 and abs(value) < 1 else (None, None)
    figure = Figure(
        value=value, ci_low=low, ci_high=high, method="fisher_z", n=part.height,
        n_eff=worth(influence, weights, clusters), weighted=weighted,
    )  # fmt: skip
    return figure, error


def _of_classes(sample: Sample, human: Any, evaluator: Any, weights: Any) -> tuple[float, Any]:
    size = len(sample.scale.labels)
    measure: tables.Measure
    match sample.scale.score_type:
        case ScoreType.BOOLEAN:
            measure = tables.matthews
        case ScoreType.ORDINAL:
            measure = tables.kappa(tables.scale_distance(np.arange(float(size)), 2))
        case _:
            measure = tables.kappa(tables.nominal_distance(size))
    cell = (human * size + evaluator).astype(np.int64)
    total = np.bincount(cell, weights=weights, minlength=size * size)
    shares = (total / total.sum()).reshape(size, size)
    value = float(measure(shares[None].astype(np.complex128)).real[0])
    return value, cell_influence(measure, shares).ravel()[cell]


def windows(sample: Sample) -> list[Window]:
    """Weeks of at least thirty labels that count each, grown until they have them."""
    frame = sample.frame.with_columns(day=moments(pl.coalesce("rated_at", "time")).dt.date())
    dated = frame.filter(pl.col("labelled") & pl.col("day").is_not_null())
    counting = _counting(sample)
    if dated.filter(counting).height < WINDOW_LABELS_MIN:
        return []
    first = dated.select(pl.col("day").min()).item()
    frame = dated.with_columns(week=(pl.col("day") - pl.lit(first)).dt.total_days() // WINDOW_DAYS)
    counts = frame.filter(counting).group_by("week").len().drop_nulls().sort("week")
    groups: list[tuple[int, int]] = []
    start, held = None, 0
    for week, count in counts.iter_rows():
        start = week if start is None else start
        held += count
        if held >= WINDOW_LABELS_MIN:
            groups.append((start, week))
            start, held = None, 0
    if start is not None and groups:
        groups[-1] = (groups[-1][0], counts["week"].to_list()[-1])
    return [_window(sample, frame, first, *group) for group in groups]


def _counting(sample: Sample) -> pl.Expr:
    """The items that the deciding figure rests on."""
    reading = "number" if sample.scale.score_type is ScoreType.NUMERIC else "code"
    if sample.scale.score_type is ScoreType.BOOLEAN and not sample.scale.human_codes:
        reading = "binary"
    both = pl.col(f"h_{reading}").is_not_null() & pl.col(f"e_{reading}").is_not_null()
    weighted = both & pl.col("excluded").is_null()
    if sample.has_design and not sample.frame.filter(weighted).is_empty():
        return weighted
    return both


def _window(sample: Sample, frame: pl.DataFrame, first: date, start: int, end: int) -> Window:
    part = frame.filter(pl.col("week").is_between(start, end))
    weighted = sample.has_design
    figure, error = measured(sample, part, weighted=weighted)
    if figure.value is None:
        weighted = False
        figure, error = measured(sample, part, weighted=False)
    if weighted:
        part = part.filter(pl.col("excluded").is_null())
    both = part.drop_nulls(["h_binary", "e_binary"])
    right = both["h_binary"] == both["e_binary"]
    return Window(
        start=str(first + timedelta(days=WINDOW_DAYS * start)),
        end=str(first + timedelta(days=WINDOW_DAYS * (end + 1) - 1)),
        figure=figure,
        error=error,
        human_rate=_share(part, part["h_binary"], weighted=weighted),
        evaluator_rate=_share(part, part["e_binary"], weighted=weighted),
        tpr=_share(both, right.set(both["h_binary"] != 1, None), weighted=weighted),
        tnr=_share(both, right.set(both["h_binary"] != 0, None), weighted=weighted),
        people_kappa=_people(sample, part),
    )


def _share(part: pl.DataFrame, values: pl.Series, *, weighted: bool) -> float | None:
    """The weighted share of true values among those that are known."""
    known = values.is_not_null()
    if not known.any():
        return None
    weights = part["weight"].filter(known).to_numpy() if weighted else None
    return float(np.average(values.filter(known).cast(pl.Float64).to_numpy(), weights=weights))


def _people(sample: Sample, part: pl.DataFrame) -> float | None:
    """The mean kappa of people on the items of a window."""
    if sample.scale.score_type is ScoreType.NUMERIC:
        return None
    ratings = sample.ratings.join(part.select("item"), on="item", how="semi")
    if ratings.height <= part.height:
        return None
    table = rating_table(replace(sample, ratings=ratings))
    pairs = every_pair(len(table.raters))
    return mean_kappa(table.values, len(sample.scale.labels), pairs, None).value
