"""The README's table of mistakes names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parents[1] / "queue_store" / "README.md"


def test_every_mistake_is_held_off_by_a_test():
    section = README.read_text().partition("## What reviewers' tools get wrong")[2]
    rows = re.findall(r"^\| (.+?) \| (`.+) \|$", section.partition("\n## ")[0], re.MULTILINE)

    assert len(rows) >= 25
    for mistake, tests in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)
        assert named, mistake
        for file, name in named:
            assert f"def {name}(" in (HERE / file).read_text(), f"{mistake}: {file}::{name}"
