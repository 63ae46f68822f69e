"""What can go wrong with text models.

TextModelError              (an AnalyticsError)
├── UnreadableHeadError     a file that is not a head of this version
└── UnusableDataError       a data folder that lacks what the training needs
"""

from __future__ import annotations

from analytics.errors import AnalyticsError


class TextModelError(AnalyticsError):
    """Base of every error of this package."""


class UnreadableHeadError(TextModelError):
    """A file that is not a head of this version."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(
            f"{source} cannot be used as a classifier: {reason}; train it again with "
            "'python -m analytics.text.train' or reinstall the product"
        )


class UnusableDataError(TextModelError):
    """A data folder that lacks what the training needs."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"cannot train from {place}: {reason}")
