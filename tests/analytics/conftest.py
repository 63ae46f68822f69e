from __future__ import annotations

from typing import NamedTuple

import pytest
from click.testing import CliRunner

from cli.exit_codes import exit_code_of
from cli.main import spandocket as spandocket_command
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore


class Said(NamedTuple):
    """What a person sees of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def store(tmp_path):
    return SpanStore(tmp_path / "tables")


@pytest.fixture
def queues(tmp_path):
    store = QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())
    yield store
    store.close()


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs ``spandocket ARGUMENTS`` in this process, for speed, on the stores of the test."""
    for name in ("CONFIG", "PROJECT", "DATA_DIR", "JUDGE_KEY"):
        monkeypatch.delenv(f"SPANDOCKET_{name}", raising=False)
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'[store]\nurl = "{tmp_path / "tables"}"\n'
        f'[queue]\nurl = "sqlite:///{tmp_path / "queue.sqlite3"}"\n'
    )

    def run(*arguments):
        head = ["--data-dir", str(tmp_path / "data"), "--config", str(settings)]
        done = CliRunner().invoke(spandocket_command, [*head, *map(str, arguments)])
        code, err = done.exit_code, done.stderr
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            code = exit_code_of(done.exception)
            err += str(done.exception)
        return Said(code, done.stdout, err)

    return run
