"""A bound on the messages in a request, before anything allocates them.

A message of two bytes takes a hundred times that once parsed, so a body within the size limit
could still ask for gigabytes. The walk stops at the limit.
"""

from __future__ import annotations

from otlp_receiver.status import Reason, Refusal

SLOTS_MAX = 2_000_000
_FREE_BYTES = 2**20
"""Smaller bodies cannot hold enough messages to hurt."""
_SLOT_BYTES = 32
"""A body with more bytes than this for each allowed message cannot be a bomb of tiny ones."""


def check_slots(body: bytes, slots_max: int) -> None:
    """Refuse a body with more nested messages than allowed; raises :class:`Refusal`."""
    if len(body) <= _FREE_BYTES or len(body) < slots_max * 2:
        return
