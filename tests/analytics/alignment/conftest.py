from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class Said(NamedTuple):
    """What the command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def command(tmp_path, capsys, monkeypatch):
    """Runs ``spandocket ARGUMENTS`` in this process, with a data directory of the test's own."""
    from cli import main as entry

    opened = []

    class Recorded(entry.Context):
        def __init__(self, **values):
            super().__init__(**values)
            opened.append(self)

    monkeypatch.setattr(entry, "Context", Recorded)
    monkeypatch.setenv("SPANDOCKET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["spandocket", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            entry.main()
        except SystemExit as stop:
            code = stop.code or 0
        for context in opened:
            if "queue_store" in vars(context):
                context.queue_store.close()
        opened.clear()
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
