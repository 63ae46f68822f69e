"""A receiver on a small disk of its own, which fills up: nothing acknowledged is ever lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from otlp_receiver.config import ReceiverConfig
from otlp_receiver.spool_level import SpoolLevel
from tests.otlp_receiver.requests import span_ids, trace_request
from tests.otlp_receiver.serving import Served, eventually, rows

if TYPE_CHECKING:
    from collections.abc import Iterator


def can_mount() -> bool:
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "x", "/mnt"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def served_on_a_disk(tmp_path: Path, size: str, ballast: str, config: str) -> Iterator[Served]:
    """A receiver whose data directory is a disk of this size, with a file of ballast on it."""
    # No package brings this: it is the machine that allows it, or not.
    if not can_mount():
        pytest.skip("SKIPPED LOUDLY: a small disk needs unshare and mount namespaces")
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[receiver]\ndrain_seconds = '10m'\n{config}")
    ready = tmp_path / "ready.json"
    script = (
        f'mount -t tmpfs -o size={size} none "$1" '
        f'&& head -c {ballast} /dev/zero > "$1/ballast" && shift && exec "$@"'
    )
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"),
                *(str(data_dir), sys.executable, "-m", "cli", "--data-dir", str(data_dir)),
                *("--config", str(settings), "serve", "--grpc-port", "0", "--http-port", "0"),
                *("--ready-file", str(ready)),
            ],
            stderr=log,
        )
    served = object.__new__(Served)
    served.process, served.ready, served.log = process, ready, tmp_path / "log"
    served.data_dir = Path(f"/proc/{process.pid}/root{data_dir}")
    try:
        yield served.wait()
    finally:
        process.kill()
        process.wait()


@pytest.mark.acceptance
def test_a_full_disk_refuses_retryably_and_recovers(tmp_path: Path) -> None:
    with served_on_a_disk(tmp_path, "24m", "16M", "disk_free_bytes_min = 0\n") as served:
        loader = served.hold_loader()
        acknowledged, codes = fill_until_refused(served)
        (served.data_dir / "ballast").unlink()
        loader.resume()
        more = trace_request(5, seed=10**6)
        eventually(lambda: accepted(served, more.SerializeToString()))
        acknowledged.update(span_ids(more))

        eventually(lambda: acknowledged <= rows(copy_of(served.data_dir, tmp_path / "copy")))
        assert codes == {grpc.StatusCode.UNAVAILABLE}
        assert served.stop() == 0


@pytest.mark.acceptance
def test_room_that_is_kept_free_lets_the_loader_make_more(tmp_path: Path) -> None:
    config = "disk_free_bytes_min = '12MiB'\nsegment_bytes = '1MiB'\n"
    with served_on_a_disk(tmp_path, "32m", "1", config) as served:
        loader = served.hold_loader()
        acknowledged, codes = fill_until_refused(served)
        used_while_refused = used_bytes(served.data_dir / "spool")
        loader.resume()
        # Nobody frees anything by hand.
        more = trace_request(5, seed=10**6)
        eventually(lambda: accepted(served, more.SerializeToString()))
        acknowledged.update(span_ids(more))

        eventually(lambda: acknowledged <= rows(copy_of(served.data_dir, tmp_path / "copy")))
        eventually(lambda: used_bytes(served.data_dir / "spool") < used_while_refused / 2)
        assert codes == {grpc.StatusCode.UNAVAILABLE}
        assert served.stop() == 0


def used_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.segment"))


def test_below_the_room_that_is_kept_free_requests_are_refused(tmp_path: Path) -> None:
    levels = [
        SpoolLevel(tmp_path, ReceiverConfig(disk_free_bytes_min=minimum)) for minimum in (0, 2**62)
    ]

    for level in levels:
        level.measure(0.0)

    assert [level.is_full() for level in levels] == [False, True]
    assert levels[1].what_is_behind() == "the disk is nearly full"


def copy_of(inside: Path, outside: Path) -> Path:
    """The tables within the namespace, where a path that is made absolute still leads to them."""
    shutil.rmtree(outside, ignore_errors=True)
    if (inside / "spans" / "_delta_log").exists():
        shutil.copytree(inside / "spans", outside / "spans")
    return outside


def fill_until_refused(served: Served) -> tuple[set[tuple[str, str]], set[grpc.StatusCode]]:
    acknowledged: set[tuple[str, str]] = set()
    codes: set[grpc.StatusCode] = set()
    for seed in range(200):
        request = trace_request(20, seed=seed, content="x" * 9000)
        try:
            served.export(request.SerializeToString())
        except grpc.RpcError as error:
            codes.add(error.code())
            if seed > 60:
                break
        else:
            acknowledged.update(span_ids(request))
    return acknowledged, codes


def accepted(served: Served, body: bytes) -> bool:
    try:
        served.export(body)
    except grpc.RpcError:
        return False
    return True
