"""Which error ends the command with which code.

0 done; 1 failed; 2 usage or configuration; 3 a check or gate said no; 130 interrupted;
"""

from __future__ import annotations

import sys

DONE = 0
FAILED = 1
USAGE = 2
REFUSED = 3
INTERRUPTED = 130

_BASES: dict[str, int] = {
    "span_store.errors.SpanStoreError": FAILED,
    "otlp_receiver.errors.ReceiverError": FAILED,
    "analytics.errors.AnalyticsError": FAILED,
    "queue_store.errors.QueueStoreError": FAILED,
    "span_store.errors.UnknownColumnError": USAGE,
    "span_store.errors.InvalidFilterError": USAGE,
    "builtins.OSError": FAILED,
}


def exit_code_of(error: BaseException) -> int | None:
    """The code of the most derived known base of this error; None for a defect of ours.

    Looks names up among loaded modules: a package that was never imported cannot have raised.
    """
    for base in type(error).__mro__:
        name = f"{base.__module__}.{base.__qualname__}"
        if name in _BASES and base.__module__ in sys.modules:
            return _BASES[name]
    return None
