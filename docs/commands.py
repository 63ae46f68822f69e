"""The command's help as a page: what ``--help`` prints, for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.exit_codes import EXIT_CODES
from cli.main import spandocket
from cli.nouns import NOUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """# The command line

Written from the command's own `--help` by `make docs`.
Data goes to stdout, talk and progress to stderr.
"""
_WIDTH = 100


def page() -> str:
    """Every command's help, nouns in the order of the work."""
    parts = [_HEAD]
    for path, text in _helps(spandocket, click.Context(spandocket, info_name="spandocket")):
        parts.append(f"## {path}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


def nouns() -> str:
    """The nouns and their sentences as a table."""
    rows = [f"| `{name}` | {noun.sentence} |" for name, noun in NOUNS.items()]
    return "\n".join(["| noun | does |", "|---|---|", *rows])


def exit_codes() -> str:
    """The exit codes and what they mean."""
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(["| exit | means |", "|---|---|", *rows])


def _helps(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    context.terminal_width = _WIDTH
    context.help_option_names = ["-h", "--help"]
    lines = command.get_help(context).splitlines()
    yield context.command_path, "\n".join(line.rstrip() for line in lines).strip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _helps(child, click.Context(child, info_name=name, parent=context))
