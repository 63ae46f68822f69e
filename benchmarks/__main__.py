"""Runs every benchmark, one after the other: ``python -m benchmarks [NAME…]``.

Each prints ratios that were measured in one run; what they must reach is in ``README.md``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = {"__init__", "__main__", "empty_handler", "load", "processors", "labelled_traces",
         # Wants reference packages, in an environment of its own.
         "alignment_references"}  # fmt: skip


def names():
    """The benchmarks: every file with a ``main`` that measures."""
    found = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return sorted(found - PARTS)


def main():
    """Run them in processes of their own; end with 1 when one fails."""
    wanted = sys.argv[1:] or names()
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; known: {', '.join(names())}")
    failed = []
    for name in wanted:
        print(f"\n# {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
