"""What labels of an uneven sample are worth for one share, as a size of a simple sample.

Kish's size asks only how uneven the weights are. A queue that looks at everything suspicious is
uneven on purpose: its heavy labels lie where hardly anything is wrong and cost little precision.
Where strata are known the size is taken from the variance of the share itself, with half an
observation of each kind added to every stratum, so that a stratum in which nothing was seen yet is
not taken for one in which nothing is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.linearised import kish

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

STRATA_MAX = 20


def strata_by_weight(weights: Floats) -> Codes:
    """Strata of labels that have no names: one for each weight, or fifths of very many weights."""
    if len(np.unique(weights)) <= STRATA_MAX:
        return np.unique(weights, return_inverse=True)[1].astype(np.int64)
    cuts = np.quantile(weights, [0.2, 0.4, 0.6, 0.8])
    return np.searchsorted(cuts, weights, side="right").astype(np.int64)


def design_size(values: Floats, weights: Floats, strata: Codes) -> float:
    """The simple sample in which the mean of 0/1 ``values`` would be as sure as in this one.

    ``strata`` are codes from 0. Equal weights give their number, whatever the strata.
    """
    if len(values) == 0 or np.ptp(weights) <= 1e-12 * weights.max():
        return float(len(values))
    count = np.bincount(strata)
    used = count > 0
    added = np.bincount(strata, weights=weights)[used] / count[used]
    total = weights.sum() + added.sum()
    share = (float(weights @ values) + added.sum() / 2) / total
    variance = float(weights**2 @ (values - share) ** 2)
    variance += float((added**2).sum()) / 2 * ((1 - share) ** 2 + share**2)
    if not values.any() or values.all():
        return kish(weights)
    return share * (1 - share) * total**2 / variance


def unseen_variance(weights: Floats, strata: Codes) -> float:
    """What one more label in each stratum, wrong half the time, would add to a mean's variance.

    Few heavy labels show too little spread when none of them happens to be wrong. Equal weights
    give 0: a simple sample has rules of its own for that.
    """
    if len(weights) == 0 or np.ptp(weights) <= 1e-12 * weights.max():
        return 0.0
    count = np.bincount(strata)
    used = count > 0
    mean = np.bincount(strata, weights=weights)[used] / count[used]
    return float((mean**2).sum()) / 2 / float(weights.sum()) ** 2
