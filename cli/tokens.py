"""``spandocket tokens``: who may send, and into which project."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, rfc3339, say, write_object, write_rows

if TYPE_CHECKING:
    from cli.context import Context
    from otlp_receiver.tokens import Token, TokenFile

_COLUMNS = ("id", "project", "created_at", "revoked_at", "note")


@click.group(epilog="Example: spandocket --project shop tokens create --note 'checkout service'")
def tokens() -> None:
    """Create, list and revoke the tokens that senders need.

    Without any token the receiver listens on this machine alone and stores everything in
    --project. As soon as there is one, every request needs one, as 'authorization: Bearer TOKEN'
    or 'x-api-key: TOKEN', and goes to the token's project. To rotate: create, hand out, revoke.
    """


@tokens.command(epilog="Example: spandocket --project shop tokens create")
@click.option("--note", default="", help="Whom or what it is for.")
@format_option
@pass_context
def create(context: Context, note: str, output_format: str | None) -> None:
    """Make a token for --project; it is shown this once and stored nowhere."""
    token, text = _file(context).create(context.project, now=time.time_ns(), note=note)
    say("Keep the token: only its hash is stored.")
    write_object({**_row(token), "token": text}, output_format)


@tokens.command("list", epilog="Example: spandocket tokens list")
@format_option
@pass_context
def list_tokens(context: Context, output_format: str | None) -> None:
    """List the tokens of all projects, without their secrets."""
    write_rows([_row(token) for token in _file(context).tokens()], output_format, _COLUMNS)


@tokens.command(epilog="Example: spandocket tokens revoke 1f0c9a44")
@click.argument("token_id", metavar="ID")
@format_option
@pass_context
def revoke(context: Context, token_id: str, output_format: str | None) -> None:
    """End the token ID; a running receiver refuses it from the next request on."""
    write_object(_row(_file(context).revoke(token_id, now=time.time_ns())), output_format)


def _file(context: Context) -> TokenFile:
    from otlp_receiver.tokens import TokenFile

    return TokenFile(context.data_path / "tokens.json")


def _row(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "project": token.project,
        "created_at": rfc3339(token.created_at),
        "revoked_at": None if token.revoked_at is None else rfc3339(token.revoked_at),
        "note": token.note,
    }
