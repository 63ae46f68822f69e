"""Answers that are sets of options: every option for itself, and how much two sets overlap.

As one text "billing and tone" disagrees with "billing" as wholly as with "greeting". So each option
is a yes or no of its own, with the figures of one, and sets are compared by Jaccard's share of
common options and by MASI, which also asks whether one lies within the other (Passonneau 2006).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.alignment.acceptable import values_of
from analytics.alignment.agreement import agreement
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import wald
from analytics.alignment.linearised import standard_error, worth
from analytics.alignment.pairs import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample

    Floats = NDArray[np.float64]

NAMES = ("accuracy", "tpr", "tnr", "ppv", "npv", "f1", "mcc", "cohen_kappa")
NOTHING = "(none)"
OPTIONS_MAX = 50
_BETWEEN = " | "


def best_block(entry: dict[str, Any]) -> str:
    """Whether the weighted or the raw figures of the section (as JSON) are to be shown."""
    return "weighted" if entry["jaccard"]["weighted"]["value"] is not None else "raw"


def as_sets(frame: pl.DataFrame) -> pl.DataFrame:
    """The pairs with sets written in one way: options in order, ``(none)`` for the empty set."""
    columns = {}
    for name in ("human", "evaluator"):
        if name in frame.columns:
            texts = as_text(frame[name]).cast(pl.String)
            columns[name] = texts.map_elements(_canonical, return_dtype=pl.String)
    return frame.with_columns(**columns)


def _canonical(text: str) -> str:
    return _BETWEEN.join(sorted(options_of(text))) or NOTHING


def options_of(text: str) -> set[str]:
    """The options of a cell: a JSON list, or options with | between them."""
    return set() if text == NOTHING else set(values_of(text))


def option_sets(frame: pl.DataFrame, sample_of: Callable[[pl.DataFrame], Sample]) -> dict[str, Any]:
    """Figures of every option, raw and weighted, and the overlap of whole sets.

    ``frame`` comes from :func:`as_sets`; ``sample_of`` makes the sample of a yes-or-no frame.
    """
    texts = {*frame["human"].drop_nulls(), *frame["evaluator"].drop_nulls()}
    options = sorted(set().union(*(options_of(text) for text in texts)))
    if not options or len(options) > OPTIONS_MAX:
        reason = f"{len(options)} options" if options else "nobody chose any option"
        return {"null_reason": reason, "options": []}
    samples = {option: sample_of(_chosen(frame, option)) for option in options}
    rows = [
        {
            "option": option,
            **{
                block: {
                    name: figure
                    for name, figure in agreement(sample, weighted=block == "weighted").items()
                    if name in NAMES
                }
                for block in ("raw", "weighted")
            },
        }
        for option, sample in samples.items()
    ]
    return {"null_reason": None, "options": rows, **_overlap(list(samples.values()))}


def _chosen(frame: pl.DataFrame, option: str) -> pl.DataFrame:
    """The pairs of one option: whether each side chose it."""
    return frame.with_columns(
        pl.col(name).map_elements(
            lambda text: "true" if option in options_of(text) else "false", return_dtype=pl.String
        )
        for name in ("human", "evaluator")
    ).drop("also_acceptable", "gold", strict=False)


def _overlap(samples: list[Sample]) -> dict[str, Any]:
    """Mean Jaccard and MASI of the people's set (each option's reference) and the evaluator's."""
    first = samples[0]
    human, evaluator = (
        np.column_stack([s.frame[f"{side}_binary"].cast(pl.Float64).to_numpy() for s in samples])
        for side in ("h", "e")
    )
    known = np.isfinite(human).all(axis=1) & np.isfinite(evaluator).all(axis=1)
    ties = int((first.frame["labelled"].to_numpy() & ~np.isfinite(human).all(axis=1)).sum())
    common = (human * evaluator).sum(axis=1)
    either = np.maximum(human, evaluator).sum(axis=1)
    shares = np.divide(common, either, out=np.ones(len(human)), where=either > 0)
    within = np.where(
        shares == 1,
        1.0,
        np.where(
            common == np.minimum(human.sum(axis=1), evaluator.sum(axis=1)),
            2 / 3,
            np.where(common > 0, 1 / 3, 0.0),
        ),
    )
    result: dict[str, Any] = {"ties": ties}
    for name, values in (("jaccard", shares), ("masi", shares * within)):
        result[name] = {
            block: _mean(first, values, known, weighted=block == "weighted")
            for block in ("raw", "weighted")
        }
    return result


def _mean(sample: Sample, values: Floats, known: NDArray[np.bool_], *, weighted: bool) -> Figure:
    if weighted and not sample.has_design:
        return missing("no inclusion probabilities were recorded", weighted=True)
    used = known & sample.frame["excluded"].is_null().to_numpy() if weighted else known
    if not used.any():
        return missing("no item has both sides", weighted=weighted)
    weights = sample.frame["weight"].to_numpy()[used] if weighted else np.ones(int(used.sum()))
    clusters = None
    if sample.has_clusters:
        codes = sample.frame["cluster_code"].to_numpy()[used]
        clusters = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    value = float(np.average(values[used], weights=weights))
    influence = values[used] - value
    error = standard_error(influence, weights, clusters)
    low, high = wald(value, error, low=0.0, high=1.0) if np.isfinite(error) else (None, None)
    return Figure(
        value=value, ci_low=low, ci_high=high, method="linearised", n=len(influence),
        n_eff=worth(influence, weights, clusters), weighted=weighted,
    )  # fmt: skip
