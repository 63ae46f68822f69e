"""What can go wrong in the analysis.

AnalyticsError
├── UnknownDetectorError    a detector id that is not in the catalog
├── InvalidDetectorError    a declared detector that cannot be used
└── RunInProgressError      another run of the job holds the lock
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class AnalyticsError(Exception):
    """Base of every error of this package."""


class UnknownDetectorError(AnalyticsError):
    """A detector id that is not in the catalog."""

    def __init__(self, detector: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.detector = detector
        self.nearest = get_close_matches(detector, known, n=3, cutoff=0.5)
        hint = (
            f"did you mean {', '.join(self.nearest)}?"
            if self.nearest
            else f"known: {', '.join(known)}"
        )
        super().__init__(f"unknown detector {detector!r}; {hint}")


class InvalidDetectorError(AnalyticsError):
    """A declared detector that cannot be used."""

    def __init__(self, detector: str, reason: str) -> None:
        self.detector = detector
        self.reason = reason
        super().__init__(f"detector {detector!r} cannot be used: {reason}")


class RunInProgressError(AnalyticsError):
    """Another run of the job holds the lock."""

    def __init__(self, place: str, holder: str) -> None:
        self.place = place
        self.holder = holder
        super().__init__(
            f"another analysis is running ({holder}); wait for it, or stop it: the lock {place} "
            "is released when that process ends"
        )
