"""What ``serve`` arranges before the servers start."""

import os
import subprocess
import sys

import pytest

from cli.serve import set_up_grpc


def test_grpc_leaves_connections_alone_when_children_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_VERBOSITY", "ERROR")
    monkeypatch.delenv("GRPC_ENABLE_FORK_SUPPORT", raising=False)
    set_up_grpc()
    assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "0"

    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "1")
    set_up_grpc()
    assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "1"


def test_nothing_imports_grpc_before_serve_arranged_it() -> None:
    code = "import sys, cli.serve, cli.main; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_may_open_as_many_files_as_the_system_lets_it() -> None:
    """In a process of its own, because a limit stays."""
    program = (
        "import resource; from cli.serve import raise_file_limit; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 3000)); raise_file_limit(); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)); raise_file_limit()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True
    )

    assert done.stdout == "(3000, 3000)\n"
