"""How this process keeps memory that it freed, and how Polars behaves beside other work.

Requests and batches are buffers of megabytes that live for milliseconds. By default glibc takes
each from the system and gives it back, and the system clears every page anew: a quarter of the
processor time of understanding a batch (measured: 19.5 us a span with, 14.2 without).
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys

_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8
"""``mallopt``'s parameters, from ``malloc.h``."""

_MMAP_THRESHOLD_BYTES_MAX = 32 * 2**20
"""What glibc before 2.35 takes."""
_NEW_OBJECTS = 100_000
"""After so many new ones the garbage collector looks at the youngest objects."""
_TOP_PAD_BYTES = 16 * 2**20
_BYTES_MAX = 2**30
"""``mallopt`` takes a C int."""


POLARS_ALLOCATOR = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:0")
"""Name and value of the setting with which Polars' own allocator keeps pages for ten seconds.

Half a second is its default, about what a batch takes: most pages were taken anew (measured: 62
against 8 thousand page faults in four batches; a third of what compaction takes). What nothing
needed for so long goes back at once: offered to the system instead, it would still be resident (a
loader grew by 15 MiB a minute, and took no less time).
"""


def prepare_polars() -> None:
    """Let Polars keep memory, and use half of the processors.

    Its threads look for work for a while when they have none, which on a small machine takes more
    from the other processes than they ever do (measured on two cores: a tenth more was loaded).
    Read once, when Polars is first imported; what is set already stays.
    """
    threads = max(1, (os.cpu_count() or 1) // 2)
    # What one thread frees another uses again only where they share an arena.
    name, kept = POLARS_ALLOCATOR
    os.environ.setdefault(name, f"{kept},narenas:{threads}")
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))


def keep_freed_memory(bytes_max: int, *, arenas_max: int = 0) -> bool:
    """Keep up to this many freed bytes for the next allocation; False where libc is not glibc.

    Blocks larger than that still go back to the system at once. ``arenas_max`` bounds how many
    threads keep memory of their own, 0 leaves it to glibc: what one frees, another cannot use.
    """
    mallopt = _of_libc("mallopt")
    if mallopt is None:
        return False
    if arenas_max:
        mallopt(_ARENA_MAX, arenas_max)
    bytes_max = min(bytes_max, _BYTES_MAX)
    threshold = min(bytes_max, _MMAP_THRESHOLD_BYTES_MAX)
    is_kept = mallopt(_MMAP_THRESHOLD, bytes_max) or mallopt(_MMAP_THRESHOLD, threshold)
    return bool(
        is_kept and mallopt(_TRIM_THRESHOLD, bytes_max) and mallopt(_TOP_PAD, _TOP_PAD_BYTES)
    )


def give_back_freed_memory() -> None:
    """Give all freed memory back to the system, as when nothing more is to be done for now."""
    malloc_trim = _of_libc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def spare_garbage_collector() -> None:
    """Let it look at new objects more seldom, and never again at what exists by now.

    What the program consists of is no garbage; requests, JSON above all, make so many objects that
    looking at it all again and again took a quarter of the time, and of a batch job's 4 %.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 50, 100)


def _of_libc(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of the C library; None where it has no such function."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)  # type: ignore[no-any-return]
    except (OSError, AttributeError):
        return None
