"""Who may write, and into which project."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING

from otlp_receiver.errors import InsecureBindError, InvalidTokenFileError
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.tokens import TokenFile

logger = logging.getLogger(__name__)

PROJECT_HEADER = "x-spandocket-project"
"""Names a project: chooses it when there are no tokens, must agree with the token otherwise."""
_PROJECT_LENGTH_MAX = 200


class Access:
    """Turns the headers of a request into a project."""

    def __init__(self, tokens: TokenFile, default_project: str, *, allow_anonymous: bool) -> None:
        self._tokens = tokens
        self._default_project = default_project
        self._allow_anonymous = allow_anonymous

    def project_of(self, headers: Mapping[str, str | bytes]) -> str:
        """The project of the caller's token; without tokens the header's, else the default.

        A file of tokens that is gone opens nothing that its presence had to close. Header names
        are lower case. Raises :class:`Refusal`.
        """
        wanted = _text(headers.get(PROJECT_HEADER, ""))[:_PROJECT_LENGTH_MAX]
        try:
            if not self._tokens.has_any():
                return self._anonymous(wanted)
            text = _token_of(headers)
            if not text:
                raise Refusal(
                    Reason.UNAUTHENTICATED, "send 'authorization: Bearer TOKEN' or 'x-api-key'"
                )
            project = self._tokens.project_of(text)
        except InvalidTokenFileError as error:
            logger.exception("The token file cannot be read.", extra={"event": "tokens_unreadable"})
            raise Refusal(Reason.OVERLOADED, "the tokens cannot be checked") from error
        if project is None:
            raise Refusal(Reason.UNAUTHENTICATED, "this token is unknown or revoked")
        if wanted not in {"", project}:
            raise Refusal(Reason.FORBIDDEN, f"it is for project {project!r}, not {wanted!r}")
        return project

    def _anonymous(self, wanted: str) -> str:
        if not self._allow_anonymous:
            raise InvalidTokenFileError(str(self._tokens.path), "it is gone")
        return wanted or self._default_project


def check_binding(config: ReceiverConfig, tokens: TokenFile) -> None:
    """Refuse to open an unprotected receiver to the network.

    Raises :class:`InsecureBindError`.
    """
    if not tokens.has_any() and not allows_anonymous(config):
        raise InsecureBindError(config.host)


def allows_anonymous(config: ReceiverConfig) -> bool:
    """Whether these settings may do without tokens."""
    is_protected = config.allow_anonymous or bool(config.tls_client_ca)
    return is_protected or _is_loopback(config.host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _token_of(headers: Mapping[str, str | bytes]) -> str:
    key = _text(headers.get("x-api-key", ""))
    if key:
        return key
    scheme, _, rest = _text(headers.get("authorization", "")).partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
