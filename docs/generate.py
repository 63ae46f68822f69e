"""Writes what a machine can write of the documentation: ``python -m docs.generate [--check]``."""

from __future__ import annotations

import sys
from difflib import unified_diff
from importlib import import_module
from pathlib import Path

from docs.generated import FILES, SECTIONS, Section

ROOT = Path(__file__).resolve().parent.parent


class MarkerMissingError(Exception):
    """A section's markers are not in its file."""


def main() -> int:
    """Write, or with ``--check`` compare and end with 1 when anything differs."""
    check = "--check" in sys.argv[1:]
    stale = 0
    for path, text in wanted().items():
        file = ROOT / path
        present = file.read_text(encoding="utf-8") if file.exists() else ""
        if text == present:
            continue
        stale += 1
        if check:
            print(*unified_diff(present.splitlines(), text.splitlines(), path, "written"), sep="\n")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if check and stale:
        print(f"{stale} file(s) differ from what the machine would write: run `make docs`")
        return 1
    return 0


def wanted() -> dict[str, str]:
    """The whole text of every file that the machine writes, wholly or in part, by path."""
    texts = {file.path: _call(file.source) for file in FILES}
    for section in SECTIONS:
        if section.path not in texts:
            texts[section.path] = (ROOT / section.path).read_text(encoding="utf-8")
        texts[section.path] = _replaced(texts[section.path], section)
    return texts


def _replaced(text: str, section: Section) -> str:
    begin, end = f"<!-- generated: {section.name} -->", f"<!-- end: {section.name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise MarkerMissingError(f"{section.path} needs one {begin} and one {end}")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{_call(section.source).strip()}\n{end}{after}"


def _call(source: str) -> str:
    module, function = source.split(":")
    text = getattr(import_module(module), function)()
    assert isinstance(text, str)
    return text


if __name__ == "__main__":
    sys.exit(main())
