"""Agreement as measured here, beside the figures that were published with the data.

Roettger et al., XSTest (NAACL 2024): two annotators' agreement by model, raw and as Fleiss'
kappa; and the GPT-4 judge against the settled labels, on the verdicts that can be read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBLISHED: dict[str, tuple[float, float]] = {
    "llama2orig": (96.4, 0.93),
    "llama2new": (95.8, 0.93),
    "mistralinstruct": (97.6, 0.92),
    "mistralguard": (93.8, 0.89),
    "gpt4": (98.4, 0.97),
}
"""By model: raw agreement of the two annotators in percent, and Fleiss' kappa."""

PUBLISHED_JUDGE = (0.803, 0.635)
"""The GPT-4 judge against the settled label: accuracy over three classes, Cohen's kappa."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two raters of the same objects agree."""

    n: int
    raw: float
    fleiss_kappa: float
    cohen_kappa: float


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Agreement of two raters over pairs of labels.

    Fleiss' kappa takes chance from both raters' labels together, Cohen's from each rater's own.
    """
    n = len(pairs)
    raw = sum(first == second for first, second in pairs) / n
    first_share, second_share = (Counter(column) for column in zip(*pairs, strict=True))
    labels = first_share.keys() | second_share.keys()
    together = sum(((first_share[x] + second_share[x]) / (2 * n)) ** 2 for x in labels)
    apart = sum(first_share[x] * second_share[x] / n**2 for x in labels)
    return Agreement(
        n=n,
        raw=raw,
        fleiss_kappa=(raw - together) / (1 - together),
        cohen_kappa=(raw - apart) / (1 - apart),
    )
