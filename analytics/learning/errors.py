"""What can go wrong when learning from verdicts.

LearningError               (an AnalyticsError)
├── NotEnoughVerdictsError  too few answers of either kind
├── TooAlikeError           verdicts on too few different requests
├── NoModelError            nothing learned to show or to go back to
└── UnreadableModelError    a file that is not a learned classifier
"""

from __future__ import annotations

from analytics.errors import AnalyticsError


class LearningError(AnalyticsError):
    """Base of every error of this package."""


class NotEnoughVerdictsError(LearningError):
    """Too few answers of either kind."""

    def __init__(self, detector: str, right: int, wrong: int, needed: int) -> None:
        self.detector = detector
        self.right = right
        self.wrong = wrong
        self.needed = needed
        super().__init__(
            f"{detector}: {right} verdicts say right and {wrong} say wrong; at least {needed} of "
            "each are needed. Answer flag_is_right on more items of its queue, or what_is_wrong "
            "on the random floor"
        )


class TooAlikeError(LearningError):
    """Verdicts on too few different requests to compare on unseen ones."""

    def __init__(self, detector: str, kinds: int, needed: int) -> None:
        self.detector = detector
        self.kinds = kinds
        self.needed = needed
        super().__init__(
            f"{detector}: the verdicts are about requests of {kinds} kind{'s' * (kinds != 1)} that "
            f"begin alike; at least {needed} are needed. Answer on items of other requests"
        )


class NoModelError(LearningError):
    """Nothing learned to show or to go back to."""

    def __init__(self, detector: str, what: str) -> None:
        self.detector = detector
        super().__init__(f"{detector}: {what}; 'spandocket detectors train {detector}' learns one")


class UnreadableModelError(LearningError):
    """A file that is not a learned classifier."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(
            f"{source} is not a learned classifier: {reason}; go back with 'detectors rollback'"
        )
