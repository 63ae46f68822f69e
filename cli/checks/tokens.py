"""The files of tokens: whether the receiver and the review page can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.checks.model import failed, good

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.checks.model import Check


def check_tokens(folder: Path) -> Iterator[Check]:
    """Whether senders' and reviewers' tokens can be read, where there are any."""
    from otlp_receiver.errors import InvalidTokenFileError
    from otlp_receiver.tokens import TokenFile

    for name in ("tokens.json", "reviewers.json"):
        if not (folder / name).exists():
            continue
        try:
            count = len(TokenFile(folder / name).tokens())
        except InvalidTokenFileError as error:
            remedy = "Restore the file; or delete it, create new tokens and hand them out."
            yield failed(name, str(error), remedy)
        else:
            yield good(name, f"{count} tokens")
