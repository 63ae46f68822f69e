"""Sends every accepted request on to another OTLP endpoint, in order, until it is taken.

One request is under way at a time, so that order is kept for every trace. Neighbouring requests
of one signal are joined into one: the bytes of OTLP requests, one after another, are the bytes of
the request that holds them all, so nothing is decoded. A joined request that is refused for good
is sent again in its parts, and only the part at fault is given up.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from otlp_receiver.forward_state import ForwardState, keep_state, load_state
from otlp_receiver.forward_target import Delivery, Outcome
from otlp_receiver.spool_reader import SpoolReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from otlp_receiver.config import ForwardConfig
    from otlp_receiver.forward_enrichment import Enrichment
    from otlp_receiver.forward_target import Target
    from otlp_receiver.record import SpoolRecord

READ_BYTES = 16 * 2**20
_ASKED_SECONDS_MAX = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait after so many failures in a row."""

    first_seconds: float
    longest_seconds: float

    def seconds(self, failures: int, asked: float | None) -> float:
        """Twice as long each time, within the longest; never shorter than the endpoint asked.

        Except when it asked for more than an hour, as one whose clock is wrong may do.
        """
        own = self.first_seconds * 2.0 ** min(failures - 1, 30)
        return max(min(own, self.longest_seconds), min(asked or 0.0, _ASKED_SECONDS_MAX))


class Forwarder:
    """A reader of the spool whose position is durable.

    ``wait`` waits so many seconds and says whether to go on; it is the only way that time passes.
    """

    def __init__(
        self,
        *,
        spool: Path,
        target: Target,
        config: ForwardConfig,
        wait: Callable[[float], bool],
        enrich: Enrichment | None = None,
    ) -> None:
        self._spool = spool
        self._target = target
        self._config = config
        self._wait = wait
        self._enrich = enrich
        self._backoff = Backoff(
            first_seconds=config.retry_initial_seconds, longest_seconds=config.retry_max_seconds
        )
        self.state: ForwardState = load_state(spool)
        self._reader = SpoolReader(spool, after=self.state.number)
        self._kept: tuple[ForwardState, int] | None = None
        if enrich is not None:
            enrich.forget(self.state.number)

    def step(self, report: Callable[[ForwardState], None]) -> bool:
        """Forward what waits, up to one read; False when there was nothing, or ``wait`` said stop.

        The position is kept after each read at most, so a restart may send a few requests twice;
        OTLP endpoints expect that.
        """
        records = self._reader.read(READ_BYTES)
        if not records:
            if self.state.waiting_since:
                self.state = replace(self.state, waiting_since=0)
                report(self.state)
            self._keep()
            return False
        if self._enrich is not None:
            # The loader may be waited for.
            self.state = replace(self.state, waiting_since=records[0].received_at)
            report(self.state)
            # All of a read at once: finding costs more a call than a span.
            bodies = self._enrich(records, self._wait)
            records = [
                replace(record, body=body) for record, body in zip(records, bodies, strict=True)
            ]
        for group in groups(records, self._config.batch_bytes):
            if not self._deliver(group, report):
                return False
        self._keep()
        report(self.state)
        return True

    def _keep(self) -> None:
        """Make the position durable, when it changed; a full disk must not stop what empties it."""
        position = (self.state, self._reader.segment)
        if position != self._kept:
            with contextlib.suppress(OSError):
                keep_state(self._spool, *position)
                self._kept = position
            if self._enrich is not None:
                self._enrich.forget(self.state.number)

    def _deliver(
        self, group: Sequence[SpoolRecord], report: Callable[[ForwardState], None]
    ) -> bool:
        """Send a group until it is taken or refused for good; False when told to stop."""
        self.state = replace(self.state, waiting_since=group[0].received_at)
        answer = self._send(group, b"".join(record.body for record in group), report)
        if answer is None:
            return False
        if answer.outcome is Outcome.REFUSED and len(group) > 1:
            for record in group:
                part = self._send([record], record.body, report)
                if part is None:
                    return False
                self._count([record], part)
        else:
            self._count(group, answer)
        return True

    def _send(
        self,
        group: Sequence[SpoolRecord],
        body: bytes,
        report: Callable[[ForwardState], None],
    ) -> Delivery | None:
        """The final answer; None when told to stop before there was one."""
        failures = 0
        while True:
            answer = self._target.send(group[0].signal, body)
            if answer.outcome is not Outcome.LATER:
                return answer
            failures += 1
            self.state = replace(self.state, problem=answer.reason, is_failing=True)
            report(self.state)
            if not self._wait(self._backoff.seconds(failures, answer.delay_seconds)):
                return None

    def _count(self, group: Sequence[SpoolRecord], answer: Delivery) -> None:
        taken = answer.outcome is Outcome.DELIVERED
        sizes = sum(len(record.body) for record in group)
        state = self.state
        self.state = replace(
            state,
            number=group[-1].number,
            received_at=group[-1].received_at,
            requests=state.requests + len(group) * taken,
            body_bytes=state.body_bytes + sizes * taken,
            refused_requests=state.refused_requests + len(group) * (not taken),
            rejected_items=state.rejected_items + answer.rejected_items,
            problem=answer.reason,
            is_failing=not taken,
        )


def groups(records: Sequence[SpoolRecord], bytes_max: int) -> list[list[SpoolRecord]]:
    """Neighbours of one signal, joined up to so many bytes; order is kept."""
    found: list[list[SpoolRecord]] = []
    size = 0
    for record in records:
        fits = found and found[-1][0].signal == record.signal
        if fits and size + len(record.body) <= bytes_max:
            found[-1].append(record)
            size += len(record.body)
        else:
            found.append([record])
            size = len(record.body)
    return found
