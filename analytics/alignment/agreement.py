"""Every agreement figure of one sample, raw or design-weighted.

A figure that does not apply to the score type, or is undefined on these data, is null with the
reason. Rates take Wilson's interval with an effective size, coefficients Fisher's z around a
linearised standard error; see the package's README for the rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment import correlation, tables
from analytics.alignment.acceptable import acceptable
from analytics.alignment.figure import Figure, missing
from analytics.alignment.intervals import fisher_z, variance_size, wald, wilson
from analytics.alignment.linearised import cell_influence, kish, mean_size, standard_error, worth
from analytics.alignment.reference import numbers_of
from analytics.alignment.sample import strata_of
from analytics.alignment.score_types import ScoreType
from analytics.alignment.sparse_rate import smoothed_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from analytics.alignment.sample import Sample, Selected

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

NAMES = (
    "accuracy", "balanced_accuracy", "tpr", "tnr", "ppv", "npv", "f1", "mcc", "cohen_kappa",
    "weighted_kappa", "weighted_kappa_linear", "gwet_ac1", "gwet_ac2", "pabak",
    "krippendorff_alpha", "acceptable", "within_one", "pearson", "spearman", "kendall_tau_b", "ccc",
    "bias", "mae", "rmse",
)  # fmt: skip
"""Every figure of a block, in the order of the report."""

_STRATUM_POSITIVES_MIN = 5
_STRATUM_SHARE_MIN = 0.10
_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class _Table:
    """A weighted confusion table and what the intervals need beside it."""

    selected: Selected
    shares: Floats
    size: int

    @classmethod
    def of(cls, selected: Selected, size: int) -> _Table:
        cell = (selected.human * size + selected.evaluator).astype(np.int64)
        total = np.bincount(cell, weights=selected.weights, minlength=size * size)
        return cls(selected, (total / total.sum()).reshape(size, size), size)

    def moved(self, measure: tables.Measure) -> tuple[float, Floats]:
        """The measure's value and each observation's influence on it."""
        value = float(measure(self.shares[None].astype(np.complex128)).real[0])
        by_cell = cell_influence(measure, self.shares)
        chosen = self.selected
        return value, by_cell[chosen.human.astype(np.int64), chosen.evaluator.astype(np.int64)]

    def rate(
        self,
        measure: tables.Measure,
        inside: NDArray[np.bool_],
        strata: Codes | None = None,
        parts: Sequence[NDArray[np.bool_]] = (),
    ) -> Figure:
        """A share among the observations ``inside``, with Wilson's interval.

        ``strata`` are given for a share of single cells: few heavy labels then widen the interval.
        ``parts`` are given for what is no single share, as the observations of each class behind
        it: its spread is never that of one share of all of them.
        """
        value, influence = self.moved(measure)
        error = standard_error(influence, self.selected.weights, self.selected.clusters)
        # Shares of cells add up to 1 with a rounding error; all of them is all of them.
        value = float(round(value)) if abs(value - round(value)) < _EDGE else value
        chosen = self.selected
        ceiling = kish(chosen.weights[inside])
        if parts:
            ceiling = mean_size(parts, chosen.human == chosen.evaluator, chosen.weights, ceiling)
        plain = not chosen.weighted and chosen.clusters is None and not parts
        size = ceiling if plain else variance_size(value, error, ceiling)
        low, high = wilson(value, size)
        method = "wilson" if plain else "wilson_n_eff"
        if strata is not None and np.ptp(chosen.weights) > _EDGE:
            right = inside & (chosen.human == chosen.evaluator)
            bounds = smoothed_interval(right, inside & ~right, chosen.weights, strata)
            if bounds[0] < low or bounds[1] > high:
                low, high = min(low, bounds[0]), max(high, bounds[1])
                method = "wilson_n_eff_smoothed"
        return Figure(
            value=value, ci_low=low, ci_high=high, method=method, n=int(inside.sum()), n_eff=size,
            weighted=chosen.weighted,
        )  # fmt: skip

    def coefficient(self, measure: tables.Measure) -> Figure:
        """A coefficient in [-1, 1], with Fisher's z interval."""
        chosen = self.selected
        value, influence = self.moved(measure)
        error = standard_error(influence, chosen.weights, chosen.clusters)
        low, high, method = self._coefficient_interval(measure, value, error)
        return Figure(
            value=value, ci_low=low, ci_high=high, method=method, n=len(chosen),
            n_eff=worth(influence, chosen.weights, chosen.clusters), weighted=chosen.weighted,
        )  # fmt: skip

    def _coefficient_interval(
        self, measure: tables.Measure, value: float, error: float
    ) -> tuple[float | None, float | None, str]:
        if math.isnan(error):
            return None, None, "none: a single cluster"
        if error > _EDGE and abs(value) < 1:
            return *fisher_z(value, error), "fisher_z"
        # Without spread the standard error is 0 and says nothing: half an observation is added to
        # every cell, and the interval of that table is stretched to hold the value itself.
        size = kish(self.selected.weights)
        counts = self.shares * size + 0.5
        shares = counts / counts.sum()
        near = float(measure(shares[None].astype(np.complex128)).real[0])
        spread = float((shares * cell_influence(measure, shares) ** 2).sum())
        low, high = fisher_z(near, math.sqrt(spread / counts.sum()))
        return min(low, value), max(high, value), "fisher_z_half_added"


