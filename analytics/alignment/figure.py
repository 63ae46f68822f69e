"""A figure: a value with its interval, how it was made, and why it is missing when it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a report.

    ``value`` is null exactly when ``null_reason`` is set: an undefined figure is never 0 or 1.
    """

    value: float | None
    """The estimate; in the score's unit for bias, MAE and RMSE, else a share or a coefficient."""
    ci_low: float | None = None
    """Lower bound of the interval; null when no interval can be given."""
    ci_high: float | None = None
    """Upper bound of the interval."""
    method: str | None = None
    """How the interval was made: wilson, fisher_z, linearised, percentile_bootstrap, ..."""
    n: int = 0
    """Observations in the denominator."""
    n_eff: float | None = None
    """What they are worth after weights and clusters."""
    weighted: bool = False
    """Whether design weights were used."""
    null_reason: str | None = None
    """Why there is no value."""
    seed: int | None = None
    """Seed of the random draws behind the interval; null when there were none."""

    def to_json(self) -> dict[str, Any]:
        """The figure as JSON values; a number that is not finite never leaves here."""
        return {
            "value": _finite(self.value),
            "ci_low": _finite(self.ci_low),
            "ci_high": _finite(self.ci_high),
            "method": self.method,
            "n": self.n,
            "n_eff": _finite(self.n_eff),
            "weighted": self.weighted,
            "null_reason": self.null_reason,
            "seed": self.seed,
        }


def missing(reason: str, *, weighted: bool = False, n: int = 0) -> Figure:
    """A figure that has no value, and why."""
    return Figure(value=None, null_reason=reason, weighted=weighted, n=n)


def share(hits: int, size: int, reason: str) -> Figure:
    """A share of equally weighted observations with Wilson's interval; the reason when none is."""
    from analytics.alignment.intervals import wilson

    if size == 0:
        return missing(reason)
    low, high = wilson(hits / size, size)
    return Figure(
        value=hits / size, ci_low=low, ci_high=high, method="wilson", n=size, n_eff=float(size)
    )


def plain(value: Any) -> Any:
    """Turn figures, mappings and sequences into JSON values, all the way down."""
    if isinstance(value, Figure):
        return value.to_json()
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return _finite(value)
    if hasattr(value, "item"):
        return plain(value.item())
    return value


def _finite(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(value) + 0.0
