"""A click group that imports a noun's module only when the noun is used."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cli.nouns import Noun


class LazyGroup(click.Group):
    """Commands by name; ``--help`` prints their sentences without importing them."""

    def __init__(self, *args: Any, nouns: dict[str, Noun], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.nouns = nouns

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of the table, which is the order of the work."""
        return list(self.nouns)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the noun's command; None when there is no such noun."""
        noun = self.nouns.get(cmd_name)
        if noun is None:
            return None
        module, attribute = noun.target.split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the noun, naming the nearest ones when it is unknown."""
        if args and args[0] not in self.nouns and not args[0].startswith("-"):
            nearest = get_close_matches(args[0], self.nouns, n=3, cutoff=0.5)
            hint = f" Did you mean {', '.join(nearest)}?" if nearest else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Print the table of nouns."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, noun.sentence) for name, noun in self.nouns.items()])