def agreement(sample: Sample, *, weighted: bool) -> dict[str, Figure]:
    """Every figure of :data:`NAMES`, raw or design-weighted."""
    if weighted and not sample.has_design:
        reason = "no inclusion probabilities were recorded, so nothing can be weighted"
        return {name: missing(reason, weighted=True) for name in NAMES}
    figures: dict[str, Figure] = {}
    figures.update(_binary(sample, weighted=weighted))
    figures.update(_classes(sample, weighted=weighted))
    figures.update(_numeric(sample, weighted=weighted))
    if sample.scale.score_type is not ScoreType.NUMERIC:
        figures["acceptable"] = acceptable(sample, weighted=weighted)
    kind = sample.scale.score_type
    rest = missing(f"does not apply to {kind} scores", weighted=weighted)
    return {name: figures.get(name, rest) for name in NAMES}


def _nothing(selected: Selected) -> str | None:
    """Why there is nothing to compare; None when there is something."""
    if len(selected) == 0:
        what = "a weight, a human value" if selected.weighted else "a human value"
        return f"no item has both {what} and an evaluator score"
    return None


def _binary(sample: Sample, *, weighted: bool) -> dict[str, Figure]:
    names = ["tpr", "tnr", "ppv", "npv"]
    kind = sample.scale.score_type
    # Numbers that thresholds cut in two have the figures of a yes or no beside their own.
    two = kind in (ScoreType.BOOLEAN, ScoreType.NUMERIC)
    if two:
        names += ["accuracy", "balanced_accuracy", "f1", "mcc", "cohen_kappa", "gwet_ac1", "pabak"]
    if kind is ScoreType.BOOLEAN:
        names += ["weighted_kappa", "krippendorff_alpha"]
    if sample.scale.binary_reason is not None:
        reason = sample.scale.binary_reason
        return {name: missing(reason, weighted=weighted) for name in names}
    selected = sample.select("binary", weighted=weighted)
    reason_nothing = _nothing(selected)
    if reason_nothing:
        return {name: missing(reason_nothing, weighted=weighted) for name in names}
    table = _Table.of(selected, 2)
    figures = _rates(table, strata_of(sample, selected) if weighted else None)
    withheld = _withheld(sample, selected) if weighted else None
    if withheld and figures["tpr"].value is not None:
        figures["tpr"] = missing(withheld, weighted=True, n=figures["tpr"].n)
    if two:
        figures.update(_class_figures(table))
        figures["weighted_kappa"] = figures["cohen_kappa"]
        figures["f1"] = _f1(table)
    return {name: figures[name] for name in names}


def _rates(table: _Table, strata: Codes | None) -> dict[str, Figure]:
    human, evaluator = table.selected.human == 1, table.selected.evaluator == 1
    weighted = table.selected.weighted
    wanted = (
        ("tpr", tables.recall(1), human, "people found no positive case"),
        ("tnr", tables.recall(0), ~human, "people found no negative case"),
        ("ppv", tables.precision(1), evaluator, "the evaluator called nothing positive"),
        ("npv", tables.precision(0), ~evaluator, "the evaluator called nothing negative"),
    )
    return {
        name: table.rate(measure, inside, strata)
        if inside.any()
        else missing(reason, weighted=weighted)
        for name, measure, inside, reason in wanted
    }


