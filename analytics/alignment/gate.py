"""The gate: the evaluator holds what was asked, fails it, or there are too few labels to say."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analytics.alignment.intervals import clopper_pearson, wilson, zero_error_bound
from analytics.alignment.verdict import CLASS_PROVISIONAL, NUMERIC_MIN, class_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.alignment.figure import Figure
    from analytics.alignment.report import Report
    from analytics.alignment.sample import Sample

RATES = ("accuracy", "tpr", "tnr", "ppv", "npv", "f1", "balanced_accuracy", "within_one")
SHARES = ("accuracy", "tpr", "tnr", "ppv", "npv", "within_one")
"""Plain shares of cases: a gate asks their exact interval."""
MINIMA = (
    "accuracy", "balanced_accuracy", "tpr", "tnr", "ppv", "npv", "f1", "mcc", "cohen_kappa",
    "weighted_kappa", "gwet_ac1", "krippendorff_alpha", "pearson", "spearman", "kendall_tau_b",
    "ccc",
)  # fmt: skip
MAXIMA = ("mae", "rmse")
LABELS_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One bound on one figure."""

    figure: str
    bound: float
    at_least: bool = True
    """False: at most."""


def gate(
    report: Report,
    sample: Sample,
    conditions: Sequence[Condition],
    *,
    on: str,
    severe_max: int | None = None,
) -> dict[str, Any]:
    """``passed``, ``failed`` or ``not_enough_data``, with the evidence for each condition.

    ``on`` is ``lower`` (the bound of the interval on the unfavourable side must hold) or
    ``value``. Where it is known how items were chosen weighted figures decide: one that is
    withheld is missing data, and no reason to believe the raw one. More severe false accepts open
    than ``severe_max`` fail it; None asks nothing of them.
    """
    block = report.weighted if sample.has_design else report.raw
    checks = [
        _check(block[condition.figure], condition, on, report.scope["pairs"])
        for condition in conditions
    ]
    fewest, needed = _scarcity(sample)
    wanted = max([needed, *(check["labels_needed"] or 0 for check in checks)])
    failed = [check for check in checks if check["status"] == "failed"]
    severe = report.severe_false_accepts
    too_severe = severe_max is not None and (severe["open"] or 0) > severe_max
    if all(check["holds"] for check in checks) and fewest is None and not too_severe:
        status = "passed"
    elif too_severe or (failed and (fewest is None or any(c["surely"] for c in failed))):
        status = "failed"
    else:
        status = "not_enough_data"
    return {
        "status": status,
        "passed": status == "passed",
        "sentence": _sentence(
            status, checks, wanted, fewest, severe["sentence"] if too_severe else None
        ),
        "on": on,
        "labels_needed": wanted if status == "not_enough_data" else None,
        "evaluator": report.scope.get("evaluator"),
        "evaluator_version": report.scope["evaluator_version"],
        "field": report.scope.get("field"),
        "positive": report.scope["positive"],
        "labelled": report.scope["labelled"],
        "severe_false_accepts": severe,
        "checks": checks,
    }


def _check(figure: Figure, condition: Condition, on: str, pairs: int) -> dict[str, Any]:
    name = condition.figure
    figure = _exact(name, figure)
    value, low, high = figure.value, figure.ci_low, figure.ci_high
    good, bad = (high, low) if condition.at_least else (low, high)
    judged = bad if on == "lower" else value
    holds = judged is not None and _meets(judged, condition)
    surely = good is not None and not _meets(good, condition)
    needed = None
    if holds:
        status = "held"
    elif value is None or judged is None:
        status, needed = "not_enough_data", CLASS_PROVISIONAL
    elif on == "lower" and _meets(value, condition) and value != condition.bound:
        status, needed = "not_enough_data", _labels_needed(figure, condition, pairs)
    else:
        status = "failed"
    return {
        "figure": name,
        "bound": condition.bound,
        "side": "min" if condition.at_least else "max",
        "holds": holds,
        "status": status,
        "surely": surely,
        "labels_needed": needed,
        "error_rate_max": _error_rate_max(name, figure),
        **figure.to_json(),
    }


