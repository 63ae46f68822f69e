"""What the commands of the queues share: the opened store, and who is acting."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.context import Context
    from queue_store.store import QueueStore

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def actor_option(command: _Command) -> _Command:
    """Add ``--as``; the command receives it as ``actor``, the name that the audit log keeps."""
    option: Callable[[_Command], _Command] = click.option(
        "--as",
        "actor",
        envvar="SPANDOCKET_ACTOR",
        show_envvar=True,
        default=_user,
        help="Who does it, for the audit log.  [default: the system's user name]",
    )
    return option(command)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def ready_store(context: Context) -> QueueStore:
    """The queue store, with the project's system queues in place."""
    from queue_store.system_queues import SYSTEM_QUEUES

    store = context.queue_store
    store.ensure_system_queues(project=context.project, specs=SYSTEM_QUEUES, now=context.now())
    return person_store(context)


def person_store(context: Context) -> QueueStore:
    """The queue store as the person reads it who gives the command: who acts, else the user."""
    current = click.get_current_context()
    person = current.params.get("actor")
    if person is None and current.info_name in _AS_REVIEWER:
        person = current.params.get("reviewer")
    if person is None:
        person = os.environ.get("SPANDOCKET_ACTOR") or _user()
    return context.queue_store.as_reader(str(person))


_AS_REVIEWER = {"add", "anchor", "claim", "edit", "next", "undo", "withdraw"}
"""Commands whose --reviewer gives the command; elsewhere it is a filter."""


def check_person(context: Context, name: str) -> None:
    """Refuse a person whom nobody knows here, naming the nearest; for a listing that is empty.

    Who gives the command may always ask about themselves, and where nobody is known there is no
    wrong name.
    """
    from queue_store.errors import NotFoundError

    store = person_store(context)
    known = store.people(project=context.project)
    if known and name not in {*known, store.reader}:
        raise NotFoundError("reviewer", name, known)


def name_and_value(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``; raises a usage error otherwise."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--field")
    return name.strip(), value