def _f1(table: _Table) -> Figure:
    chosen = table.selected
    inside = (chosen.human == 1) | (chosen.evaluator == 1)
    if not inside.any():
        reason = "neither people nor the evaluator found a positive case"
        return missing(reason, weighted=chosen.weighted)
    return table.rate(tables.f1_of(1), inside, parts=[inside])


def _withheld(sample: Sample, selected: Selected) -> str | None:
    """Why a weighted catch rate would rest on too few cases; None when it would not."""
    positive = selected.human == 1
    if not positive.any():
        return None
    strata = strata_of(sample, selected)
    weight = np.bincount(strata, weights=selected.weights * positive)
    seen = np.bincount(strata, weights=positive)
    heavy = weight > _STRATUM_SHARE_MIN * weight.sum()
    thin = heavy & (seen < _STRATUM_POSITIVES_MIN)
    if not thin.any():
        return None
    worst = int(np.argmax(np.where(thin, weight, 0)))
    share = weight[worst] / weight.sum()
    return (
        f"withheld: one stratum holds {share:.0%} of the estimated positives with only "
        f"{int(seen[worst])} seen (5 are needed)"
    )


def _classes(sample: Sample, *, weighted: bool) -> dict[str, Figure]:
    kind = sample.scale.score_type
    if kind not in (ScoreType.CATEGORICAL, ScoreType.ORDINAL):
        return {}
    selected = sample.select("code", weighted=weighted)
    names = ["accuracy", "balanced_accuracy", "f1", "mcc", "cohen_kappa", "gwet_ac1", "pabak",
             "krippendorff_alpha"]  # fmt: skip
    if kind is ScoreType.ORDINAL:
        names += ["weighted_kappa", "weighted_kappa_linear", "gwet_ac2", "within_one"]
    reason = _nothing(selected)
    if reason:
        return {name: missing(reason, weighted=weighted) for name in names}
    table = _Table.of(selected, len(sample.scale.labels))
    figures = _class_figures(table)
    everything = np.ones(len(selected), dtype=bool)
    either = [(selected.human == code) | (selected.evaluator == code) for code in range(table.size)]
    figures["f1"] = table.rate(tables.f1_macro, everything, parts=either)
    if kind is ScoreType.ORDINAL:
        figures.update(_ordinal_figures(table, np.array(numbers_of(sample.scale))))
    return figures


def _class_figures(table: _Table) -> dict[str, Figure]:
    size, chosen = table.size, table.selected
    everything = np.ones(len(chosen), dtype=bool)
    human, evaluator = table.shares.sum(axis=1), table.shares.sum(axis=0)
    distance = tables.nominal_distance(size)
    if size < 2:
        nothing = missing("only one class exists", weighted=chosen.weighted, n=len(chosen))
        names = ("balanced_accuracy", "gwet_ac1", "pabak", "mcc", "cohen_kappa")
        return dict.fromkeys((*names, "krippendorff_alpha"), nothing) | {
            "accuracy": table.rate(tables.accuracy, everything)
        }
    figures = {
        "accuracy": table.rate(tables.accuracy, everything),
        "balanced_accuracy": table.rate(
            tables.balanced_accuracy,
            everything,
            parts=[chosen.human == code for code in range(size)],
        ),
        "gwet_ac1": table.coefficient(tables.gwet(np.eye(size))),
        "pabak": table.coefficient(tables.pabak),
    }
    one_class = f"only one of {size} classes was used, by people or by the evaluator"
    if (human > 0).sum() < size and size == 2:
        reason = "people used one class only, so the recall of the other is unknown"
        figures["balanced_accuracy"] = missing(reason, weighted=chosen.weighted, n=len(chosen))
    constant = (human > 0).sum() < 2 or (evaluator > 0).sum() < 2
    both_constant = ((human + evaluator) > 0).sum() < 2
    figures["mcc"] = (
        missing(one_class, weighted=chosen.weighted, n=len(chosen))
        if constant
        else table.coefficient(tables.matthews)
    )
    alpha = tables.alpha_two_raters(distance, len(chosen))
    for name, measure in (("cohen_kappa", tables.kappa(distance)), ("krippendorff_alpha", alpha)):
        reason = "people and the evaluator all used the same single class"
        figures[name] = (
            missing(reason, weighted=chosen.weighted, n=len(chosen))
            if both_constant
            else table.coefficient(measure)
        )
    return figures


