"""A check's result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at: what was found and, when it is not good, what to do."""

    name: str
    state: State
    found: str
    remedy: str | None = None


def good(name: str, found: str) -> Check:
    """A check that found nothing wrong."""
    return Check(name=name, state=State.GOOD, found=found)


def warning(name: str, found: str, remedy: str) -> Check:
    """A check that found something that will become wrong."""
    return Check(name=name, state=State.WARNING, found=found, remedy=remedy)


def failed(name: str, found: str, remedy: str) -> Check:
    """A check that found something wrong."""
    return Check(name=name, state=State.FAILED, found=found, remedy=remedy)
