"""What the documents name exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LISTED = subprocess.run(
    ["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, check=True
).stdout.decode()
DOCUMENTS = [name for name in LISTED.split("\0") if name and "/data/" not in name]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    places = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [place for place in places if place and "://" not in place]

    assert [place for place in local if not (ROOT / document).parent.joinpath(place).exists()] == []


def test_the_path_of_a_span_names_files_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = text.partition("## The path of a span")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w./]+)`", rows)
    known = [str(path.relative_to(ROOT)) for path in ROOT.glob("[!.]*/**/*")]

    assert len(named) > 20
    assert [n for n in named if not any(f"/{k}".endswith(f"/{n.rstrip('/')}") for k in known)] == []


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.count("/") == 1])
def test_files_in_a_rooms_table_exist(document):
    """A row that begins with file names in code ticks, in a table headed ``file``."""
    text = (ROOT / document).read_text(encoding="utf-8")
    table = re.search(r"^\| files? \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [] if table is None else table[1].splitlines()
    named = [n for row in rows for n in re.findall(r"`([\w./]+)`", row.split("|")[1])]
    folder = (ROOT / document).parent

    assert [name for name in named if not any(folder.rglob(name.rstrip("/")))] == []
