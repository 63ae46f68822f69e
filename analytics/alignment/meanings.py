"""What each figure is called and means, in one place for every form of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Meaning(NamedTuple):
    """A figure's title and one sentence."""

    title: str
    sentence: str


MEANINGS: dict[str, Meaning] = {
    "accuracy": Meaning("Agreement", "same verdict"),
    "balanced_accuracy": Meaning("Balanced accuracy", "mean recall of the classes"),
    "tpr": Meaning("Catch rate (TPR)", "positive cases caught"),
    "tnr": Meaning("TNR", "negative cases let through"),
    "ppv": Meaning("Precision (PPV)", "flags that were right"),
    "npv": Meaning("NPV", "passes that were right"),
    "f1": Meaning("F1", "precision and recall in one"),
    "mcc": Meaning("MCC", "correlation of verdicts"),
    "cohen_kappa": Meaning("Cohen's kappa", "agreement beyond chance"),
    "weighted_kappa": Meaning("Weighted kappa", "far misses cost more (quadratic)"),
    "weighted_kappa_linear": Meaning("Linear kappa", "far misses cost more (linear)"),
    "gwet_ac1": Meaning("Gwet's AC1", "rises with skew; secondary only"),
    "gwet_ac2": Meaning("Gwet's AC2", "AC1, far misses cost more"),
    "pabak": Meaning("PABAK", "agreement, rescaled"),
    "krippendorff_alpha": Meaning("Krippendorff's alpha", "evaluator as one more rater"),
    "acceptable": Meaning("Within what people accept", "verdict, or one as good"),
    "within_one": Meaning("Within one step", "at most one step apart"),
    "pearson": Meaning("Pearson", "linear correlation"),
    "spearman": Meaning("Spearman", "rank correlation"),
    "kendall_tau_b": Meaning("Kendall's tau-b", "pairs in the same order"),
    "ccc": Meaning("Concordance (CCC)", "also level and spread"),
    "bias": Meaning("Bias", "evaluator minus people"),
    "mae": Meaning("MAE", "mean distance"),
    "rmse": Meaning("RMSE", "root mean squared distance"),
    "naive": Meaning("Naive", "evaluator's own rate, uncorrected"),
    "human_weighted": Meaning("Labels alone", "people's rate, design-weighted"),
    "ppi": Meaning("PPI++", "labels helped by scores"),
    "stratified": Meaning("Stratified", "PPI++ in each stratum"),
    "rogan_gladen": Meaning("Rogan-Gladen", "corrected by TPR and TNR"),
}
"""By the key that JSON uses."""


def headline(score_type: str) -> tuple[str, ...]:
    """The three figures shown first for a score type."""
    match score_type:
        case "boolean":
            return ("tpr", "tnr", "mcc")
        case "categorical":
            return ("cohen_kappa", "balanced_accuracy", "accuracy")
        case "ordinal":
            return ("weighted_kappa", "within_one", "bias")
        case _:
            return ("ccc", "bias", "spearman")


def rate_title(rates: Mapping[str, Any]) -> str:
    """What the pass-rate section is about: a pass rate only when a value was named as good."""
    if rates["of"] == "mean score":
        return "Mean score"
    title = "Pass rate" if rates["named_pass"] else "Rate"
    return f"{title}: share of {rates['of']}" if rates["of"] else title
