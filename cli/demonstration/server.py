"""``spandocket serve`` as the demonstration starts it: a process of its own on free ports."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from cli.demonstration.errors import ServerFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_LAST_WORDS_BYTES = 2_000


class Server:
    """A context manager: started and ready inside, stopped with SIGTERM at the end.

    Raises :class:`ServerFailedError` when the server does not get ready, or does not end with 0.
    """

    def __init__(self, data_dir: Path, environment: Mapping[str, str]) -> None:
        self._data_dir = data_dir
        self._environment = dict(environment)
        self._log = data_dir / "serve.log"
        self._ready = data_dir / "serve.ready.json"
        self.grpc_endpoint = ""

    def __enter__(self) -> Self:
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "cli", "--data-dir", str(self._data_dir)]
        command += [
            "serve",
            "--grpc-port",
            "0",
            "--http-port",
            "0",
            "--ready-file",
            str(self._ready),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None:
                raise ServerFailedError(f"ended with {self._process.returncode}", self._said())
            if time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                raise ServerFailedError(f"was not ready after {_START_SECONDS:.0f} s", self._said())
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = None
        self._ready.unlink(missing_ok=True)
        if error is None and code != 0:
            how = "did not stop" if code is None else f"ended with {code}"
            raise ServerFailedError(how, self._said())

    def _is_ready(self) -> bool:
        try:
            addresses = json.loads(self._ready.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        self.grpc_endpoint = addresses["grpc"]
        return True

    def _said(self) -> str:
        return self._log.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace")
