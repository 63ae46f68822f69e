"""What ``serve`` arranges before the servers start."""

import os
import subprocess
import sys

import pytest

from cli.serve import keep_connections_over_forks


def test_grpc_leaves_connections_alone_when_children_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRPC_ENABLE_FORK_SUPPORT", raising=False)
    keep_connections_over_forks()
    assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "0"

    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "1")
    keep_connections_over_forks()
    assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "1"


def test_nothing_imports_grpc_before_serve_arranged_it() -> None:
    code = "import sys, cli.serve, cli.main; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
