"""What can go wrong on the way into the review application.

ReviewError
├── BadRequestError     a request is not what the call takes
├── NotSignedInError    a token or a session is needed, and there is none that counts
├── ForeignPageError    a browser sent the write from a page of another origin
├── OtherPersonError    a request names a person other than the one who sends it
└── InsecureBindError   the settings would open the application to the network without tokens
"""

from __future__ import annotations


class ReviewError(Exception):
    """Base of every error of this package."""


class BadRequestError(ReviewError):
    """The request is not what the call takes."""


class NotSignedInError(ReviewError):
    """A token or a session is needed, and there is none that counts."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}; sign in on the page, or send 'authorization: Bearer TOKEN'")


class ForeignPageError(ReviewError):
    """A browser sent the write from a page of another origin."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        super().__init__(f"a page of {origin} may not write here")


class OtherPersonError(ReviewError):
    """A request names a person other than the one who sends it."""

    def __init__(self, person: str, named: str) -> None:
        self.person = person
        self.named = named
        super().__init__(f"{person} may not act as {named}; leave the name out, or sign in as them")


class InsecureBindError(ReviewError):
    """The settings would open the application to the network without tokens."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"refusing to serve the review page on {host} without tokens: anyone could answer as "
            "anyone; make one for each reviewer with 'spandocket tokens create --reviewer NAME', "
            "or set review.allow_anonymous = true"
        )
