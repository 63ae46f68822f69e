"""What can go wrong with an alignment report.

AlignmentError
├── InvalidPairsError      the data has rows that cannot be used; they are named
├── MissingColumnError     a column that is needed is not there
├── UnknownOptionError     an option names a value, class or version that the data does not have
└── UselessThresholdError  a threshold is given for values that are no numbers to cut
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAMED_MAX = 10


class AlignmentError(Exception):
    """Base of every error of this package."""


class InvalidPairsError(AlignmentError):
    """Rows that cannot be used; ``problems`` holds one sentence a row."""

    def __init__(self, problems: Sequence[str], remedy: str = "") -> None:
        self.problems = list(problems)
        shown = self.problems[:_NAMED_MAX]
        if len(self.problems) > _NAMED_MAX:
            shown.append(f"and {len(self.problems) - _NAMED_MAX} more rows like these")
        super().__init__("; ".join(shown) + (f". {remedy}" if remedy else ""))


class MissingColumnError(AlignmentError):
    """The data lacks a column."""

    def __init__(self, column: str, present: Iterable[str]) -> None:
        present = sorted(name if name.isprintable() else repr(name) for name in present)
        self.column = column
        near = get_close_matches(column, present, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"present: {', '.join(present)}"
        for sign, word in ((";", "semicolons"), ("\\t", "tabs")):
            if len(present) == 1 and sign in present[0]:
                hint = f"columns are separated by commas, and here by {word}"
        super().__init__(f"there is no column {column!r}; {hint}")


class UnknownOptionError(AlignmentError):
    """An option names something that the data does not have."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.name = name
        near = get_close_matches(name, known, n=3, cutoff=0.5) or known[:20]
        hint = f"known: {', '.join(near)}" if near else "the data has none"
        super().__init__(f"unknown {what} {name!r}; {hint}")


class UselessThresholdError(AlignmentError):
    """A threshold would cut nothing: without this error it would be passed over in silence."""

    def __init__(self, option: str, side: str, values: Sequence[str]) -> None:
        self.option = option
        shown = ", ".join(values[:5]) + (", ..." if len(values) > 5 else "")
        super().__init__(
            f"--{option} cuts numbers, and {side} are classes: {shown}; leave it out, or name the "
            "class that counts with --positive"
        )
