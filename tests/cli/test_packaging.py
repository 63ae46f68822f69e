"""What is installed from a wheel is all that the product needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = (
    "analytics",
    "cli",
    "configs",
    "otlp_receiver",
    "queue_store",
    "review_app",
    "span_store",
)

pytestmark = [pytest.mark.slow, pytest.mark.acceptance]


def tracked():
    """Files of the packages that the repository holds, by their path in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *PACKAGES, "pyproject.toml", "README.md", "LICENSE"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((REPOSITORY / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    packed = set(wheel.namelist())

    assert sorted(name for name in tracked() if "/" in name and name not in packed) == []


def test_no_tests_benchmarks_or_documents_are_installed(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if ".dist-info" not in top} <= set(PACKAGES)
