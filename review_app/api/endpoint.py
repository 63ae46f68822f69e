"""What a call of the API is: one declaration that routes, checks and documents it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from queue_store.store import QueueStore
    from span_store.store import SpanStore

Schema = dict[str, Any]
"""A JSON Schema."""
PREFIX = "/api/v1"
"""A change that breaks callers gets another number beside this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, checked against its declaration."""

    queues: QueueStore
    """As the person may read it."""
    spans: SpanStore
    project: str
    person: str
    """Who asks; empty for nobody."""
    now: datetime
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    """Parameters of the address that were given or have a default."""
    body: Mapping[str, Any]

    @property
    def reading(self) -> dict[str, Any]:
        """What every reading call of the queue store takes."""
        return {"project": self.project}

    @property
    def writing(self) -> dict[str, Any]:
        """What every writing call of the queue store takes."""
        return {"project": self.project, "now": self.now, "actor": self.person}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of the address."""

    name: str
    schema: Schema
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call."""

    name: str
    """The operation's id."""
    method: str
    path: str
    """Below the prefix; ``{item:int}`` is a number."""
    noun: str
    sentence: str
    call: Callable[[Asked], Any]
    """Gives a JSON value, or an iterator of lines when ``is_lines``."""
    result: Schema
    query: tuple[Parameter, ...] = ()
    body: Schema | None = None
    is_lines: bool = False
    """Whether the answer is JSON Lines."""

    @property
    def writes(self) -> bool:
        """Whether it changes something, and needs to know who does."""
        return self.method != "GET"
