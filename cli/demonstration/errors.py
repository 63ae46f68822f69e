"""What can stop the demonstration.

DemonstrationError
├── FolderInUseError    the folder holds something that no demonstration wrote
├── ServerFailedError   the server did not start, or did not stop cleanly
├── NotDeliveredError   the server refused what was sent
├── NotLoadedError      what was sent did not arrive in the tables in time
└── StepFailedError     a command of the demonstration did not succeed
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003


class DemonstrationError(Exception):
    """Base of every error of this package."""


class FolderInUseError(DemonstrationError):
    """The folder holds something that no demonstration wrote, so it is not emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds files that no demonstration wrote; nothing was touched. "
            f"Name another folder: spandocket --data-dir FOLDER demo"
        )


class ServerFailedError(DemonstrationError):
    """The server did not start, or did not stop cleanly; its last words are in the message."""

    def __init__(self, what: str, last_words: str) -> None:
        self.what = what
        self.last_words = last_words
        super().__init__(f"spandocket serve {what}:\n{last_words.strip() or '(it said nothing)'}")


class NotDeliveredError(DemonstrationError):
    """The server refused what was sent."""

    def __init__(self, what: str, count: int) -> None:
        self.what = what
        self.count = count
        super().__init__(f"the server did not take {count} {what}; its log says why")


class NotLoadedError(DemonstrationError):
    """What was sent did not arrive in the tables in time."""

    def __init__(self, counts: dict[str, int], expected: dict[str, int]) -> None:
        self.counts = counts
        self.expected = expected
        super().__init__(
            f"the tables hold {counts} and not {expected}; spandocket serve says why in serve.log"
        )


class StepFailedError(DemonstrationError):
    """A command of the demonstration did not succeed; its last words are in the message."""

    def __init__(self, command: str, exit_code: int, last_words: str) -> None:
        self.command = command
        self.exit_code = exit_code
        super().__init__(f"{command!r} ended with {exit_code}:\n{last_words.strip()}")