def _ordinal_figures(table: _Table, levels: Floats) -> dict[str, Figure]:
    chosen = table.selected
    linear, quadratic = tables.scale_distance(levels, 1), tables.scale_distance(levels, 2)
    everything = np.ones(len(chosen), dtype=bool)
    figures = {"within_one": table.rate(tables.within(1), everything)}
    wanted = {
        "weighted_kappa": tables.kappa(quadratic),
        "weighted_kappa_linear": tables.kappa(linear),
        "krippendorff_alpha": tables.alpha_two_raters(None, len(chosen)),
    }
    used = (table.shares.sum(axis=0) + table.shares.sum(axis=1)) > 0
    for name, measure in wanted.items():
        figures[name] = (
            table.coefficient(measure)
            if used.sum() > 1
            else missing("everyone used the same point", weighted=chosen.weighted, n=len(chosen))
        )
    figures["gwet_ac2"] = (
        table.coefficient(tables.gwet(1 - quadratic))
        if len(levels) > 1
        else missing("the scale has one point", weighted=chosen.weighted, n=len(chosen))
    )
    return figures


def _numeric(sample: Sample, *, weighted: bool) -> dict[str, Figure]:
    kind = sample.scale.score_type
    mixed = kind is ScoreType.BOOLEAN and bool(
        sample.scale.human_numbers and sample.scale.evaluator_numbers
    )
    if kind not in (ScoreType.NUMERIC, ScoreType.ORDINAL) and not mixed:
        return {}
    correlations = {
        "pearson": correlation.pearson,
        "spearman": correlation.spearman,
        "kendall_tau_b": correlation.kendall_tau_b,
    }
    distances = {
        "bias": correlation.bias,
        "mae": correlation.mean_absolute_error,
        "rmse": correlation.root_mean_squared_error,
    }
    concordances = {"ccc": correlation.concordance}
    if kind is ScoreType.NUMERIC:
        concordances["krippendorff_alpha"] = correlation.interval_alpha
    names = [*correlations] if mixed else [*correlations, *distances, *concordances]
    selected = sample.select("number", weighted=weighted)
    reason = _nothing(selected) or ("two items are needed" if len(selected) < 2 else None)
    if reason:
        return {name: missing(reason, weighted=weighted, n=len(selected)) for name in names}
    figures = {}
    same_human, same_evaluator = _constant(selected.human), _constant(selected.evaluator)
    constant = "people" if same_human else "the evaluator" if same_evaluator else None
    for name, measure in correlations.items():
        reason = f"{constant} gave every item the same score" if constant else None
        figures[name] = _numeric_figure(measure, selected, reason, bounded=True)
    if mixed:
        return figures
    identical = same_human and same_evaluator
    for name, measure in concordances.items():
        reason = "every score is the same" if identical else None
        figures[name] = _numeric_figure(measure, selected, reason, bounded=True)
    for name, measure in distances.items():
        figures[name] = _numeric_figure(measure, selected, None, bounded=False)
    return figures


def _constant(values: Floats) -> bool:
    return bool((values == values[0]).all())


def _numeric_figure(
    measure: Callable[[Floats, Floats, Floats], correlation.Estimate],
    selected: Selected,
    reason: str | None,
    *,
    bounded: bool,
) -> Figure:
    if reason:
        return missing(reason, weighted=selected.weighted, n=len(selected))
    value, influence = measure(selected.human, selected.evaluator, selected.weights)
    error = standard_error(influence, selected.weights, selected.clusters)
    low: float | None
    high: float | None
    method = "fisher_z" if bounded else "linearised"
    if math.isnan(error):
        low, high, method = None, None, "none: a single cluster"
    elif bounded and (len(selected) < 4 or error <= _EDGE or abs(value) >= 1 - _EDGE):
        low, high, method = None, None, "none: too few items or no spread around the line"
    elif bounded:
        low, high = fisher_z(value, error)
    else:
        floor = (
            0.0
            if value >= 0 and method == "linearised" and measure is not correlation.bias
            else -math.inf
        )
        low, high = wald(value, error, low=floor)
    return Figure(
        value=min(1.0, max(-1.0, value)) if bounded else value,
        ci_low=low, ci_high=high, method=method, n=len(selected),
        n_eff=worth(influence, selected.weights, selected.clusters), weighted=selected.weighted,
    )  # fmt: skip
