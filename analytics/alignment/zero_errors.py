"""Rates of which no error was seen: how large the error may still be.

An interval around 1 says little that a person remembers. "No miss in 20" is read rightly as soon as
the largest miss rate that still fits stands beside it: about three over the number of cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.alignment.figure import Figure
from analytics.alignment.intervals import zero_error_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

RATES = {
    "tpr": "miss rate", "tnr": "false-alarm rate", "ppv": "share of wrong flags",
    "npv": "share of wrong passes", "accuracy": "share of disagreements",
}  # fmt: skip
"""The rates that may show no error, and what their errors are called."""


def zero_errors(raw: Mapping[str, Figure], weighted: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """For each rate without an error its one-sided 95 % bound, weighted where that is known."""
    found = []
    for name, called in RATES.items():
        figure = weighted[name] if weighted[name].value is not None else raw[name]
        if figure.value is None or figure.value < 1 or not figure.n_eff:
            continue
        top = zero_error_bound(figure.n_eff)
        found.append(
            {
                "figure": name,
                "error": Figure(
                    value=0.0, ci_low=0.0, ci_high=top, method="one_sided_zero_errors",
                    n=figure.n, n_eff=figure.n_eff, weighted=figure.weighted,
                ),
                "sentence": f"{called}: no error in {figure.n}, so at most {top:.1%} "
                "(one-sided 95 %)",
            }
        )  # fmt: skip
    return found
