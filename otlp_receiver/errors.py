"""What can go wrong in the receiver.

ReceiverError
├── SpoolLockedError       another process owns the data directory
├── SpoolUnwritableError   the spool's folder cannot be written
├── InsecureBindError      the settings would open the receiver to the network without tokens
├── AddressInUseError      a port cannot be bound
├── UnknownTokenError      no token has this id
├── UnknownQuarantineError no quarantined request has this id
├── InvalidTokenFileError  the token file cannot be read
├── UnusableCertificateError  the TLS files cannot be used
├── InvalidForwardError    the settings of forwarding name no usable endpoint
├── InvalidOwnTracesError  the environment says of own traces what cannot be
├── UnreadableFileError    a file handed to the importer is not OTLP
└── PriceFileError         a user's price file cannot be used (in dialects.prices)

What is answered to a client is a :class:`otlp_receiver.status.Refusal`; it is not in this tree,
because it never leaves the two servers.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ReceiverError(Exception):
    """Base of every error of this package."""


class SpoolLockedError(ReceiverError):
    """Another process owns the data directory."""

    def __init__(self, place: str, owner: str) -> None:
        self.place = place
        self.owner = owner
        super().__init__(
            f"{place} belongs to a running receiver, process {owner}; "
            "stop it first, or give this one another --data-dir"
        )


class SpoolUnwritableError(ReceiverError):
    """The spool's folder cannot be written."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(
            f"cannot write the spool at {place}: {reason}; make room on that disk, give this user "
            "the right to write there, or name another folder with --data-dir"
        )


class InsecureBindError(ReceiverError):
    """The settings would open the receiver to the network without tokens."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"refusing to listen on {host} without tokens: anyone could write; make one with "
            "'spandocket tokens create', or set receiver.allow_anonymous = true"
        )


class AddressInUseError(ReceiverError):
    """An address or its port cannot be bound."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(
            f"cannot listen on {address}: {reason}; receiver.host is an address of this machine, "
            "and port 0 takes any free one"
        )


class UnknownTokenError(ReceiverError):
    """No token has this id."""

    def __init__(self, token_id: str, known: Iterable[str]) -> None:
        self.token_id = token_id
        super().__init__(f"no token {token_id!r}{_nearest(token_id, known)}")


class UnknownQuarantineError(ReceiverError):
    """No quarantined request has this id."""

    def __init__(self, item_id: str, known: Iterable[str]) -> None:
        self.item_id = item_id
        super().__init__(f"nothing in quarantine is called {item_id!r}{_nearest(item_id, known)}")


class InvalidTokenFileError(ReceiverError):
    """The token file cannot be read, so nobody can be let in."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot read the tokens in {path}: {reason}")


class UnusableCertificateError(ReceiverError):
    """The TLS files cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot use the certificate {path} and its key: {reason}")


class UnreadableFileError(ReceiverError):
    """A file handed to the importer is not OTLP."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else ""


class WorkerDiedError(ReceiverError):
    """A process that works for the loader ended in the middle of a batch."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        super().__init__(
            f"the worker process {pid} died; the loader starts again with one batch at a time"
        )


class InvalidForwardError(ReceiverError):
    """The settings of forwarding name no usable endpoint."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"cannot forward: {reason}; mend the section [forward] of the settings")


class InvalidOwnTracesError(ReceiverError):
    """The environment says of own traces what cannot be."""

    def __init__(self, reason: str) -> None:
        self.reason = reason.removesuffix(".")
        super().__init__(
            f"cannot send own traces: {self.reason}; correct the variables OTEL_*, or set "
            "receiver.own_traces = false"
        )
