from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from span_store.store import SpanStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> SpanStore:
    return SpanStore(tmp_path / "data", clock=lambda: 1_700_000_000.0)
