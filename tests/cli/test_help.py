"""Help answers at once, for every command, and says the same as the documentation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.main import spandocket as root
from cli.nouns import NOUNS

REPOSITORY = Path(__file__).parents[2]
HEAVY = {
    "polars",
    "grpc",
    "google.protobuf",
    "opentelemetry",
    "numpy",
    "scipy",
    "sklearn",
    "pyarrow",
    "deltalake",
    "sqlalchemy",
    "alembic",
    "altair",
    "starlette",
    "uvicorn",
    "rich",
    "orjson",
    "jsonschema_rs",
}
_PROGRAM = """
import json, sys
from click.testing import CliRunner
from cli.main import spandocket
answers = []
for path in json.loads(sys.argv[1]):
    outcome = CliRunner().invoke(spandocket, [*path, "--help"])
    answers.append([path, outcome.exit_code, outcome.output, sorted(sys.modules)])
print(json.dumps(answers))
"""


def paths(command, path=()):
    yield path
    for name in getattr(command, "nouns", None) or getattr(command, "commands", {}):
        yield from paths(command.get_command(None, name), (*path, name))


EVERY_COMMAND = [*paths(root)]


def test_every_noun_of_the_contract_is_there():
    assert set(NOUNS) >= {
        *("serve", "import", "spans", "traces", "analyze", "baselines", "findings", "queues"),
        *("items", "fields", "annotations", "evaluations", "alignment", "config", "doctor", "demo"),
    }


@pytest.mark.parametrize("path", EVERY_COMMAND, ids=" ".join)
def test_help_names_an_example_and_every_option_says_what_it_is_for(path):
    command = root
    for name in path:
        command = command.get_command(None, name)

    assert (command.epilog or "").startswith("Example: spandocket "), "the help has no example"
    assert command.help
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == [], "options without a sentence"


def test_help_of_every_command_loads_no_engine():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(EVERY_COMMAND)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    for path, code, text, modules in json.loads(done.stdout):
        loaded = HEAVY.intersection(modules)
        assert code == 0, text
        assert text.startswith("Usage: ")
        assert loaded == set(), f"spandocket {' '.join(path)} --help loads {loaded}"
