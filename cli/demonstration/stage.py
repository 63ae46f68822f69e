"""Where the demonstration plays: its folder, its environment, its words, its commands."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.demonstration.errors import FolderInUseError, StepFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARKER = "DEMONSTRATION.txt"
_MARKED = "spandocket demo wrote this folder and empties it when it runs again.\n"
_FOREIGN = ("SPANDOCKET_", "OTEL_")


class Stage:
    """A folder of its own, and commands that run in it as a person would type them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = _environment(folder)

    def clear(self) -> None:
        """Make the folder, or empty what an earlier demonstration wrote.

        Raises :class:`FolderInUseError` when it holds anything else.
        """
        import shutil

        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / _MARKER).is_file():
                raise FolderInUseError(self.folder)
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _MARKER).write_text(_MARKED, encoding="utf-8")

    def say(self, text: str) -> None:
        """A heading or a sentence to the person, on stderr."""
        click.echo(text, err=True)

    def show(self, *arguments: str) -> None:
        """Run a command whose output is for the person; its own streams go through."""
        self.say(f"\n$ {typed(self.folder, arguments)}")
        sys.stdout.flush()
        done = subprocess.run(
            _command(arguments), env=self.environment, stderr=subprocess.PIPE, check=False
        )
        self._judge(arguments, done.returncode, done.stderr)

    def run(self, *arguments: str) -> str:
        """Run a command and return its output."""
        done = subprocess.run(
            _command(arguments), env=self.environment, capture_output=True, check=False
        )
        self._judge(arguments, done.returncode, done.stderr)
        return done.stdout.decode()

    def short(self, path: Path) -> str:
        """The path as a person would write it here."""
        return _short(path, Path.cwd())

    def _judge(self, arguments: tuple[str, ...], code: int, stderr: bytes) -> None:
        if code:
            raise StepFailedError(typed(self.folder, arguments), code, stderr.decode())


def typed(folder: Path, arguments: tuple[str, ...]) -> str:
    """The command as a person types it, here and now."""
    program = Path(sys.argv[0])
    here = Path.cwd()
    on_path = any(
        Path(entry) == program.parent for entry in os.environ.get("PATH", "").split(os.pathsep)
    )
    if program.name != "spandocket":
        name = [sys.executable, "-m", "cli"]
    elif on_path:
        name = ["spandocket"]
    else:
        name = [_short(program, here)]
    words = [*name, "--data-dir", _short(folder, here), *arguments]
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word as a shell reads it back; in double quotes where that is enough."""
    quoted = shlex.quote(word)
    return quoted if quoted == word or not {*'"$`\\!'}.isdisjoint(word) else f'"{word}"'


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-P", "-m", "cli", *arguments]


def _environment(folder: Path) -> Mapping[str, str]:
    """The person's environment without settings of theirs that would change the demonstration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | {"SPANDOCKET_DATA_DIR": str(folder)}


def _short(path: Path, here: Path) -> str:
    try:
        return str(path.relative_to(here))
    except ValueError:
        return str(path)
