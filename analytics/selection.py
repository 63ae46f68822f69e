"""Who is kept: one shared draw per trace, and a record of every decision that used it.

One salted hash ``u`` per project and trace is shared by every rule of every queue, so a decision
can be replayed, and the probability that *any* rule kept a trace is the largest of their ``p``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCALE = 2.0**-64
_LARGEST = 1.0 - 2.0**-53
_DRAWS_AT_ONCE = 10_000

RANDOM_FLOOR = "random_floor"
"""The system queue that holds the random floor: a small share of all traces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRecord:
    """What one rule decided about one trace, with what is needed to decide it again."""

    queue: str
    """The queue that the rule feeds."""
    rule: str
    """detector:ID, live:QUEUE or random_floor."""
    rule_version: str
    """The version of the detector, or a hash of the filter and rate of a live queue."""
    p: float
    """The probability that this rule keeps this trace, given what was known."""
    u: float
    """The trace's shared draw."""
    salt: str
    """The salt of the draw."""
    object_type: str = "trace"
    """What was drawn: the trace, or its session, which has a draw of its own."""
    importance: float = 1.0
    """What its priority is over the draw; not a part of what is stored."""

    @property
    def selected(self) -> bool:
        """Whether the rule kept the trace."""
        return self.u < self.p

    def cut(self, tau: float) -> SelectionRecord:
        """The record where only priorities above ``tau`` had room: ``s / u > tau`` as well."""
        return replace(self, p=min(self.p, self.importance / tau))

    def as_json(self) -> dict[str, object]:
        """The record as it is stored on the trace and on the item."""
        return {
            "queue": self.queue,
            "rule": self.rule,
            "rule_version": self.rule_version,
            "p": self.p,
            "u": self.u,
            "salt": self.salt,
            "selected": self.selected,
        } | ({} if self.object_type == "trace" else {"object_type": self.object_type})


def draw(salt: str, project: str, trace_id: str) -> float:
    """The shared draw of a trace: uniform in [0, 1), the same wherever it is computed.

    The first eight bytes of BLAKE2b over ``salt NUL project NUL trace_id``, as a fraction.
    """
    digest = blake2b(f"{salt}\0{project}\0{trace_id}".encode(), digest_size=8).digest()
    return min(int.from_bytes(digest, "big") * _SCALE, _LARGEST)


def draws(salt: str, project: str, trace_ids: pl.Series) -> pl.Series:
    """The shared draws of many traces: :func:`draw` of each, in one pass over the digests."""
    begun = blake2b(f"{salt}\0{project}\0".encode(), digest_size=8)
    numbers = np.empty(len(trace_ids), dtype=np.uint64)
    # Some at a time, so that their bytes stay in the processor's cache.
    for first in range(0, len(trace_ids), _DRAWS_AT_ONCE):
        some = trace_ids.slice(first, _DRAWS_AT_ONCE).cast(pl.Binary).to_list()
        numbers[first : first + len(some)] = np.frombuffer(_digests(begun, some), dtype=">u8")
    # Both conversions round a 64-bit number to the nearest float, as Python's own does.
    values = numbers.astype(np.float64) * _SCALE
    return pl.Series("u", np.minimum(values, _LARGEST), dtype=pl.Float64)


def _digests(begun: blake2b, ends: Iterable[bytes]) -> bytes:
    """What comes of bytes that end so, in a row; what they begin with was read once."""
    copy = begun.copy
    # ``update`` gives None: one expression a text, because there are many.
    return b"".join([(one := copy()).update(end) or one.digest() for end in ends])  # type: ignore[func-returns-value]


def further_draws(u: pl.Series) -> pl.Series:
    """A second draw of each trace, from the digits of the shared one that nothing else looks at."""
    return (u * 2.0**20) % 1.0


def inclusion_probability(records: Iterable[Mapping[str, Any]]) -> float:
    """The probability that any of several rules keeps a trace; ``records`` as they are stored.

    All rules share the trace's draw, so among them it is the largest. Rules about the trace's
    session share the session's draw, which is independent of the trace's.
    """
    largest = {"trace": 0.0, "session": 0.0}
    for record in records:
        kind = record.get("object_type", "trace")
        largest[kind] = max(largest[kind], record["p"])
    missed = (1.0 - largest["trace"]) * (1.0 - largest["session"])
    return 1.0 - missed if largest["session"] else largest["trace"]
