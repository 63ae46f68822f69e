"""What can go wrong; each error says what helps, and carries its facts as attributes.

SpandocketError
├── UnreachableError          the server does not answer
├── UnexpectedAnswerError     something answers that is not the server, or is of another version
├── BadRequestError           the call is not what the server takes
├── NotSignedInError          a token is needed, and this is none that counts
├── NotPermittedError         the person's role does not allow it
├── NotFoundError             something named does not exist; names the nearest
│   ├── QueueNotFoundError
│   └── ItemNotFoundError
├── NoItemsAvailableError     nothing to claim: finished, held by others, or not handed out
├── AlreadyExistsError        the name is taken
├── FieldImmutableError       a field exists with another definition
├── ItemLockedError           somebody else holds the item; says who and until when
├── StaleRevisionError        the item changed since it was seen
├── InvalidValueError         a value does not fit its field or setting
├── InvalidFilterError        a condition is not SQL over the columns
│   └── UnknownColumnError    it names a column that the table has not; names the nearest
├── UnavailableError          the server cannot reach its stores now
└── ServerError               a defect of the server
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class SpandocketError(Exception):
    """Base of every error of this package."""

    def __init__(self, message: str, remedy: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        """What helps."""
        self.facts = dict(facts or {})
        """Everything that the server said about it."""

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class UnreachableError(SpandocketError):
    """The server does not answer. A write may or may not have been done."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        remedy = "start it with 'spandocket review', or check the address"
        super().__init__(f"no answer from {url}: {reason}", remedy)


class UnexpectedAnswerError(SpandocketError):
    """Something answers that is not the server, or is of another version."""

    def __init__(self, url: str, status: int, reason: str) -> None:
        self.url = url
        self.status = status
        self.reason = reason
        remedy = "check the address, and that server and client are of one version"
        super().__init__(f"{url} answered {status} with what is not the API's: {reason}", remedy)


class BadRequestError(SpandocketError):
    """The call is not what the server takes."""


class NotSignedInError(SpandocketError):
    """A token is needed, and this is none that counts."""


class NotPermittedError(SpandocketError):
    """The person's role does not allow it."""

    @property
    def actor(self) -> str | None:
        """Who may not."""
        return _text(self.facts.get("actor", self.facts.get("person")))

    @property
    def action(self) -> str | None:
        """What they may not do."""
        return _text(self.facts.get("action"))

    @property
    def needed(self) -> str | None:
        """What that needs."""
        return _text(self.facts.get("needed"))


class NotFoundError(SpandocketError):
    """Something named does not exist."""

    @property
    def noun(self) -> str:
        """What was looked for: queue, item, field, dataset, ..."""
        return str(self.facts.get("noun", ""))

    @property
    def name(self) -> str:
        """The name that is not known."""
        return str(self.facts.get("name", ""))

    @property
    def nearest(self) -> list[str]:
        """Names like it that are."""
        return [str(name) for name in self.facts.get("nearest", ())]


class QueueNotFoundError(NotFoundError):
    """No such queue."""


class ItemNotFoundError(NotFoundError):
    """No such item."""


class NoItemsAvailableError(SpandocketError):
    """Nothing to claim."""

    @property
    def queue(self) -> str:
        """Where."""
        return str(self.facts.get("queue", ""))

    @property
    def why(self) -> str:
        """``finished``, ``empty``, ``held``, ``labelled``, ``awaiting`` or ``closed``."""
        return str(self.facts.get("why", ""))

    @property
    def holders(self) -> list[tuple[str, datetime]]:
        """Who holds the rest, until when."""
        return _holders(self.facts)


class AlreadyExistsError(SpandocketError):
    """The name is taken."""

    @property
    def noun(self) -> str:
        """Of what."""
        return str(self.facts.get("noun", ""))

    @property
    def name(self) -> str:
        """The name."""
        return str(self.facts.get("name", ""))


class FieldImmutableError(SpandocketError):
    """A field exists with another definition, or is in use."""

    @property
    def field(self) -> str:
        """Its name."""
        return str(self.facts.get("field", ""))


class ItemLockedError(SpandocketError):
    """Somebody else holds the item, or the token is not one that holds it."""

    @property
    def item_id(self) -> int:
        """Which."""
        return int(self.facts.get("item_id", 0))

    @property
    def holder(self) -> str | None:
        """Who holds it; None when nobody does now."""
        return _text(self.facts.get("holder"))

    @property
    def until(self) -> datetime | None:
        """Until when."""
        until = self.facts.get("until")
        return None if until is None else datetime.fromisoformat(str(until))

    @property
    def holders(self) -> list[tuple[str, datetime]]:
        """All of them."""
        return _holders(self.facts)

    @property
    def state(self) -> str:
        """The item's."""
        return str(self.facts.get("state", ""))


class StaleRevisionError(SpandocketError):
    """The item changed since it was seen."""

    @property
    def seen(self) -> int:
        """The revision that the caller saw."""
        return int(self.facts.get("seen", 0))

    @property
    def current(self) -> int:
        """The item's revision."""
        return int(self.facts.get("current", 0))


class InvalidValueError(SpandocketError):
    """A value does not fit; nothing was changed."""

    @property
    def field(self) -> str:
        """The field or setting."""
        return str(self.facts.get("field", ""))

    @property
    def reason(self) -> str:
        """Why not."""
        return str(self.facts.get("reason", ""))


class InvalidFilterError(SpandocketError):
    """A condition is not SQL over the columns of the table."""


class UnknownColumnError(InvalidFilterError):
    """A condition names a column that the table has not."""

    @property
    def column(self) -> str:
        """The name that is not known."""
        return str(self.facts.get("column", ""))

    @property
    def nearest(self) -> list[str]:
        """Columns like it."""
        return [str(name) for name in self.facts.get("nearest", ())]


class UnavailableError(SpandocketError):
    """The server cannot reach its stores now."""


class ServerError(SpandocketError):
    """A defect of the server."""


_BY_NAME: dict[str, type[SpandocketError]] = {
    "AlreadyExists": AlreadyExistsError,
    "BadRequest": BadRequestError,
    "FieldImmutable": FieldImmutableError,
    "InvalidFilter": InvalidFilterError,
    "InvalidValue": InvalidValueError,
    "ItemLocked": ItemLockedError,
    "NoItemsAvailable": NoItemsAvailableError,
    "NotFound": NotFoundError,
    "NotPermitted": NotPermittedError,
    "NotSignedIn": NotSignedInError,
    "OtherPerson": NotPermittedError,
    "StaleRevision": StaleRevisionError,
    "StoreUnavailable": UnavailableError,
    "UnknownColumn": UnknownColumnError,
}
_BY_NOUN = {"queue": QueueNotFoundError, "item": ItemNotFoundError}


def error_of(body: Mapping[str, Any]) -> SpandocketError:
    """The server's error as one of ours."""
    kind = _BY_NAME.get(str(body.get("error")), ServerError)
    if kind is NotFoundError:
        kind = _BY_NOUN.get(str(body.get("noun")), NotFoundError)
    return kind(str(body.get("message", "")), str(body.get("remedy", "")), body)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _holders(facts: Mapping[str, Any]) -> list[tuple[str, datetime]]:
    return [(str(who), datetime.fromisoformat(until)) for who, until in facts.get("holders", ())]
