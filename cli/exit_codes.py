"""Which error ends the command with which code.

The codes and their meanings are in :data:`EXIT_CODES`.
"""

from __future__ import annotations

import sys

DONE = 0
FAILED = 1
USAGE = 2
REFUSED = 3
INTERRUPTED = 130

EXIT_CODES: dict[int, str] = {
    DONE: "done",
    FAILED: "failed; the message says why",
    USAGE: "wrong usage or configuration; the message names the nearest right one",
    REFUSED: "a check or a gate said no",
    INTERRUPTED: "interrupted",
}
"""What every code means, for the documentation."""

_BASES: dict[str, int] = {
    "span_store.errors.SpanStoreError": FAILED,
    "otlp_receiver.errors.ReceiverError": FAILED,
    "analytics.errors.AnalyticsError": FAILED,
    "queue_store.errors.QueueStoreError": FAILED,
    "analytics.alignment.errors.AlignmentError": USAGE,
    "analytics.errors.UnknownDetectorError": USAGE,
    "analytics.errors.InvalidDetectorError": USAGE,
    "analytics.judge.errors.JudgeNotConfiguredError": USAGE,
    "span_store.errors.UnknownColumnError": USAGE,
    "span_store.errors.InvalidFilterError": USAGE,
    "cli.demonstration.errors.DemonstrationError": FAILED,
    "polars.exceptions.ComputeError": FAILED,
    "queue_store.errors.NotFoundError": USAGE,
    "queue_store.errors.AlreadyExistsError": USAGE,
    "queue_store.errors.InvalidValueError": USAGE,
    "queue_store.errors.FieldImmutableError": USAGE,
    "otlp_receiver.errors.UnknownTokenError": USAGE,
    "otlp_receiver.errors.UnknownQuarantineError": USAGE,
    "otlp_receiver.errors.InsecureBindError": USAGE,
    "otlp_receiver.errors.UnusableCertificateError": USAGE,
    "otlp_receiver.dialects.prices.PriceFileError": USAGE,
    "otlp_receiver.errors.InvalidOwnTracesError": USAGE,
    "review_app.errors.InsecureBindError": USAGE,
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


def is_interruption(error: BaseException) -> bool:
    """Whether it is an interruption, or what came of one that hit a library in the middle of work.

    A commit that Ctrl-C breaks off fails in ways of its own while it is being undone.
    """
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        if isinstance(one, KeyboardInterrupt):
            return True
        seen.add(id(one))
        one = one.__cause__ or one.__context__
    return False


def message_of(error: BaseException) -> str:
    """What to tell the person; of the operating system's errors the place first, then the reason.

    Python writes "[Errno 30] Read-only file system: '/data'", which reads like a crash.
    """
    if isinstance(error, OSError) and error.strerror:
        is_named = isinstance(error.filename, str)
        return f"cannot use {error.filename}: {error.strerror}" if is_named else error.strerror
    return str(error)
