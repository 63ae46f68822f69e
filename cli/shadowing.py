"""Whether the packages that would be imported are the ones of this installation.

The product's packages have plain names (``analytics``, ``configs``), which others use too. One of
another distribution that stands earlier on the path would be imported instead of ours.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

PACKAGES = ("otlp_receiver", "span_store", "analytics", "queue_store", "review_app", "cli")


class ShadowedPackageError(click.ClickException):
    """A package of another distribution would be imported instead of one of ours."""


def home() -> Path:
    """The folder that holds the packages of this installation."""
    return Path(__file__).resolve().parent.parent


def shadowed_packages() -> dict[str, str]:
    """Packages that would not come from this installation, and where they would come from."""
    found = {}
    for package in PACKAGES:
        spec = find_spec(package)
        origin = None if spec is None else spec.origin
        if origin is None:
            found[package] = "nowhere"
        elif Path(origin).resolve().parent.parent != home():
            found[package] = str(Path(origin).parent)
    return found


def refuse_shadowed_packages() -> None:
    """Raise :class:`ShadowedPackageError` when the packages come from several installations."""
    found = shadowed_packages()
    if found:
        lines = [f"  {package} would come from {place}" for package, place in found.items()]
        raise ShadowedPackageError(
            f"spandocket is installed in {home()}, but another distribution shadows it:\n"
            + "\n".join(lines)
            + "\nInstall spandocket into an environment of its own (pipx, uv tool, a container)."
        )