def _exact(name: str, figure: Figure) -> Figure:
    """A share with Clopper and Pearson's interval, which never covers too seldom."""
    if name not in SHARES or figure.value is None or not figure.n_eff:
        return figure
    low, high = clopper_pearson(figure.value * figure.n_eff, figure.n_eff)
    if figure.method == "wilson_n_eff_smoothed":
        assert figure.ci_low is not None
        assert figure.ci_high is not None
        low, high = min(low, figure.ci_low), max(high, figure.ci_high)
    method = "clopper_pearson" if figure.method == "wilson" else "clopper_pearson_n_eff"
    return replace(figure, ci_low=low, ci_high=high, method=method)


def _error_rate_max(name: str, figure: Figure) -> float | None:
    """The one-sided bound of a share's errors when none was seen; null otherwise."""
    if name not in SHARES or figure.value is None or figure.value < 1 or not figure.n_eff:
        return None
    return zero_error_bound(figure.n_eff)


def _meets(value: float, condition: Condition) -> bool:
    return value >= condition.bound if condition.at_least else value <= condition.bound


def _labels_needed(figure: Figure, condition: Condition, pairs: int) -> int:
    """How many labels more until the bound would hold, if the value stays what it is.

    A rate of one class gains only from labels of that class: its share of ``pairs`` says how many
    labels that takes.
    """
    assert figure.value is not None
    assert figure.ci_low is not None
    assert figure.ci_high is not None
    worth = (figure.n_eff or figure.n) / max(1, figure.n)
    if condition.figure in RATES:
        size = figure.n
        while size < LABELS_MAX and _low(condition.figure, figure, size * worth) < condition.bound:
            size = math.ceil(size * 1.05) + 1
        return min(LABELS_MAX, math.ceil((size - figure.n) * pairs / max(1, figure.n)))
    room = abs(figure.value - condition.bound)
    bad = figure.ci_low if condition.at_least else figure.ci_high
    half = abs(figure.value - bad)
    if abs(figure.value) < 1 and condition.at_least and condition.bound > -1:
        half = math.atanh(figure.value) - math.atanh(max(bad, -1 + 1e-9))
        room = math.atanh(figure.value) - math.atanh(condition.bound)
    if room <= 0:
        return LABELS_MAX
    return min(LABELS_MAX, math.ceil(figure.n * ((half / room) ** 2 - 1)) + 1)


def _low(name: str, figure: Figure, size: float) -> float:
    assert figure.value is not None
    if name in SHARES:
        return clopper_pearson(figure.value * size, size)[0]
    return wilson(figure.value, size)[0]


def _scarcity(sample: Sample) -> tuple[tuple[str, int] | None, int]:
    """The rarest class when it has too few labels, and how many labels would be needed."""
    classes = class_sizes(sample)
    if not classes:
        return ("pairs", 0), NUMERIC_MIN
    name, fewest = min(classes.items(), key=lambda entry: entry[1])
    least = NUMERIC_MIN if list(classes) == ["pairs"] else CLASS_PROVISIONAL
    if fewest >= least:
        return None, 0
    total = sum(classes.values())
    share = (fewest + 1) / (total + 2)
    return (name, fewest), math.ceil((least - fewest) / share)


def _sentence(
    status: str,
    checks: list[dict[str, Any]],
    needed: int,
    fewest: tuple[str, int] | None,
    severe: str | None,
) -> str:
    if status == "passed":
        return "the gate holds"
    if status == "failed":
        failed = [check for check in checks if check["status"] == "failed"]
        told = [_told(check) for check in failed] + ([severe] if severe else [])
        return "the gate does not hold: " + "; ".join(told)
    because = [f"{fewest[1]} labels of {fewest[0]}"] if fewest else []
    because += [f"{c['figure']}: {c['null_reason']}" for c in checks if c["null_reason"]]
    return f"not enough data, label {needed} more" + (f" ({'; '.join(because)})" if because else "")


def _told(check: dict[str, Any]) -> str:
    low, high = check["ci_low"], check["ci_high"]
    bounds = "" if low is None else f" [{low:.3f}, {high:.3f}]"
    return f"{check['figure']} {check['value']:.3f}{bounds}, {check['side']} {check['bound']:g}"
