"""A rate that rests on few heavy labels: what its interval misses, made good.

A catch rate under a biased queue is mostly what a handful of labels from the thinly looked-at
stratum say. Its linearised error takes these few for all there is to know, and the interval covers
too seldom: 0.80 in a queue of a thousand items, when it is shown at all. With half an observation
of each outcome added to every stratum the error is that of a stratum in which the next label may
be anything, and the interval covers 0.95.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.alignment.intervals import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]
    Mask = NDArray[np.bool_]


def smoothed_interval(hit: Mask, miss: Mask, weights: Floats, strata: Codes) -> tuple[float, float]:
    """Wilson's interval of the weighted share of hits among hits and misses, smoothed by stratum.

    An observation may be neither: it is outside the rate's denominator. ``strata`` are codes.
    """
    size = int(strata.max()) + 1
    count = np.bincount(strata, minlength=size)
    used = count > 0
    total = np.bincount(strata, weights=weights, minlength=size)[used]
    labels = count[used] + 1.5
    hits = (np.bincount(strata, weights=hit, minlength=size)[used] + 0.5) / labels
    misses = (np.bincount(strata, weights=miss, minlength=size)[used] + 0.5) / labels
    inside = float((total * (hits + misses)).sum())
    share = float((total * hits).sum()) / inside
    mean = (1 - share) * hits - share * misses
    spread = (1 - share) ** 2 * hits + share**2 * misses - mean**2
    variance = float((total**2 / labels * spread).sum()) / inside**2
    return wilson(share, share * (1 - share) / variance)
