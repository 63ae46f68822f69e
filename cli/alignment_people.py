"""Reviewers on a terminal: how each agrees with the others, with what is known, with themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

REVIEWER_COLUMNS = (
    "reviewer", "labels", "with_others", "with_adjudication", "gold", "repeats", "repeat_kappa",
)  # fmt: skip


def reviewer_rows(entries: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """One row a reviewer; each cell is a figure with its interval, or empty."""
    return [
        {
            "reviewer": str(entry["rater"] or "(not named)"),
            "labels": str(entry["labels"]),
            "with_others": _short(entry["agreement_with_others"]),
            "with_adjudication": _short(entry["agreement_with_adjudication"]),
            "gold": _short(entry["gold_accuracy"]),
            "repeats": _short(entry["repeat_consistency"]["agreement"]),
            "repeat_kappa": _short(entry["repeat_consistency"]["kappa"]),
        }
        for entry in entries
    ]


def has_news(entries: Sequence[dict[str, Any]]) -> bool:
    """Whether anything but the number of labels is known of any reviewer."""
    return any(
        figure["value"] is not None
        for entry in entries
        for figure in (
            entry["agreement_with_others"],
            entry["agreement_with_adjudication"],
            entry["gold_accuracy"],
            entry["repeat_consistency"]["agreement"],
        )
    )


def _short(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return ""
    if figure["ci_low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} [{figure['ci_low']:.2f}, {figure['ci_high']:.2f}]"
