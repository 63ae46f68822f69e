"""Standard streams that whoever started the command closed."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Lead streams that are closed (``spandocket … >&-``) to and from nowhere.

    Python has None for them, on which every print to a terminal or not would stumble. And the next
    file that is opened would get their number: what a library prints would be written into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
