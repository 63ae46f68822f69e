"""How far the loader came, for a quick start after a crash of the process.

The tables are the truth: they remember the last number with the rows. The mark spares the loader
from decoding again what gave no rows to some table. It is written without a sync, so it is only
believed while the machine has not been restarted.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def write_mark(folder: Path, number: int) -> None:
    """Every table holds what it should of the records up to this number.

    A full disk leaves the last mark: what is loaded must be let go all the same, to make room.
    """
    temporary = folder / "loaded.part"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps({"number": number, "boot": _boot()}), encoding="utf-8")
        temporary.replace(folder / "loaded.json")


def read_mark(folder: Path) -> int:
    """The number of the last mark since the machine started; 0 for none."""
    try:
        mark = json.loads((folder / "loaded.json").read_text(encoding="utf-8"))
        return int(mark["number"]) if mark["boot"] and mark["boot"] == _boot() else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
