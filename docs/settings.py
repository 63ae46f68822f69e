"""The settings file with every key, explained, commented out at its default."""

from __future__ import annotations

from itertools import groupby

from cli.configuration import Configuration
from cli.settings import Setting, settings

_HEAD = """\
# Every setting of spandocket, commented out at its default. Written by `make docs`.
# Take what you need into a file of your own:   spandocket --config FILE config check
# Durations are written as "500ms", "30s", "5m", "2h", "7d"; sizes as "64KiB", "64MiB", "2GiB".
"""


def page() -> str:
    """The file."""
    parts = [_HEAD]
    for section, entries in groupby(settings(Configuration()), key=lambda s: s.section):
        parts.append(f"[{section}]\n" + "\n".join(map(_entry, entries)))
    return "\n".join(parts)


def _entry(setting: Setting) -> str:
    return f"# {setting.doc}\n# {setting.key} = {setting.as_toml}\n"
