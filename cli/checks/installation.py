"""The installation: Python, our packages, and the packages they need."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from cli.checks.model import failed, good
from cli.shadowing import PACKAGES, home, shadowed_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.checks.model import Check

_OWN_ENVIRONMENT = "Install spandocket into an environment of its own: pipx, uv tool, a container."


def check_installation() -> Iterator[Check]:
    """Python's version, where our packages come from, and what they need."""
    yield _python()
    yield _packages()
    yield _requirements()


def _python() -> Check:
    # An older Python cannot install the product, let alone come here.
    return good("python", f"{'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}")


def _packages() -> Check:
    """One installation, and no other distribution that writes into the same folders."""
    shadowed = shadowed_packages()
    if shadowed:
        found = "; ".join(f"{package} comes from {place}" for package, place in shadowed.items())
        return failed("packages", found, _OWN_ENVIRONMENT)
    owners = packages_distributions()
    others = {
        package: sorted(set(owners.get(package, [])) - {"spandocket"}) for package in PACKAGES
    }
    clashes = [f"{name} is also in {', '.join(who)}" for name, who in others.items() if who]
    if clashes:
        return failed("packages", "; ".join(clashes), _OWN_ENVIRONMENT)
    return good("packages", f"all six from {home()}")


def _requirements() -> Check:
    """Every package that ours need, at a version they can work with."""
    try:
        lines = requires("spandocket") or []
    except PackageNotFoundError:
        return failed(
            "requirements",
            "spandocket runs from its sources, without an installation",
            "Run `make env`, or `pip install .` in an environment of its own.",
        )
    wanted = [Requirement(line) for line in lines]
    wanted = [need for need in wanted if need.marker is None or need.marker.evaluate()]
    problems = []
    for need in wanted:
        try:
            present = version(need.name)
        except PackageNotFoundError:
            problems.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(present, prereleases=True):
            problems.append(f"{need.name} is {present}, needs {need.specifier}")
    if problems:
        return failed(
            "requirements",
            "; ".join(problems),
            "Install again: pip install -c constraints.txt spandocket, or `make env`.",
        )
    return good("requirements", f"{len(wanted)} packages, spandocket {version('spandocket')}")
