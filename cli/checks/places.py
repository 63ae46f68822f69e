"""The data directory: whether it can be written durably, and how much room is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from cli.checks.model import failed, good, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.checks.model import Check

_ROOM_BYTES_MIN = 100 * 2**20
_ROOM_BYTES_WARNING = 2 * 2**30


def check_data_dir(folder: Path) -> Iterator[Check]:
    """Whether the folder can be written, and the room on its disk."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        yield failed("data directory", f"{existing} is a file", "Name a folder with --data-dir.")
        return
    yield _writable(folder, existing)
    yield _room(existing)


def _writable(folder: Path, existing: Path) -> Check:
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".spandocket-doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return failed(
            "data directory",
            f"{existing} cannot be written: {error.strerror}",
            "Give yourself the right to write there, or name another folder with --data-dir.",
        )
    if existing != folder:
        return good("data directory", f"{folder} is not there yet; it can be made")
    return good("data directory", f"{folder} can be written durably")


def _room(existing: Path) -> Check:
    free = shutil.disk_usage(existing).free
    found = f"{free / 2**30:.1f} GiB free"
    remedy = "Free space, or name a folder on another disk with --data-dir."
    if free < _ROOM_BYTES_MIN:
        return failed("disk", found, remedy)
    if free < _ROOM_BYTES_WARNING:
        return warning("disk", found, remedy)
    return good("disk", found)
