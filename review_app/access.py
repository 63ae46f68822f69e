"""Who is asking: by a reviewer's token, by the session that signing in began, or by word alone.

Without reviewer tokens the application believes the name it is told, and listens on this machine
alone. With the first token every call needs one, or a session.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from review_app.errors import (
    ForeignPageError,
    InsecureBindError,
    NotSignedInError,
    OtherPersonError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request

    from review_app.config import ReviewConfig

COOKIE = "spandocket_session"
PERSON_HEADER = "x-spandocket-person"
"""Who writes, percent-encoded: believed without tokens, must agree with the token otherwise."""
_READING = {"GET", "HEAD"}


class ReviewerToken(Protocol):
    """What is known of a live token."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def person(self) -> str: ...  # noqa: D102

    @property
    def project(self) -> str: ...  # noqa: D102


class ReviewerTokens(Protocol):
    """Where the reviewers' tokens are kept; changes there are seen at the next call."""

    def has_any(self) -> bool:
        """Whether a token is needed."""
        ...

    def live(self, text: str) -> ReviewerToken | None:
        """The token with this text, unless it was revoked."""
        ...

    def is_live(self, token_id: str) -> bool:
        """Whether the token was made and not revoked."""
        ...


class NoTokens:
    """No reviewer needs a token."""

    def has_any(self) -> bool:
        """Never."""
        return False

    def live(self, text: str) -> ReviewerToken | None:  # noqa: ARG002
        """None."""
        return None

    def is_live(self, token_id: str) -> bool:  # noqa: ARG002
        """Never."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    token_id: str
    person: str
    until: datetime


class Access:
    """Turns a request into a person.

    Sessions live in this process, known by the hash of their secret: after a new start people sign
    in again. A session ends with its token.
    """

    def __init__(
        self,
        tokens: ReviewerTokens,
        *,
        project: str,
        session_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._tokens = tokens
        self._project = project
        self.session_seconds = session_seconds
        self._clock = clock
        self._sessions: dict[str, _Session] = {}

    @property
    def is_guarded(self) -> bool:
        """Whether a token or a session is needed."""
        return self._tokens.has_any()

    def sign_in(self, token_text: str) -> tuple[str, str]:
        """Begin a session: its secret and the person. Raises :class:`NotSignedInError`."""
        token = self._live(token_text.strip())
        now = self._clock()
        self._sessions = {key: each for key, each in self._sessions.items() if each.until > now}
        secret = secrets.token_urlsafe(32)
        until = now + timedelta(seconds=self.session_seconds)
        self._sessions[_hash(secret)] = _Session(
            token_id=token.id, person=token.person, until=until
        )
        return secret, token.person

    def sign_out(self, request: Request) -> None:
        """End the request's session, when there is one."""
        self._sessions.pop(_hash(request.cookies.get(COOKIE, "")), None)

    def person_of(self, request: Request) -> str | None:
        """Who sends the request; None when nobody is named and nobody needs to be.

        Raises :class:`NotSignedInError`, :class:`ForeignPageError`, :class:`OtherPersonError`.
        """
        named = unquote(request.headers.get(PERSON_HEADER, "")).strip()
        if request.method not in _READING:
            _refuse_foreign_page(request)
        if not self.is_guarded:
            return named or None
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            person = self._live(text.strip()).person
        else:
            person = self._session_of(request).person
        if named not in {"", person}:
            raise OtherPersonError(person, named)
        return person

    def _live(self, text: str) -> ReviewerToken:
        token = self._tokens.live(text)
        if token is None:
            raise NotSignedInError("this token is unknown or revoked")
        if token.project != self._project:
            raise NotSignedInError(f"this token is for project {token.project!r}")
        return token

    def _session_of(self, request: Request) -> _Session:
        cookie = request.cookies.get(COOKIE, "")
        session = self._sessions.get(_hash(cookie)) if cookie else None
        if session is None or session.until <= self._clock():
            raise NotSignedInError("a session has ended" if cookie else "nobody is signed in")
        if not self._tokens.is_live(session.token_id):
            raise NotSignedInError("the token was revoked")
        return session


def check_binding(config: ReviewConfig, tokens: ReviewerTokens) -> None:
    """Refuse to open an unprotected application to the network: :class:`InsecureBindError`."""
    if not (tokens.has_any() or config.allow_anonymous or _is_loopback(config.host)):
        raise InsecureBindError(config.host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _refuse_foreign_page(request: Request) -> None:
    """Browsers say where a write comes from; programs say nothing."""
    origin = request.headers.get("origin")
    same = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if origin is not None and origin.partition("://")[2] != same.partition("://")[2]:
        raise ForeignPageError(origin)
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise ForeignPageError(origin or "another site")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
