"""Tokens: which project a caller may write to. Only hashes are stored.

A token is ``PREFIX_ID_SECRET``: the id finds the line, the secret is compared by its SHA-256 in
constant time. A secret has 256 random bits, so a fast hash is enough. A project may have several
live tokens; to rotate, create the new one, hand it out, revoke the old one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from otlp_receiver.errors import InvalidTokenFileError, UnknownTokenError
from otlp_receiver.spool_folder import make_durable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SENDER_PREFIX = "sdk"
REVIEWER_PREFIX = "sdr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token once it was handed out."""

    id: str
    project: str
    """The project that its requests are stored in."""
    created_at: int
    """Nanoseconds since 1970 UTC."""
    revoked_at: int | None = None
    """Nanoseconds since 1970 UTC; null while it is live."""
    note: str = ""
    """What its maker wrote about it."""
    secret_hash: str = ""
    """SHA-256 of the secret, in hex."""
    person: str = ""
    """Who reviews with it; empty for a sender's."""


class TokenFile:
    """The tokens of a data directory; changes on disk are seen at the next request."""

    def __init__(self, path: Path, prefix: str = SENDER_PREFIX) -> None:
        self.path = path
        self.prefix = prefix
        self._stamp: tuple[int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def create(
        self, project: str, *, now: int, note: str = "", person: str = ""
    ) -> tuple[Token, str]:
        """Make a token; its text is returned once and stored nowhere."""
        secret = secrets.token_urlsafe(32)
        token = Token(
            id=secrets.token_hex(4),
            project=project,
            created_at=now,
            note=note,
            secret_hash=_hash(secret),
            person=person,
        )
        with self._alone():
            self._write({**self._read(), token.id: token})
        return token, f"{self.prefix}_{token.id}_{secret}"

    def revoke(self, token_id: str, *, now: int) -> Token:
        """End a token's life; raises :class:`UnknownTokenError` naming the nearest."""
        if token_id not in self._read():
            raise UnknownTokenError(token_id, self._read())
        with self._alone():
            tokens = self._read()
            revoked = tokens[token_id]
            if revoked.revoked_at is None:
                revoked = replace(revoked, revoked_at=now)
                self._write({**tokens, token_id: revoked})
        return revoked

    def tokens(self) -> list[Token]:
        """All of them, oldest first."""
        return sorted(self._read().values(), key=lambda token: (token.created_at, token.id))

    def has_any(self) -> bool:
        """Whether a token is needed: once one was made, for ever."""
        return bool(self._read())

    def live(self, text: str) -> Token | None:
        """The token with this text, unless it was revoked; None for anything else."""
        prefix, _, rest = text.partition("_")
        token_id, _, secret = rest.partition("_")
        token = self._read().get(token_id)
        # Compared even when there is no such token, so that the time says nothing about ids.
        is_right = hmac.compare_digest(_hash(secret), token.secret_hash if token else _hash(""))
        is_live = token is not None and token.revoked_at is None
        return token if is_right and is_live and prefix == self.prefix else None

    def is_live(self, token_id: str) -> bool:
        """Whether the token was made and not revoked."""
        token = self._read().get(token_id)
        return token is not None and token.revoked_at is None

    def project_of(self, text: str) -> str | None:
        """The project of a live token; None for anything else."""
        token = self.live(text)
        return None if token is None else token.project

    def _read(self) -> dict[str, Token]:
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._stamp, self._tokens = None, {}
            return {}
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            try:
                lines = json.loads(self.path.read_text(encoding="utf-8"))
                self._tokens = {line["id"]: Token(**line) for line in lines}
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise InvalidTokenFileError(str(self.path), str(error)) from error
            self._stamp = stamp
        return self._tokens

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two that change the file at the same time must not forget each other's token."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, tokens: dict[str, Token]) -> None:
        lines = [asdict(token) for token in tokens.values()]
        make_durable(self.path, json.dumps(lines, indent=1).encode(), mode=0o600)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
