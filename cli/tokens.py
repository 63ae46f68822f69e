"""``spandocket tokens``: who may send or review, and in which project."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from cli.context import pass_context
from cli.output import format_option, rfc3339, say, write_object, write_rows

if TYPE_CHECKING:
    from cli.context import Context
    from otlp_receiver.tokens import Token, TokenFile

_COLUMNS = ("id", "project", "person", "created_at", "revoked_at", "note")


@click.group(epilog="Example: spandocket --project shop tokens create --note 'checkout service'")
def tokens() -> None:
    """Create, list and revoke the tokens that senders and reviewers need.

    Without any token the receiver listens on this machine alone and stores everything in
    --project. As soon as there is one, every request needs one, as 'authorization: Bearer TOKEN'
    or 'x-api-key: TOKEN', and goes to the token's project. The same holds for the review page and
    its API with reviewers' tokens. To rotate: create, hand out, revoke.
    """


@tokens.command(epilog="Example: spandocket --project shop tokens create")
@click.option("--note", default="", help="Whom or what it is for.")
@click.option("--reviewer", default="", help="Make it for this person, for the review page.")
@format_option
@pass_context
def create(context: Context, note: str, reviewer: str, output_format: str | None) -> None:
    """Make a token for --project; it is shown this once and stored nowhere.

    A sender's, unless --reviewer says whose it is. Roles: 'spandocket reviewers grant'.
    """
    person = reviewer.strip()
    file = reviewer_tokens(context) if person else _senders(context)
    token, text = file.create(context.project, now=time.time_ns(), note=note, person=person)
    say("Keep the token: only its hash is stored.")
    write_object({**_row(token), "token": text}, output_format)


@tokens.command("list", epilog="Example: spandocket tokens list")
@format_option
@pass_context
def list_tokens(context: Context, output_format: str | None) -> None:
    """List the tokens of all projects, without their secrets."""
    found = [*_senders(context).tokens(), *reviewer_tokens(context).tokens()]
    write_rows([_row(token) for token in found], output_format, _COLUMNS)


@tokens.command(epilog="Example: spandocket tokens revoke 1f0c9a44")
@click.argument("token_id", metavar="ID")
@format_option
@pass_context
def revoke(context: Context, token_id: str, output_format: str | None) -> None:
    """End the token ID; a running receiver or review page refuses it from the next call on."""
    reviewers = reviewer_tokens(context)
    is_reviewers = any(token.id == token_id for token in reviewers.tokens())
    file = reviewers if is_reviewers else _senders(context)
    write_object(_row(file.revoke(token_id, now=time.time_ns())), output_format)


def reviewer_tokens(context: Context) -> TokenFile:
    """The tokens of the review page and its API."""
    from otlp_receiver.tokens import REVIEWER_PREFIX, TokenFile

    return TokenFile(context.data_path / "reviewers.json", REVIEWER_PREFIX)


def _senders(context: Context) -> TokenFile:
    from otlp_receiver.tokens import TokenFile

    return TokenFile(context.data_path / "tokens.json")


def _row(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "project": token.project,
        "person": token.person or None,
        "created_at": rfc3339(token.created_at),
        "revoked_at": None if token.revoked_at is None else rfc3339(token.revoked_at),
        "note": token.note,
    }
