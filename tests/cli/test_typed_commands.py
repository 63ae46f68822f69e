"""What the demonstration tells a person to type can be typed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from cli.demonstration.stage import typed


@pytest.mark.parametrize("folder", ["demo-output", "my demo", "it's $HOME", 'a "b" c'])
def test_a_printed_command_reads_back_as_its_words(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "a place" / "spandocket"
    monkeypatch.setattr(sys, "argv", [str(program), "demo"])
    arguments = ("traces", "list", "--where", "error_count > 0")

    words = shlex.split(typed(tmp_path / folder, arguments))

    assert words == [str(Path("a place") / "spandocket"), "--data-dir", folder, *arguments]
