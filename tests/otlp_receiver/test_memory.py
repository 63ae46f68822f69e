"""Freed memory is kept while it is needed again, and given back when asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, resource, sys
from otlp_receiver.memory import give_back_freed_memory, keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def fill_and_free(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        block = libc.malloc(40 * 2**20)
        ctypes.memset(block, 1, 40 * 2**20)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    print(int(keep_freed_memory(256 * 2**20)))
else:
    print(0)
fill_and_free(1)
print(fill_and_free(4))
give_back_freed_memory()
print(fill_and_free(1))
"""


def _faults(mode: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, mode], capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own setting")
def test_freed_memory_is_used_again_until_it_is_given_back() -> None:
    _, by_default, _ = _faults("default")
    kept, again, after_giving_back = _faults("keep")

    if not kept:
        pytest.skip("SKIPPED LOUDLY: the C library of this machine is not glibc")
    assert again * 4 < by_default, "more blocks of the same size need no fresh pages"
    assert after_giving_back * 8 > by_default, "one block of four is taken anew"


@pytest.mark.parametrize("room", ["otlp_receiver", "cli"])
@pytest.mark.parametrize("program", ["loader_process", "worker_process"])
def test_a_loader_prepares_polars_before_it_is_imported(room: str, program: str) -> None:
    told = f"import sys, {room}.{program}; sys.exit('polars' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
