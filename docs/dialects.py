"""The page on dialects, measured on the captured exports."""

from __future__ import annotations

from pathlib import Path

from otlp_receiver.dialects import coverage
from otlp_receiver.dialects.captures import read_captures

ARCHIVE = Path(__file__).parent.parent / "tests" / "data" / "captures" / "captures.tar.xz"


def page() -> str:
    """The text of ``docs/dialects.md``."""
    return coverage.page(list(read_captures(ARCHIVE)))
