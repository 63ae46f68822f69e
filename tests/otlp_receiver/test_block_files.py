"""Files of whole blocks: what was written is read back, past the page cache or through it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from otlp_receiver.block_files import BLOCK_BYTES, BlockReader, BlockWriter, blocks

if TYPE_CHECKING:
    from pathlib import Path

DIRECT = getattr(os, "O_DIRECT", 0)
SIZES = [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES, 7, 40_000, 3]


def written(path: Path) -> bytes:
    """One write a size, through memory of two blocks; what the file must hold."""
    file = BlockWriter(path, blocks(2 * BLOCK_BYTES))
    expected = b""
    for number, size in enumerate(SIZES):
        buffers = [bytes([number + 1]) * size, b"", b"end"]
        file.write(buffers)
        file.sync()
        expected += b"".join(buffers)
        expected += bytes(-len(expected) % BLOCK_BYTES)
        assert file.offset == len(expected)
    file.close()
    return expected


def test_writes_end_with_zeros_up_to_the_block(tmp_path: Path) -> None:
    expected = written(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == expected


@pytest.mark.parametrize("start", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 50_001, 10**6])
@pytest.mark.parametrize("size", [1, BLOCK_BYTES, 30_000, 10**6])
def test_any_stretch_is_read_as_it_was_written(tmp_path: Path, start: int, size: int) -> None:
    expected = written(tmp_path / "file")

    found = BlockReader().read(tmp_path / "file", start, size)

    assert found == expected[start : start + size]


def test_a_file_that_ends_within_a_block_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)
    reader = BlockReader()

    assert reader.read(tmp_path / "file", 4999, 100) == b"x"
    assert reader.read(tmp_path / "file", 0, 100_000) == b"x" * 5000
    assert reader.read(tmp_path / "file", 5000, 100) == b""


def test_a_file_system_without_direct_access_goes_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some refuse at the opening, and may have made the file by then; some at the first write."""
    really_open, really_write = os.open, os.pwrite

    def refuse_open(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & DIRECT:
            if flags & os.O_CREAT:
                os.close(really_open(path, flags & ~DIRECT, mode))
            raise OSError(errno.EINVAL, "no direct access")
        return really_open(path, flags, mode)

    def refuse_write(descriptor: int, buffer: bytes, offset: int) -> int:
        import fcntl

        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & DIRECT:
            raise OSError(errno.EINVAL, "not aligned")
        return really_write(descriptor, buffer, offset)

    for name, refusal in (("open", refuse_open), ("pwrite", refuse_write)):
        path = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr(f"os.{name}", refusal)
            expected = written(path)
            assert BlockReader().read(path, 0, 10**6) == expected
        assert path.read_bytes() == expected


def test_other_errors_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = BlockWriter(tmp_path / "file", blocks(BLOCK_BYTES))
    file.write([b"kept"])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            file.write([b"lost"])
    file.write([b"more"])
    file.close()

    assert (tmp_path / "file").read_bytes()[::BLOCK_BYTES] == b"km"
    with pytest.raises(FileExistsError):
        BlockWriter(tmp_path / "file", blocks(BLOCK_BYTES))
