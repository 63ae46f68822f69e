"""How the job's process keeps memory that it freed; imports nothing, so that it can come first."""

from __future__ import annotations

POLARS_ALLOCATOR = (
    "_RJEM_MALLOC_CONF",
    "narenas:2,dirty_decay_ms:30000,muzzy_decay_ms:0",
)
"""Name and value of the setting with which Polars' own allocator keeps freed pages half a minute.

The columns of a chunk are freed when the next chunk's are about to come. With the default of half
a second most pages are given back to the system and taken anew, which costs a tenth of the run's
processor time; with some seconds it still does so on a machine that has other work. Two arenas,
because two threads work: what one frees, another cannot use. Read once, when Polars is first
imported.
"""
