"""What the evaluator may be used for: explore, watch trends, or gate; never on too little data."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any

from analytics.alignment.score_types import ScoreType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.alignment.figure import Figure
    from analytics.alignment.sample import Reading, Sample

PAIRS_MIN = 10
CLASS_PROVISIONAL, CLASS_RELIABLE = 20, 50
TRENDS_MIN, GATE_MIN = 0.4, 0.7
NUMERIC_MIN = 30


def deciding_figure(score_type: ScoreType) -> str:
    """The one figure whose lower bound decides."""
    match score_type:
        case ScoreType.BOOLEAN:
            return "mcc"
        case ScoreType.CATEGORICAL:
            return "cohen_kappa"
        case ScoreType.ORDINAL:
            return "weighted_kappa"
        case ScoreType.NUMERIC:
            return "ccc"


def verdict(
    sample: Sample,
    raw: Mapping[str, Figure],
    weighted: Mapping[str, Figure],
    ceiling: Mapping[str, Any],
    severe: Mapping[str, Any],
) -> dict[str, Any]:
    """``too_few``, ``explore``, ``trends`` or ``gate``, the figure behind it, and why."""
    name = deciding_figure(sample.scale.score_type)
    figure = weighted[name] if weighted[name].value is not None else raw[name]
    classes = class_sizes(sample)
    fewest = min(classes.values(), default=0)
    pairs = sum(classes.values())
    reasons: list[str] = []
    if pairs < PAIRS_MIN:
        reasons.append(f"{pairs} pairs: fewer than {PAIRS_MIN} show cases, not figures")
        level = "too_few"
    else:
        level = _level(figure, fewest, reasons)
    gap = ceiling.get("evaluator_minus_human")
    if level == "gate" and gap is not None and gap.ci_high is not None and gap.ci_high < 0:
        level = "trends"
        reasons.append("the evaluator agrees with people less than people with each other")
    if severe["open"]:
        level = "trends" if level == "gate" else level
        reasons.append(severe["sentence"])
    if not figure.weighted and level != "too_few":
        reasons.append("unweighted: it holds for the labelled items only")
    return {
        "level": level,
        "sentence": _SENTENCES[level],
        "figure": name,
        "lower_bound": figure.ci_low,
        "weighted": figure.weighted,
        "thresholds": {"trends": TRENDS_MIN, "gate": GATE_MIN},
        "class_sizes": classes,
        "fewest": fewest,
        "reasons": reasons,
    }


_SENTENCES = {
    "too_few": "Too few labels to say anything.",
    "explore": "Use it to explore: look at what it flags, do not count on its numbers.",
    "trends": "Use it to watch trends; do not let it decide alone.",
    "gate": "It may gate.",
}


def _too_low(bound: float, wanted: float) -> str:
    """Cut, not rounded: a bound just below must not read as the very number it misses."""
    return f"the lower bound {floor(bound * 100) / 100:.2f} is below {wanted}"


def _level(figure: Figure, fewest: int, reasons: list[str]) -> str:
    if figure.value is None or figure.ci_low is None:
        reasons.append(f"the deciding figure is missing: {figure.null_reason or 'no interval'}")
        return "explore"
    if fewest < CLASS_PROVISIONAL:
        reasons.append(f"{fewest} labels of the rarest class, {CLASS_PROVISIONAL} are needed")
        return "explore"
    if figure.ci_low < TRENDS_MIN:
        reasons.append(_too_low(figure.ci_low, TRENDS_MIN))
        return "explore"
    if figure.ci_low < GATE_MIN:
        reasons.append(_too_low(figure.ci_low, GATE_MIN))
        return "trends"
    if fewest < CLASS_RELIABLE:
        reasons.append(f"{fewest} labels of the rarest class, {CLASS_RELIABLE} make it reliable")
        return "trends"
    return "gate"


def class_sizes(sample: Sample) -> dict[str, int]:
    """Pairs by the class people gave; numbers are one class."""
    scale = sample.scale
    if scale.score_type is ScoreType.NUMERIC:
        return {"pairs": len(sample.select("number", weighted=False))}
    reading: Reading = "binary" if scale.score_type is ScoreType.BOOLEAN else "code"
    if scale.score_type is ScoreType.BOOLEAN and scale.binary_reason is not None:
        return {"pairs": len(sample.select("number", weighted=False))}
    human = sample.select(reading, weighted=False).human.astype(int)
    return {label: int((human == code).sum()) for code, label in enumerate(scale.labels)}
